"""Helpers that create batch jobs through boto3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.given import BUCKET, ROLE, Given

OUTPUT = f"s3://{BUCKET}/out/"
Query = dict[str, Any]


def json_lines(queries: Sequence[Query]) -> str:
    return "".join(json.dumps(query) + "\n" for query in queries)


def inference_request(version: str, path: str, name: str = "job", **extra: Any) -> dict[str, Any]:
    return {
        "jobName": name,
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": path}},
        "jobOutput": {"s3DataDestination": {"path": OUTPUT}},
        "roleArn": ROLE,
        **extra,
    }


def begin(given: Given, version: str, path: str, name: str = "job", **extra: Any) -> str:
    request = inference_request(version, path, name, **extra)
    arn: str = given.personalize.create_batch_inference_job(**request)["batchInferenceJobArn"]
    return arn


def shown(given: Given, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_batch_inference_job(batchInferenceJobArn=job)
    return answer["batchInferenceJob"]


def output_text(given: Given, version: str, text: str | bytes, name: str = "job", **extra: Any) -> str:
    """The output for one input file named like the job."""
    job = begin(given, version, given.upload(text, f"in/{name}"), name, **extra)
    assert shown(given, job)["status"] == "ACTIVE", shown(given, job)
    return given.downloaded(f"out/{name}.out")[f"out/{name}.out"]


def answers(given: Given, version: str, queries: Sequence[Query], name: str = "job", **extra: Any) -> list[Any]:
    """The lines of output, parsed."""
    text = output_text(given, version, json_lines(queries), name, **extra)
    return [json.loads(line) for line in text.splitlines()]


def failure(given: Given, version: str, path: str, **extra: Any) -> str:
    """The failure reason of a job that was accepted."""
    job = shown(given, begin(given, version, path, **extra))
    assert job["status"] == "CREATE FAILED"
    reason: str = job["failureReason"]
    return reason
