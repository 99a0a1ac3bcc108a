"""Stacks with resources of Personalize, in the in-process mock."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from tests.clients import client
from tests.edge.moto_adapter.stacks import (
    BUCKET,
    CDK_TEMPLATE,
    FILMS,
    ROLE,
    arn,
    failures,
    group_and_dataset,
    history,
    import_job,
    names,
    outputs,
    status,
    template,
)
from tests.given import INTERACTIONS_SCHEMA, avro, field
from tests.refusals import refusal


def test_a_stack_creates_resources_in_the_order_of_their_references(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    assert status(cloudformation) == "CREATE_COMPLETE"
    solution = personalize.describe_solution(solutionArn=arn("solution", "films-solution"))["solution"]
    assert (solution["performHPO"], solution["recipeArn"]) == (False, "arn:aws:personalize:::recipe/aws-sims")
    dataset = personalize.list_datasets()["datasets"][0]
    assert (dataset["name"], dataset["status"]) == ("films-interactions", "ACTIVE")
    tags = personalize.list_tags_for_resource(resourceArn=arn("dataset-group", "films"))["tags"]
    assert tags == [{"tagKey": "team", "tagValue": "search"}]
    assert history(cloudformation) == [
        ("films", "CREATE_IN_PROGRESS"),
        *((name, each) for name in ("Schema", "Group", "Interactions", "Solution")
          for each in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")),
        ("films", "CREATE_COMPLETE"),
    ]  # fmt: skip


def test_outputs_exports_and_resources_show_arns(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    found = outputs(cloudformation)
    solution = arn("solution", "films-solution")
    assert found == {"SolutionArn": solution, "Group": arn("dataset-group", "films")}
    assert [(each["Name"], each["Value"]) for each in cloudformation.list_exports()["Exports"]] == [
        ("films-solution", solution)
    ]
    resources = cloudformation.describe_stack_resources(StackName="films")["StackResources"]
    assert {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources} == {
        "Schema": arn("schema", "films-schema"),
        "Group": found["Group"],
        "Interactions": arn("dataset", "films/INTERACTIONS"),
        "Solution": solution,
    }


def test_conditions_and_parameters_decide_what_exists(cloudformation: Any, personalize: Any) -> None:
    shop = [{"ParameterKey": "Name", "ParameterValue": "shop"}]
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS, Parameters=shop)
    tracker = personalize.list_event_trackers()["eventTrackers"][0]["eventTrackerArn"]
    tracking_id = personalize.describe_event_tracker(eventTrackerArn=tracker)["eventTracker"]["trackingId"]
    assert outputs(cloudformation)["TrackingId"] == tracking_id
    assert names(personalize, "dataset_groups") == ["shop"]


def test_a_dataset_is_complete_when_its_import_is(cloudformation: Any, personalize: Any) -> None:
    body = group_and_dataset(DatasetImportJob=import_job())
    cloudformation.create_stack(StackName="films", TemplateBody=body)
    assert status(cloudformation) == "CREATE_COMPLETE"
    job = personalize.list_dataset_import_jobs()["datasetImportJobs"][0]
    assert (job["jobName"], job["status"]) == ("first", "ACTIVE")


def test_a_failed_import_rolls_the_stack_back_with_the_reason_of_the_job(cloudformation: Any, personalize: Any) -> None:
    client("s3").put_object(Bucket=BUCKET, Key="interactions.csv", Body="USER_ID,ITEM_ID\nu,i\n")
    body = group_and_dataset(DatasetImportJob=import_job())
    cloudformation.create_stack(StackName="films", TemplateBody=body)
    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    ((name, reason),) = failures(cloudformation)
    assert name == "D"
    assert "TIMESTAMP" in reason
    assert names(personalize, "datasets") == names(personalize, "schemas") == []


def test_a_bad_schema_fails_with_the_text_of_the_service(cloudformation: Any, personalize: Any) -> None:
    body = template(G=("DatasetGroup", {"Name": "g"}), S=("Schema", {"Name": "s", "Schema": "no avro"}))
    _, text = refusal(personalize.create_schema, name="s", schema="no avro")
    cloudformation.create_stack(StackName="films", TemplateBody=body)
    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    ((name, reason),) = failures(cloudformation)
    assert name == "S"
    assert reason.startswith(f'Resource handler returned message: "{text} (Service: Personalize, Status Code: 400')
    assert reason.endswith("(HandlerErrorCode: InvalidRequest)")
    assert history(cloudformation)[-4:] == [
        ("films", "ROLLBACK_IN_PROGRESS"),
        ("G", "DELETE_IN_PROGRESS"),
        ("G", "DELETE_COMPLETE"),
        ("films", "ROLLBACK_COMPLETE"),
    ]
    assert names(personalize, "dataset_groups") == []


@pytest.mark.parametrize(
    ("options", "final", "groups"),
    [
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", ["g"]),
        ({"DisableRollback": True}, "CREATE_FAILED", ["g"]),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", []),
    ],
)
def test_what_follows_a_failure_is_chosen(
    cloudformation: Any, personalize: Any, options: Any, final: str, groups: list[str]
) -> None:
    body = template(G=("DatasetGroup", {"Name": "g"}), S=("Schema", {"Name": "s", "Schema": "no avro"}))
    stack = cloudformation.create_stack(StackName="films", TemplateBody=body, **options)["StackId"]
    assert status(cloudformation, stack) == final
    assert names(personalize, "dataset_groups") == groups


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("DatasetGroup", {}, "#: required key [Name] not found"),
        ("DatasetGroup", {"Name": "g", "Colour": "red"}, "#: extraneous key [Colour] is not permitted"),
        ("DatasetGroup", {"Name": ["g"]}, "#/Name: expected type: String, found: JSONArray"),
        (
            "Campaign",
            {"Name": "c", "SolutionVersionArn": "a", "MinProvisionedTPS": "many"},
            "#/MinProvisionedTPS: expected type: Integer, found: String",
        ),
        ("DatasetGroup", {"Name": "g", "Tags": [{"Key": "k"}]}, "#/Tags/0: required keys [Key, Value], and no others"),
        (
            "Solution",
            {"Name": "s", "DatasetGroupArn": "a", "SolutionConfig": {"TrainingDataConfig": {}}},
            "#/SolutionConfig: extraneous key [TrainingDataConfig] is not permitted",
        ),
    ],
)
def test_properties_outside_of_the_schema_fail_the_resource(
    cloudformation: Any, kind: str, properties: Any, reason: str
) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=template(X=(kind, properties)))
    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    assert failures(cloudformation) == [("X", f"Properties validation failed for resource with message:\n[{reason}]")]


@pytest.mark.parametrize("kind", ["AWS::Personalize::Recommender", "AWS::Lookout::Tower"])
def test_an_unknown_type_fails_the_stack(cloudformation: Any, personalize: Any, kind: str) -> None:
    resources = {"G": {"Type": "AWS::Personalize::DatasetGroup", "Properties": {"Name": "g"}}, "X": {"Type": kind}}
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps({"Resources": resources}))
    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    assert failures(cloudformation) == [("X", f"personalize-emu does not create resources of type {kind}")]
    assert names(personalize, "dataset_groups") == []


def test_deletion_removes_all_but_retained_resources(cloudformation: Any, personalize: Any) -> None:
    kept = json.loads(group_and_dataset())
    kept["Resources"]["S"]["DeletionPolicy"] = "Retain"
    kept["Resources"]["D"]["DeletionPolicy"] = kept["Resources"]["G"]["DeletionPolicy"] = "Delete"
    stack = cloudformation.create_stack(StackName="films", TemplateBody=json.dumps(kept))["StackId"]
    cloudformation.delete_stack(StackName="films")
    assert status(cloudformation, stack) == "DELETE_COMPLETE"
    assert ("S", "DELETE_SKIPPED") in history(cloudformation, stack)
    assert names(personalize, "schemas") == ["s"]
    assert names(personalize, "dataset_groups") == names(personalize, "datasets") == []
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_deletion_that_the_service_refuses_fails_the_stack(cloudformation: Any, given: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=template(G=("DatasetGroup", {"Name": "g"})))
    given.dataset(arn("dataset-group", "g"))
    cloudformation.delete_stack(StackName="films")
    assert status(cloudformation) == "DELETE_FAILED"
    ((name, reason), _) = failures(cloudformation)
    assert name == "G"
    assert "HandlerErrorCode: ResourceConflict" in reason


def test_what_is_gone_already_counts_as_deleted(cloudformation: Any, personalize: Any) -> None:
    stack = cloudformation.create_stack(StackName="films", TemplateBody=template(G=("DatasetGroup", {"Name": "g"})))
    personalize.delete_dataset_group(datasetGroupArn=arn("dataset-group", "g"))
    cloudformation.delete_stack(StackName="films")
    assert status(cloudformation, stack["StackId"]) == "DELETE_COMPLETE"


def test_a_stack_is_in_progress_until_its_resources_are_active(slow_emulator: Emulator) -> None:
    cloudformation, personalize = client("cloudformation"), client("personalize")
    cloudformation.create_stack(StackName="films", TemplateBody=group_and_dataset())
    assert status(cloudformation) == "CREATE_IN_PROGRESS"
    assert outputs(cloudformation) == {}
    assert names(personalize, "datasets") == []
    assert names(personalize, "dataset_groups") == ["g"]
    slow_emulator.advance(50)
    assert status(cloudformation) == "CREATE_IN_PROGRESS"
    assert names(personalize, "datasets") == ["d"]
    slow_emulator.advance(60)
    assert status(cloudformation) == "CREATE_COMPLETE"
    code, message = refusal(cloudformation.update_stack, StackName="films", TemplateBody=template())
    assert code == "ValidationError"
    assert "At least one Resources member" in message


def test_a_stack_is_deleted_while_it_is_being_created(slow_emulator: Emulator) -> None:
    cloudformation, personalize = client("cloudformation"), client("personalize")
    stack = cloudformation.create_stack(StackName="films", TemplateBody=group_and_dataset())["StackId"]
    refused = refusal(cloudformation.update_stack, StackName="films", TemplateBody=group_and_dataset(Name="e"))
    assert refused[1].endswith("is in CREATE_IN_PROGRESS state and can not be updated.")
    cloudformation.delete_stack(StackName="films")
    slow_emulator.advance(300)
    assert status(cloudformation, stack) == "DELETE_COMPLETE"
    assert names(personalize, "dataset_groups") == names(personalize, "schemas") == []


def test_a_synthesised_template_of_cdk_is_deployed_changed_and_deleted(cloudformation: Any, personalize: Any) -> None:
    body = CDK_TEMPLATE.read_text("utf-8")
    stack = cloudformation.create_stack(StackName="films", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert status(cloudformation) == "CREATE_COMPLETE"
    found = outputs(cloudformation)
    assert found["SolutionArn"] == arn("solution", "films-similar")
    assert client("s3").list_objects_v2(Bucket=found["DataBucketName"])["KeyCount"] == 0
    config = personalize.describe_solution(solutionArn=found["SolutionArn"])["solution"]["solutionConfig"]
    assert config["algorithmHyperParameters"] == {"popularity_discount_factor": "0.4"}
    cloudformation.update_stack(StackName="films", TemplateBody=body.replace('"films-similar"', '"films-alike"'))
    assert status(cloudformation) == "UPDATE_COMPLETE"
    assert names(personalize, "solutions") == ["films-alike"]
    assert outputs(cloudformation)["DataBucketName"] == found["DataBucketName"]
    cloudformation.delete_stack(StackName="films")
    assert status(cloudformation, stack["StackId"]) == "DELETE_COMPLETE"
    assert names(personalize, "schemas") == names(personalize, "dataset_groups") == []
    assert [each["Name"] for each in client("s3").list_buckets()["Buckets"]] == [BUCKET]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a: [", "Template format error: YAML not well-formed. (line 1, column 5)"),
        ("[]", "Template format error: unsupported structure."),
        ("{}", "Template format error: At least one Resources member must be defined."),
        (
            template(G=("DatasetGroup", {"Name": {"Ref": "Nothing"}})),
            "Template format error: Unresolved resource dependencies [Nothing] in the Resources block of the template",
        ),
        (
            template(G=("DatasetGroup", {"Name": {"Ref": "H"}}), H=("DatasetGroup", {"Name": {"Ref": "G"}})),
            "Circular dependency between resources: [G, H]",
        ),
        (
            "Resources: {G: {Type: A, Condition: Never}}",
            "Template format error: Unresolved condition dependency Never in the Resources block of the template",
        ),
        (
            "Resources: {G: {Type: A, Properties: !!python/object/apply:os.getcwd []}}",
            "Template format error: YAML not well-formed. (line 1, column 38)",
        ),
    ],
)
def test_malformed_templates_are_refused(cloudformation: Any, body: str, message: str) -> None:
    assert refusal(cloudformation.create_stack, StackName="films", TemplateBody=body) == ("ValidationError", message)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_filters_trackers_and_metric_attributions_are_created(cloudformation: Any, personalize: Any) -> None:
    body = json.loads(group_and_dataset())
    fields = (field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
    body["Resources"]["S"]["Properties"]["Schema"] = avro("Interactions", *fields)
    ours = {"DatasetGroupArn": {"Fn::Select": [0, [{"Ref": "G"}]]}}
    output = {"RoleArn": ROLE, "S3DataDestination": {"Path": f"s3://{BUCKET}/metrics/"}}
    metrics = [{"EventType": "click", "MetricName": "clicks", "Expression": "SAMPLECOUNT()"}]
    more = {
        "F": (
            "Filter",
            {"Name": "f", "FilterExpression": "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T)", **ours},
        ),
        "T": ("EventTracker", {"Name": "t", **ours}),
        "M": ("MetricAttribution", {"Name": "m", "Metrics": metrics, "MetricsOutputConfig": output, **ours}),
    }
    body["Resources"].update(json.loads(template(**more))["Resources"])
    for name in more:
        body["Resources"][name]["DependsOn"] = "D"
    body["Outputs"] = {"Status": {"Value": {"Fn::GetAtt": ["M", "Status"]}}}
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps(body))
    assert failures(cloudformation) == []
    assert outputs(cloudformation) == {"Status": "ACTIVE"}
    found = [names(personalize, each) for each in ("filters", "event_trackers", "metric_attributions")]
    assert found == [["f"], ["t"], ["m"]]


def test_an_export_of_another_stack_fails_the_stack(cloudformation: Any, personalize: Any) -> None:
    body = json.loads(template(G=("DatasetGroup", {"Name": "a"})))
    body["Outputs"] = {"G": {"Value": {"Ref": "G"}, "Export": {"Name": "group"}}}
    cloudformation.create_stack(StackName="first", TemplateBody=json.dumps(body))
    body["Resources"]["G"]["Properties"]["Name"] = "b"
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps(body))
    assert status(cloudformation) == "ROLLBACK_COMPLETE"
    assert names(personalize, "dataset_groups") == ["a"]
    reader = template(S=("EventTracker", {"Name": "t", "DatasetGroupArn": {"Fn::ImportValue": "group"}}))
    cloudformation.create_stack(StackName="reader", TemplateBody=reader)
    assert "must contain an INTERACTIONS dataset" in failures(cloudformation, "reader")[0][1]


def test_nested_stacks_are_created_and_deleted(cloudformation: Any, personalize: Any) -> None:
    client("s3").put_object(Bucket=BUCKET, Key="inner.json", Body=template(G=("DatasetGroup", {"Name": "g"})))
    url = f"https://s3.us-east-1.amazonaws.com/{BUCKET}/inner.json"
    nested = {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}}
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps({"Resources": nested}))
    assert (status(cloudformation), names(personalize, "dataset_groups")) == ("CREATE_COMPLETE", ["g"])
    cloudformation.delete_stack(StackName="films")
    assert (cloudformation.describe_stacks()["Stacks"], names(personalize, "dataset_groups")) == ([], [])


def test_an_unknown_attribute_is_refused(cloudformation: Any) -> None:
    body = json.loads(template(G=("DatasetGroup", {"Name": "g"})))
    body["Outputs"] = {"X": {"Value": {"Fn::GetAtt": "G.Colour"}}}
    code, message = refusal(cloudformation.create_stack, StackName="films", TemplateBody=json.dumps(body))
    assert code == "ValidationError"
    assert "DatasetGroup does not support attribute type Colour" in message


def test_stacks_belong_to_their_region(emulator: Emulator) -> None:
    ireland = boto3.client("cloudformation", region_name="eu-west-1")
    ireland.create_stack(StackName="films", TemplateBody=template(G=("DatasetGroup", {"Name": "g"})))
    personalize = boto3.client("personalize", region_name="eu-west-1")
    assert names(personalize, "dataset_groups") == ["g"]
    assert names(client("personalize"), "dataset_groups") == []
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_the_innermost_mock_gets_the_resources(emulator: Emulator) -> None:
    with mock_personalize():
        client("cloudformation").create_stack(
            StackName="inner", TemplateBody=template(S=("Schema", {"Name": "s", "Schema": INTERACTIONS_SCHEMA}))
        )
        assert names(client("personalize"), "schemas") == ["s"]
    assert names(client("personalize"), "schemas") == []


def test_without_an_emulator_stacks_are_those_of_moto() -> None:
    """Modules of moto stay extended in a process that also uses moto alone."""
    body = json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "other-bucket"}}}})
    with mock_personalize():
        client("cloudformation").create_stack(StackName="films", TemplateBody=body)
        assert ("B", "CREATE_COMPLETE") in history(client("cloudformation"))
    with mock_aws():
        client("cloudformation").create_stack(StackName="films", TemplateBody=body)
        assert history(client("cloudformation")) == [("films", "CREATE_IN_PROGRESS"), ("films", "CREATE_COMPLETE")]
