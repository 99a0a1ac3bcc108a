"""Updates of stacks: what stays, changes in place, is replaced, and is restored."""

from __future__ import annotations

import json
from typing import Any

from tests.clients import client
from tests.edge.moto_adapter.stacks import (
    FILMS,
    arn,
    failures,
    group_and_dataset,
    import_job,
    names,
    outputs,
    status,
    template,
)
from tests.refusals import refusal


def changed(cloudformation: Any, body: str, **params: Any) -> str:
    cloudformation.update_stack(StackName="films", TemplateBody=body, **params)
    return status(cloudformation)


def test_a_changed_import_job_imports_again_into_the_same_dataset(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=group_and_dataset(DatasetImportJob=import_job()))
    before = personalize.list_datasets()["datasets"]
    assert changed(cloudformation, group_and_dataset(DatasetImportJob=import_job("second"))) == "UPDATE_COMPLETE"
    assert names(personalize, "dataset_import_jobs") == ["first", "second"]
    assert personalize.list_datasets()["datasets"] == before


def test_a_new_name_replaces_a_resource_and_all_that_need_it(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    names_of_series = [{"ParameterKey": "Name", "ParameterValue": "series"}]
    assert changed(cloudformation, FILMS, Parameters=names_of_series) == "UPDATE_COMPLETE"
    assert names(personalize, "dataset_groups") == ["series"]
    assert names(personalize, "datasets") == ["series-interactions"]
    assert outputs(cloudformation)["SolutionArn"] == arn("solution", "series-solution")
    assert [each["Name"] for each in cloudformation.list_exports()["Exports"]] == ["series-solution"]


def test_a_change_that_moto_cannot_make_is_rolled_back_with_a_reason(cloudformation: Any) -> None:
    table = {
        "TableName": "films",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    body: dict[str, Any] = {"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps(body))
    table["Tags"] = [{"Key": "team", "Value": "search"}]
    assert changed(cloudformation, json.dumps(body)) == "UPDATE_ROLLBACK_COMPLETE"
    assert failures(cloudformation) == [("T", "personalize-emu does not change resources of type AWS::DynamoDB::Table")]


def test_bucket_policies_follow_the_template(cloudformation: Any) -> None:
    s3 = client("s3")

    def body(action: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "personalize.amazonaws.com"},
            "Action": action,
            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
        }
        policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
        bucket = {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "bucket-of-stack"},
            "DeletionPolicy": "Retain",
        }
        return json.dumps(
            {"Resources": {"Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy}, "Bucket": bucket}}
        )

    def action() -> str:
        policy = json.loads(s3.get_bucket_policy(Bucket="bucket-of-stack")["Policy"])
        return str(policy["Statement"][0]["Action"])

    cloudformation.create_stack(StackName="films", TemplateBody=body("s3:GetObject"))
    assert action() == "s3:GetObject"
    assert changed(cloudformation, body("s3:PutObject")) == "UPDATE_COMPLETE"
    assert action() == "s3:PutObject"
    assert changed(cloudformation, body("nothing at all").replace("Allow", "Perhaps")) == "UPDATE_ROLLBACK_COMPLETE"
    assert action() == "s3:PutObject"
    cloudformation.delete_stack(StackName="films")
    assert refusal(s3.get_bucket_policy, status=404, Bucket="bucket-of-stack")[0] == "NoSuchBucketPolicy"


def test_parameters_keep_their_previous_values_where_asked_for(cloudformation: Any, personalize: Any) -> None:
    """A parameter from the parameter store keeps its name, not the value that was found there."""
    body = json.loads(template(G=("DatasetGroup", {"Name": {"Ref": "Name"}})))
    body["Parameters"] = {
        "Name": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/names/old"},
        "Other": {"Type": "CommaDelimitedList", "Default": "a,b"},
    }
    client("ssm").put_parameter(Name="/names/old", Value="old", Type="String")
    client("ssm").put_parameter(Name="/names/new", Value="new", Type="String")
    name = {"ParameterKey": "Name", "ParameterValue": "/names/new"}
    kept = [{"ParameterKey": each, "UsePreviousValue": True} for each in ("Name", "Other")]
    cloudformation.create_stack(StackName="films", TemplateBody=json.dumps(body), Parameters=[name])
    assert names(personalize, "dataset_groups") == ["new"]
    update = cloudformation.update_stack
    unchanged = refusal(update, StackName="films", UsePreviousTemplate=True, Parameters=kept)
    assert unchanged == ("ValidationError", "No updates are to be performed.")
    body["Description"] = "changed"
    assert changed(cloudformation, json.dumps(body), Parameters=kept) == "UPDATE_COMPLETE"
    assert names(personalize, "dataset_groups") == ["new"]
    assert changed(cloudformation, json.dumps(body), Parameters=kept[1:]) == "UPDATE_COMPLETE"
    assert names(personalize, "dataset_groups") == ["old"]
    missing = {**name, "ParameterValue": "/names/none"}
    refused = refusal(update, StackName="films", TemplateBody=json.dumps(body), Parameters=[missing])
    assert refused[1] == "Unable to fetch parameters [/names/none] from parameter store for this account."


def test_unchanged_resources_stay_and_removed_ones_go(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    group = personalize.describe_dataset_group(datasetGroupArn=arn("dataset-group", "films"))["datasetGroup"]
    without = FILMS.partition("  Solution:")[0] + "  Interactions:" + FILMS.partition("  Interactions:")[2]
    without = without.partition("Outputs:")[0]
    assert changed(cloudformation, without) == "UPDATE_COMPLETE"
    assert names(personalize, "solutions") == []
    assert personalize.describe_dataset_group(datasetGroupArn=arn("dataset-group", "films"))["datasetGroup"] == group
    assert outputs(cloudformation) == {}
    assert cloudformation.list_exports()["Exports"] == []


def test_a_failed_update_restores_what_was_there(cloudformation: Any, personalize: Any) -> None:
    cloudformation.create_stack(StackName="films", TemplateBody=FILMS)
    before = outputs(cloudformation)
    broken = FILMS.replace('"${Name}-schema"', '"${Name}-schema-2"').replace('"${Name}-solution"', "other", 1)
    wrong = [{"ParameterKey": "Recipe", "ParameterValue": "aws-nothing"}]
    assert changed(cloudformation, broken, Parameters=wrong) == "UPDATE_ROLLBACK_COMPLETE"
    assert [name for name, _ in failures(cloudformation)] == ["Solution"]
    assert names(personalize, "schemas") == ["films-schema"]
    assert names(personalize, "solutions") == ["films-solution"]
    schema = personalize.describe_dataset(datasetArn=arn("dataset", "films/INTERACTIONS"))["dataset"]["schemaArn"]
    assert schema == arn("schema", "films-schema")
    assert outputs(cloudformation) == before


def test_campaigns_and_tags_change_in_place(cloudformation: Any, given: Any) -> None:
    version = given.version(given.solution(given.imported_group()))

    def body(tps: str, team: str) -> str:
        tags = [{"Key": "team", "Value": team}]
        return template(
            C=("Campaign", {"Name": "c", "SolutionVersionArn": version, "MinProvisionedTPS": tps, "Tags": tags})
        )

    cloudformation.create_stack(StackName="films", TemplateBody=body("1", "search"))
    created = given.personalize.describe_campaign(campaignArn=arn("campaign", "c"))["campaign"]
    assert changed(cloudformation, body("3", "shop")) == "UPDATE_COMPLETE"
    campaign = given.personalize.describe_campaign(campaignArn=arn("campaign", "c"))["campaign"]
    assert (campaign["minProvisionedTPS"], campaign["creationDateTime"]) == (3, created["creationDateTime"])
    tags = given.personalize.list_tags_for_resource(resourceArn=arn("campaign", "c"))["tags"]
    assert tags == [{"tagKey": "team", "tagValue": "shop"}]


def test_change_sets_create_and_update(cloudformation: Any, personalize: Any) -> None:
    def apply(kind: str, name: str) -> Any:
        body = template(G=("DatasetGroup", {"Name": name}))
        made = cloudformation.create_change_set(
            StackName="films", ChangeSetName=f"to-{name}", TemplateBody=body, ChangeSetType=kind
        )
        shown = cloudformation.describe_change_set(ChangeSetName=made["Id"])
        if shown["Status"] == "CREATE_COMPLETE":
            cloudformation.execute_change_set(ChangeSetName=f"to-{name}", StackName="films")
        return shown

    apply("CREATE", "a")
    assert (status(cloudformation), names(personalize, "dataset_groups")) == ("CREATE_COMPLETE", ["a"])
    apply("UPDATE", "b")
    assert (status(cloudformation), names(personalize, "dataset_groups")) == ("UPDATE_COMPLETE", ["b"])
    unchanged = apply("UPDATE", "b")
    assert unchanged["Status"] == "FAILED"
    assert "didn't contain changes" in unchanged["StatusReason"]
