"""Background work of a server: groups with data that are imported, trained, used and deleted, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.batch_requests import inference_request, json_lines
from tests.given import BUCKET, POPULARITY, REGION, SIMS, USER_PERSONALIZATION, Given, as_csv, two_camps
from tests.soak.calls import Answers

RECIPES = (POPULARITY, SIMS, USER_PERSONALIZATION)
ENDED = ("ACTIVE", "COMPLETED", "CREATE FAILED", "FAILED")
POLLED_EVERY = 0.1
"""Seconds between two calls that ask whether a job has ended."""


def clients(url: str) -> Given:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=120, max_pool_connections=1)
    session = boto3.session.Session("AKIDSOAK", "secret", region_name=REGION)
    return Given(*(session.client(name, endpoint_url=url, config=config) for name in ("personalize", "s3")))


class Cycle:
    """One connection that makes and deletes a whole group in turn. number: of the connection."""

    def __init__(self, url: str, schema: str, number: int, answers: Answers) -> None:
        self._given, self._schema, self._name = clients(url), schema, f"cycle-{number}"
        self._recipe, self._answers, self._rounds = RECIPES[number % len(RECIPES)], answers, 0

    def use(self, over: threading.Event) -> None:
        while not over.is_set():
            try:
                self._once()
                self._answers.add("a group imported, trained, used and deleted")
            except (BotoCoreError, ClientError, JobFailed) as error:
                self._answers.add("cycle", repr(error))
                return

    def _once(self) -> None:
        given, name = self._given, self._name
        group = ended(given, "dataset_group", given.group(name))
        dataset = ended(given, "dataset", given.dataset(group, self._schema, name=name))
        ended(
            given,
            "dataset_import_job",
            given.import_job(dataset, given.upload(as_csv(two_camps()), f"{name}.csv"), name),
        )
        solution = ended(given, "solution", given.solution(group, self._recipe, name, performAutoTraining=False))
        version = ended(given, "solution_version", given.version(solution))
        campaign = ended(given, "campaign", given.campaign(version, name))
        self._batch(version)
        ended(
            given, "dataset_export_job", given.export_job(dataset, f"s3://{BUCKET}/exports/", name, ingestionMode="ALL")
        )
        users = given.upload("USER_ID\nu1\nu2\n", f"{name}-users.csv")
        ended(given, "data_deletion_job", given.deletion_job(group, users, name))
        self._removed("campaign", campaign)
        self._removed("solution", solution)
        self._removed("dataset", dataset)
        self._removed("dataset_group", group)

    def _batch(self, version: str) -> None:
        key = "itemId" if self._recipe == SIMS else "userId"
        queries = [{key: f"{key[0]}{number:03d}" if key == "itemId" else f"u{number}"} for number in range(30)]
        path = self._given.upload(json_lines(queries), f"in/{self._name}.json")
        # Batch jobs are not deleted, so each has another name.
        self._rounds += 1
        request = inference_request(version, path, f"{self._name}-{self._rounds}")
        job = self._given.personalize.create_batch_inference_job(**request)["batchInferenceJobArn"]
        ended(self._given, "batch_inference_job", job)

    def _removed(self, kind: str, arn: str) -> None:
        member = member_of(kind)
        getattr(self._given.personalize, f"delete_{kind}")(**{f"{member}Arn": arn})
        try:
            while True:
                getattr(self._given.personalize, f"describe_{kind}")(**{f"{member}Arn": arn})
                time.sleep(POLLED_EVERY)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def ended(given: Given, kind: str, arn: str) -> str:
    """Waits for the end of a creation or job and returns its ARN. Raises JobFailed."""
    describe: Callable[..., Any] = getattr(given.personalize, f"describe_{kind}")
    while True:
        shown = describe(**{f"{member_of(kind)}Arn": arn})[member_of(kind)]
        if shown["status"] in ENDED:
            break
        time.sleep(POLLED_EVERY)
    if shown["status"] not in ("ACTIVE", "COMPLETED"):
        raise JobFailed(f"{arn}: {shown.get('failureReason')}")
    return arn


def member_of(kind: str) -> str:
    """`dataset_group` is `datasetGroup` in requests and answers."""
    first, *others = kind.split("_")
    return first + "".join(word.title() for word in others)


class JobFailed(Exception):
    """A job that should have succeeded has failed; the text says why."""
