"""Templates, and what a stack and its events say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.given import INTERACTIONS_SCHEMA, REGION, as_csv, two_camps

BUCKET = "film-shop"
ROLE = "arn:aws:iam::123456789012:role/Importer"
CDK_TEMPLATE = Path(__file__).with_name("cdk_stack.template.json")

FILMS = """
AWSTemplateFormatVersion: 2010-09-09
Description: films
Parameters:
  Name: {Type: String, Default: films}
  Recipe: {Type: String, Default: aws-sims}
Conditions:
  Shop: !Equals [!Ref Name, shop]
Resources:
  Solution:
    Type: AWS::Personalize::Solution
    DependsOn: Interactions
    Properties:
      Name: !Sub "${Name}-solution"
      DatasetGroupArn: !Ref Group
      RecipeArn: !Sub arn:aws:personalize:::recipe/${Recipe}
      PerformHPO: "false"
  Interactions:
    Type: AWS::Personalize::Dataset
    Properties:
      Name: !Join ["-", [!Ref Name, interactions]]
      DatasetType: Interactions
      DatasetGroupArn: !GetAtt Group.DatasetGroupArn
      SchemaArn: !GetAtt Schema.SchemaArn
      DatasetImportJob:
        JobName: !Sub "${Name}-first"
        RoleArn: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:role/Importer
        DataSource: {DataLocation: "s3://film-shop/interactions.csv"}
  Schema:
    Type: AWS::Personalize::Schema
    Properties:
      Name: !Sub "${Name}-schema"
      Schema: >-
        {"type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": [{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"}]}
  Group:
    Type: AWS::Personalize::DatasetGroup
    Properties:
      Name: !Ref Name
      Tags: [{Key: team, Value: search}]
  Tracker:
    Type: AWS::Personalize::EventTracker
    Condition: Shop
    Properties: {Name: clicks, DatasetGroupArn: !Ref Group}
Outputs:
  SolutionArn: {Value: !GetAtt Solution.SolutionArn, Export: {Name: !Sub "${Name}-solution"}}
  Group: {Value: !Ref Group, Description: all data}
  TrackingId: {Condition: Shop, Value: !GetAtt Tracker.TrackingId}
"""


def template(**resources: Any) -> str:
    """A template in JSON. resources: (type without its prefix, properties) by name."""
    return json.dumps(
        {
            "Resources": {
                name: {"Type": f"AWS::Personalize::{kind}", "Properties": properties}
                for name, (kind, properties) in resources.items()
            }
        }
    )


def group_and_dataset(**dataset: Any) -> str:
    given = {"Name": "d", "DatasetType": "Interactions", "DatasetGroupArn": {"Ref": "G"}, "SchemaArn": {"Ref": "S"}}
    return template(
        D=("Dataset", {**given, **dataset}),
        S=("Schema", {"Name": "s", "Schema": INTERACTIONS_SCHEMA}),
        G=("DatasetGroup", {"Name": "g"}),
    )


def import_job(name: str = "first") -> dict[str, Any]:
    return {"JobName": name, "RoleArn": ROLE, "DataSource": {"DataLocation": f"s3://{BUCKET}/interactions.csv"}}


def put_csv(s3: Any, text: str | None = None) -> None:
    """Put what the templates import. text: by default 1,200 interactions."""
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="interactions.csv", Body=text or as_csv(two_camps(users=30, events=40)))


def described(cloudformation: Any, name: str = "films") -> Any:
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def status(cloudformation: Any, name: str = "films") -> str:
    text: str = described(cloudformation, name)["StackStatus"]
    return text


def outputs(cloudformation: Any, name: str = "films") -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in described(cloudformation, name).get("Outputs", [])}


def history(cloudformation: Any, name: str = "films") -> list[tuple[str, str]]:
    """(logical id, status) of all events, oldest first."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(events)]


def failures(cloudformation: Any, name: str = "films") -> list[tuple[str, str]]:
    """(logical id, reason) of all events of failed resources, oldest first."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [each for each in reversed(events) if each["ResourceStatus"].endswith("FAILED")]
    return [(each["LogicalResourceId"], each.get("ResourceStatusReason", "")) for each in failed]


def arn(kind: str, name: str) -> str:
    return f"arn:aws:personalize:{REGION}:123456789012:{kind}/{name}"


def names(personalize: Any, plural: str) -> list[str]:
    """Names of all resources of a kind, e.g. of `dataset_groups`, sorted."""
    (found,) = (value for value in getattr(personalize, f"list_{plural}")().values() if isinstance(value, list))
    return sorted(each.get("name") or each["jobName"] for each in found)
