"""Creates everything from a dataset group to a campaign with boto3 and times every step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/Benchmark"
BUCKET = "personalize-benchmark"


@dataclass
class Stopwatch:
    """Wall and processor seconds by step, in order. worked: processor seconds so far."""

    worked: Callable[[], float] = time.process_time
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)

    def time(self, step: str, call: Any, **arguments: Any) -> dict[str, Any]:
        began, worked = time.perf_counter(), self.worked()
        answer: dict[str, Any] = call(**arguments)
        self.seconds[step] = (time.perf_counter() - began, self.worked() - worked)
        return answer


class GroupToAnswer:
    """The steps, for a server with pace instant; without a URL for the emulator in this process."""

    def __init__(self, url: str | None, worked: Callable[[], float] = time.process_time) -> None:
        config = Config(read_timeout=900, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        session: Any = boto3.session.Session("benchmark", "benchmark", region_name="us-east-1")
        self.watch = Stopwatch(worked)
        self.s3 = session.client("s3", endpoint_url=url, config=config)
        self.personalize = session.client("personalize", endpoint_url=url, config=config)
        self.runtime = session.client("personalize-runtime", endpoint_url=url, config=config)
        self.events = session.client("personalize-events", endpoint_url=url, config=config)

    def group(self) -> str:
        self.s3.create_bucket(Bucket=BUCKET)
        answer = self.watch.time("dataset group", self.personalize.create_dataset_group, name="benchmark")
        return str(answer["datasetGroupArn"])

    def load(self, group: str, kind: str, schema: str, file: Path) -> None:
        """Create and import one dataset ("Interactions") from a CSV file."""
        self.s3.upload_file(str(file), BUCKET, f"{kind}.csv")
        schema_arn = self.personalize.create_schema(name=kind, schema=schema)["schemaArn"]
        dataset = self.personalize.create_dataset(
            name=kind, schemaArn=schema_arn, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        job = self.watch.time(
            f"import {kind}",
            self.personalize.create_dataset_import_job,
            jobName=kind,
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{BUCKET}/{kind}.csv"},
            roleArn=ROLE,
        )
        found = self.personalize.describe_dataset_import_job(datasetImportJobArn=job["datasetImportJobArn"])
        _must_be_active(found["datasetImportJob"])

    def train(self, group: str, recipe: str, name: str = "", **options: Any) -> str:
        """name: of the solution; by default that of the recipe. options: further arguments of CreateSolution."""
        solution = self.personalize.create_solution(
            name=name or recipe,
            datasetGroupArn=group,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
            performAutoTraining=False,
            **options,
        )["solutionArn"]
        step, begin = f"train {name or recipe}", self.personalize.create_solution_version
        answer = self.watch.time(step, begin, solutionArn=solution)
        version = answer["solutionVersionArn"]
        found = self.personalize.describe_solution_version(solutionVersionArn=version)
        _must_be_active(found["solutionVersion"])
        return str(version)

    def deploy(self, name: str, version: str) -> str:
        answer = self.watch.time(
            f"deploy {name}", self.personalize.create_campaign, name=name, solutionVersionArn=version
        )
        found = self.personalize.describe_campaign(campaignArn=answer["campaignArn"])
        _must_be_active(found["campaign"])
        return str(answer["campaignArn"])


def avro(name: str, *fields: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": list(fields),
            "version": "1.0",
        }
    )


def _must_be_active(resource: Mapping[str, Any]) -> None:
    if resource["status"] != "ACTIVE":
        raise RuntimeError(f"{resource['status']}: {resource.get('failureReason')}")
