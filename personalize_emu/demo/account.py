"""The AWS resources of the demo, created with boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from personalize_emu.demo.console import POLL_SECONDS, Console
from personalize_emu.schema_files import schema_text

BUCKET = "personalize-demo-shop"
ROLE = "PersonalizeDemoShop"
KINDS = {"interactions": "Interactions", "items": "Items", "users": "Users"}


class DemoFailed(Exception):
    """A step of the demo failed; the text is for the user."""


class Account:
    """boto3 clients of one endpoint, with dummy credentials.

    calls: number of requests so far. share: progress of the work on an ARN, from 0 to 1.
    """

    def __init__(self, endpoint: str, console: Console, share: Callable[[str], float]) -> None:
        self._console = console
        self._share = share
        self.calls = 0
        self._endpoint = endpoint
        self._session: Any = boto3.session.Session(
            aws_access_key_id="demo", aws_secret_access_key="demo", region_name="us-east-1"
        )
        self.s3 = self.client("s3")
        self.iam = self.client("iam")
        self.personalize = self.client("personalize")
        self.runtime = self.client("personalize-runtime")
        self.events = self.client("personalize-events")

    def client(self, service: str) -> Any:
        """A new client of a service, whose requests are counted."""
        config = Config(s3={"addressing_style": "path"})
        made = self._session.client(service, endpoint_url=self._endpoint, config=config)
        made.meta.events.register("after-call", self._count)
        return made

    def upload(self, files: Mapping[str, Path]) -> str:
        """Create bucket, bucket policy and role, and upload the files as shop/NAME.csv. Returns the ARN of the role."""
        self.s3.create_bucket(Bucket=BUCKET)
        for name, path in files.items():
            self.s3.upload_file(str(path), BUCKET, f"shop/{name}.csv")
        service = {"Service": "personalize.amazonaws.com"}
        reading = {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=_policy({**reading, "Principal": service}))
        role = self.iam.create_role(
            RoleName=ROLE,
            AssumeRolePolicyDocument=_policy({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}),
        )
        self.iam.put_role_policy(RoleName=ROLE, PolicyName="read", PolicyDocument=_policy(reading))
        arn: str = role["Role"]["Arn"]
        return arn

    def dataset_group(self, name: str) -> str:
        arn: str = self.personalize.create_dataset_group(name=name)["datasetGroupArn"]
        self.wait("dataset group", "datasetGroup", arn)
        return arn

    def dataset(self, group: str, name: str) -> str:
        """Create schema and dataset of one kind ("items"). Returns the ARN of the dataset."""
        schema = self.personalize.create_schema(name=f"shop-{name}", schema=schema_text(f"demo/{name}"))
        arn: str = self.personalize.create_dataset(
            name=f"shop-{name}",
            schemaArn=schema["schemaArn"],
            datasetGroupArn=group,
            datasetType=KINDS[name],
        )["datasetArn"]
        self.wait(f"dataset {name}", "dataset", arn)
        return arn

    def import_file(self, dataset: str, name: str, role: str) -> None:
        job = self.personalize.create_dataset_import_job(
            jobName=f"shop-{name}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{BUCKET}/shop/{name}.csv"},
            roleArn=role,
        )
        self.wait(f"import of {name}", "datasetImportJob", job["datasetImportJobArn"])

    def train(self, group: str, recipes: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Train a solution version for each recipe, concurrently; returns solution and version ARN by name."""
        trained = {}
        for name, recipe in recipes.items():
            solution = self.personalize.create_solution(
                name=name,
                datasetGroupArn=group,
                recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
                performAutoTraining=False,
            )["solutionArn"]
            version = self.personalize.create_solution_version(solutionArn=solution)
            trained[name] = (solution, version["solutionVersionArn"])
        for name, (_, version_arn) in trained.items():
            self.wait(f"{name} ({recipes[name]})", "solutionVersion", version_arn)
        return trained

    def metrics(self, version: str) -> dict[str, float]:
        answer = self.personalize.get_solution_metrics(solutionVersionArn=version)
        metrics: dict[str, float] = answer["metrics"]
        return metrics

    def deploy(self, name: str, version: str) -> str:
        arn: str = self.personalize.create_campaign(name=name, solutionVersionArn=version, minProvisionedTPS=1)[
            "campaignArn"
        ]
        self.wait(f"campaign {name}", "campaign", arn)
        return arn

    def recommend(self, campaign: str, count: int, **who: str) -> list[str]:
        """Item ids recommended for a user (userId=...) or an item (itemId=...), best first."""
        answer = self.runtime.get_recommendations(campaignArn=campaign, numResults=count, **who)
        return [item["itemId"] for item in answer["itemList"]]

    def rank(self, campaign: str, user: str, items: list[str]) -> list[str]:
        answer = self.runtime.get_personalized_ranking(campaignArn=campaign, userId=user, inputList=items)
        return [item["itemId"] for item in answer["personalizedRanking"]]

    def tracker(self, group: str) -> tuple[str, str]:
        """ARN and tracking id of a new event tracker."""
        answer = self.personalize.create_event_tracker(name="shop", datasetGroupArn=group)
        self.wait("event tracker", "eventTracker", answer["eventTrackerArn"])
        return answer["eventTrackerArn"], answer["trackingId"]

    def view(self, tracking_id: str, user: str, item: str, moment: int) -> None:
        self.events.put_events(
            trackingId=tracking_id,
            userId=user,
            sessionId=f"{user}-today",
            eventList=[
                {
                    "eventType": "View",
                    "itemId": item,
                    "sentAt": moment,
                    "properties": json.dumps({"device": "phone"}),
                }
            ],
        )

    def wait(self, what: str, kind: str, arn: str) -> None:
        """Poll Describe until ACTIVE. Raises DemoFailed with the failure reason."""
        resource: dict[str, Any] = {}

        def status() -> str:
            resource.update(self._describe(kind, arn))
            return str(resource["status"])

        if self._console.wait(what, status, lambda: self._share(arn)) != "ACTIVE":
            raise DemoFailed(f"{what}: {resource.get('failureReason', 'no reason given')}")

    def delete(self, kind: str, arn: str) -> None:
        """Delete a resource and wait until it is gone."""
        getattr(self.personalize, f"delete_{_snake(kind)}")(**{f"{kind}Arn": arn})
        for _ in range(1200):
            try:
                self._describe(kind, arn)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return
                raise
            time.sleep(POLL_SECONDS)
        raise DemoFailed(f"{arn} could not be deleted within a minute")

    def delete_schemas_and_files(self) -> None:
        for page in self.personalize.get_paginator("list_schemas").paginate():
            for schema in page["schemas"]:
                self.personalize.delete_schema(schemaArn=schema["schemaArn"])
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for found in page.get("Contents", ()):
                self.s3.delete_object(Bucket=BUCKET, Key=found["Key"])
        self.s3.delete_bucket(Bucket=BUCKET)
        self.iam.delete_role_policy(RoleName=ROLE, PolicyName="read")
        self.iam.delete_role(RoleName=ROLE)

    def _describe(self, kind: str, arn: str) -> dict[str, Any]:
        answer = getattr(self.personalize, f"describe_{_snake(kind)}")(**{f"{kind}Arn": arn})
        resource: dict[str, Any] = answer[kind]
        return resource

    def _count(self, **_: Any) -> None:
        self.calls += 1


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
