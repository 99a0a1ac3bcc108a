"""Programs that use a server until it is gone, and note what it has answered."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.batch_requests import inference_request
from tests.durability.crash.answered import OUTPUTS, Answered, Output
from tests.given import BUCKET, INTERACTIONS_SCHEMA, POPULARITY, REGION, Given, as_csv, two_camps

ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
LASTING = ("ACTIVE", "CREATE FAILED", "COMPLETED", "FAILED")
INFERENCE_LINES, SEGMENT_LINES, EXPORT_LINES = 400, 40, 1201
"""Of the output of one job."""
FEW = two_camps()[:1000]
POLLED_EVERY = 0.02
"""Seconds between two calls that ask a server, which is another process, whether it has finished something."""


class Clients:
    """arns: as `prepare` returns them. names: numbers that no other round uses."""

    def __init__(self, url: str, known: Answered, names: Iterator[int], arns: dict[str, str], seed: int) -> None:
        self._url, self._known, self._names, self._arns = url, known, names, arns
        self._random = random.Random(seed)
        self.faults: list[ClientError] = []

    def start(self) -> list[threading.Thread]:
        programs = (
            *(self.change_schemas, self.stream, self.move_data, self.train, self.store_objects),
            *(self.infer, self.segment, self.export_rows, self.make_and_delete),
        )
        threads = [threading.Thread(target=self._until_gone, args=(program,)) for program in programs]
        for thread in threads:
            thread.start()
        return threads

    def client(self, service: str) -> Any:
        return boto3.session.Session().client(
            service, REGION, endpoint_url=self._url, config=ONCE, aws_access_key_id="a", aws_secret_access_key="s"
        )

    def _until_gone(self, program: Callable[[], Iterator[None]]) -> None:
        try:
            for _ in program():
                pass
        except BotoCoreError:
            return
        except ClientError as error:
            self.faults.append(error)

    def change_schemas(self) -> Iterator[None]:
        personalize, known = self.client("personalize"), self._known
        made: list[str] = []
        while True:
            arn = personalize.create_schema(name=f"schema-{next(self._names)}", schema=INTERACTIONS_SCHEMA)["schemaArn"]
            known.exists[arn] = True
            made.append(arn)
            if len(made) > 3:
                self._delete(personalize.delete_schema, "schemaArn", made.pop(self._random.randrange(len(made))))
            value = str(next(self._names))
            known.tags.clear()
            personalize.tag_resource(resourceArn=self._arns["group"], tags=[{"tagKey": "number", "tagValue": value}])
            known.tags["number"] = value
            yield

    def stream(self) -> Iterator[None]:
        events, known = self.client("personalize-events"), self._known
        while True:
            number = next(self._names)
            user, item = f"user-{number % 50}", f"item-{number}"
            event = {"eventId": f"e{number}", "eventType": "x", "itemId": item, "sentAt": number}
            events.put_events(trackingId=self._arns["tracker"], userId=user, sessionId="session", eventList=[event])
            known.events.add((user, item, number))
            if number % 5 == 0:
                record = {"itemId": item, "properties": json.dumps({"genre": "new"})}
                events.put_items(datasetArn=self._arns["items"], items=[record])
                known.items.add(item)
            yield

    def move_data(self) -> Iterator[None]:
        """Imports, and removals of users, whose events come from this thread, too."""
        given, known = Given(self.client("personalize"), self.client("s3")), self._known
        events = self.client("personalize-events")
        while True:
            number = next(self._names)
            rows = [(f"{user}-{number}", item, time) for user, item, time in two_camps()[: 1000 + number % 200]]
            job = given.import_job(self._arns["interactions"], given.upload(as_csv(rows)), f"import-{number}")
            self._await(given.personalize.describe_dataset_import_job, "datasetImportJob", job)
            yield
            user = f"gone-{number}"
            event = {"eventId": f"e{number}", "eventType": "x", "itemId": "i", "sentAt": number}
            events.put_events(trackingId=self._arns["tracker"], userId=user, sessionId=user, eventList=[event])
            known.events.add((user, "i", number))
            known.unsure.add(user)
            place = given.upload(f"USER_ID\n{user}\n", "users.csv")
            removal = given.deletion_job(self._arns["group"], place, f"removal-{number}")
            if self._await(given.personalize.describe_data_deletion_job, "dataDeletionJob", removal) == "COMPLETED":
                known.removed.add(user)
            yield

    def train(self) -> Iterator[None]:
        given, known, runtime = Given(self.client("personalize"), None), self._known, self.client("personalize-runtime")
        while True:
            version = given.version(self._arns["solution"])
            if self._await(given.personalize.describe_solution_version, "solutionVersion", version) == "ACTIVE":
                campaign = given.campaign(version, f"campaign-{next(self._names)}")
                if self._await(given.personalize.describe_campaign, "campaign", campaign) == "ACTIVE":
                    known.campaigns[campaign] = runtime.get_recommendations(campaignArn=campaign, userId="u1")[
                        "itemList"
                    ]
            yield

    def store_objects(self) -> Iterator[None]:
        s3, iam, known = self.client("s3"), self.client("iam"), self._known
        while True:
            number = next(self._names)
            key = f"object-{number % 40}"
            known.objects[key] = None
            if number % 3:
                s3.put_object(Bucket=BUCKET, Key=key, Body=str(number).encode())
            else:
                s3.delete_object(Bucket=BUCKET, Key=key)
            known.objects[key] = str(number) if number % 3 else ""
            iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument="{}")
            known.roles.add(f"role-{number}")
            yield

    def infer(self) -> Iterator[None]:
        personalize = self.client("personalize")
        source = f"s3://{BUCKET}/in/users.json"
        while True:
            number = next(self._names)
            request = self._batch_request(self._arns["ranked"], source, number)
            job = personalize.create_batch_inference_job(**request)["batchInferenceJobArn"]
            output = Output("batch_inference_job", f"{OUTPUTS}{number}/users.json.out", INFERENCE_LINES)
            self._await_output(personalize.describe_batch_inference_job, "batchInferenceJob", job, output)
            yield

    def segment(self) -> Iterator[None]:
        personalize = self.client("personalize")
        source = f"s3://{BUCKET}/in/items.json"
        while True:
            number = next(self._names)
            request = self._batch_request(self._arns["segmented"], source, number)
            job = personalize.create_batch_segment_job(**request)["batchSegmentJobArn"]
            output = Output("batch_segment_job", f"{OUTPUTS}{number}/items.json.out", SEGMENT_LINES)
            self._await_output(personalize.describe_batch_segment_job, "batchSegmentJob", job, output)
            yield

    def export_rows(self) -> Iterator[None]:
        given = Given(self.client("personalize"), None)
        while True:
            number = next(self._names)
            path = f"s3://{BUCKET}/{OUTPUTS}"
            job = given.export_job(self._arns["still"], path, f"export-{number}", ingestionMode="BULK")
            output = Output("dataset_export_job", f"{OUTPUTS}export-{number}/part-00000.csv", EXPORT_LINES)
            self._await_output(given.personalize.describe_dataset_export_job, "datasetExportJob", job, output)
            yield

    def make_and_delete(self) -> Iterator[None]:
        """A group with data and a trained solution, from the deployment to the group."""
        given, known = Given(self.client("personalize"), self.client("s3")), self._known
        personalize = given.personalize
        while True:
            name = f"short-{next(self._names)}"
            group = given.group(name)
            self._await(personalize.describe_dataset_group, "datasetGroup", group)
            dataset = given.dataset(group, self._arns["schema"], name=name)
            self._await(personalize.describe_dataset, "dataset", dataset)
            job = given.import_job(dataset, given.upload(as_csv(FEW), "few.csv"), name)
            self._await(personalize.describe_dataset_import_job, "datasetImportJob", job)
            solution = given.solution(group, POPULARITY, name, performAutoTraining=False)
            self._await(personalize.describe_solution, "solution", solution)
            version = given.version(solution)
            self._await(personalize.describe_solution_version, "solutionVersion", version)
            campaign = given.campaign(version, name)
            self._await(personalize.describe_campaign, "campaign", campaign)
            yield
            for member, arn in {
                "campaign": campaign, "solution": solution, "dataset": dataset, "datasetGroup": group
            }.items():  # fmt: skip
                snake = "dataset_group" if member == "datasetGroup" else member
                for owned in [version] if member == "solution" else [job] if member == "dataset" else []:
                    known.lasting.pop(owned)
                known.lasting.pop(arn)
                self._delete(getattr(personalize, f"delete_{snake}"), f"{member}Arn", arn)
                self._await_end(getattr(personalize, f"describe_{snake}"), f"{member}Arn", arn)
            yield

    def _batch_request(self, version: str, source: str, number: int) -> dict[str, Any]:
        destination = {"s3DataDestination": {"path": f"s3://{BUCKET}/{OUTPUTS}{number}/"}}
        return inference_request(version, source, f"job-{number}", jobOutput=destination, numResults=5)

    def _delete(self, delete: Callable[..., Any], member: str, arn: str) -> None:
        self._known.exists[arn] = None
        delete(**{member: arn})
        self._known.exists[arn] = False

    def _await_end(self, describe: Callable[..., Any], member: str, arn: str) -> None:
        try:
            while True:
                describe(**{member: arn})
                time.sleep(POLLED_EVERY)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    def _await_output(self, describe: Callable[..., Any], member: str, arn: str, output: Output) -> None:
        self._known.outputs[arn] = output
        self._await(describe, member, arn)

    def _await(self, describe: Callable[..., Any], member: str, arn: str) -> str:
        """The status that lasts, of which the server has told."""
        while True:
            shown = describe(**{f"{member}Arn": arn})[member]["status"]
            if shown in LASTING:
                self._known.lasting[arn] = shown
                return str(shown)
            time.sleep(POLLED_EVERY)
