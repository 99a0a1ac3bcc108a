"""Interactions in, an active campaign out: everything between, through the clients a user would use."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import boto3

from personalize_emu.settings import Settings

BUCKET = "personalize-emu-trained-campaigns"
COLUMNS = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")


class TrainingFailed(RuntimeError):
    """The import, the training or the campaign ended in CREATE FAILED; the message carries the reason."""


class TrainedCampaigns:
    """Makes campaigns in the emulator of this process, whose pace must be `instant`."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(
        self,
        rows: Any,
        recipe: str = "aws-user-personalization",
        *,
        region: str = "us-east-1",
        hyperparameters: dict[str, str] | None = None,
    ) -> str:
        """The ARN of an active campaign.

        Args:
            rows: of (user, item, timestamp in seconds[, event type]), or a data frame with these columns.
            recipe: name or ARN.
            region: where everything is made.
            hyperparameters: of the algorithm, as the service takes them.

        Raises:
            TrainingFailed: the rows were refused, or too few.
        """
        table = _table(rows)
        name = f"trained-{next(self._numbers)}"
        personalize = boto3.client("personalize", region_name=region)
        group = personalize.create_dataset_group(name=name)["datasetGroupArn"]
        _import(personalize, region, group, name, table)
        arn = recipe if recipe.startswith("arn:") else f"arn:aws:personalize:::recipe/{recipe}"
        config = {"solutionConfig": {"algorithmHyperParameters": hyperparameters}} if hyperparameters else {}
        solution = personalize.create_solution(
            name=name, datasetGroupArn=group, recipeArn=arn, performAutoTraining=False, **config
        )["solutionArn"]
        version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        _require_active(personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
        campaign: str = personalize.create_campaign(name=name, solutionVersionArn=version)["campaignArn"]
        _require_active(personalize.describe_campaign(campaignArn=campaign)["campaign"])
        return campaign


def _table(rows: Any) -> list[Sequence[Any]]:
    """Rows as a list; of a data frame without its index."""
    found: Iterable[Any] = rows.itertuples(index=False, name=None) if hasattr(rows, "itertuples") else rows
    table: list[Sequence[Any]] = [tuple(row) for row in found]
    widths = {len(row) for row in table}
    if len(widths) != 1 or not widths <= {3, 4}:
        raise ValueError("rows are (user, item, timestamp) or (user, item, timestamp, event type), all alike")
    return table


def _import(personalize: Any, region: str, group: str, name: str, table: list[Sequence[Any]]) -> None:
    columns = COLUMNS[: len(table[0])]
    schema = personalize.create_schema(name=name, schema=_schema(columns))["schemaArn"]
    dataset = personalize.create_dataset(
        name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *table])
    s3 = boto3.client("s3", region_name="us-east-1")
    # In us-east-1 making one's own bucket again is no error.
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{region}/{name}.csv", Body=text.getvalue().encode())
    job = personalize.create_dataset_import_job(
        jobName=name,
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{BUCKET}/{region}/{name}.csv"},
        roleArn=f"arn:aws:iam::{Settings().account}:role/Personalize",
    )["datasetImportJobArn"]
    _require_active(personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])


def _schema(columns: Sequence[str]) -> str:
    fields = [{"name": each, "type": "long" if each == "TIMESTAMP" else "string"} for each in columns]
    return json.dumps(
        {
            "type": "record",
            "name": "Interactions",
            "namespace": "com.amazonaws.personalize.schema",
            "fields": fields,
            "version": "1.0",
        }
    )


def _require_active(described: dict[str, Any]) -> None:
    if described["status"] != "ACTIVE":
        raise TrainingFailed(f"{described['status']}: {described.get('failureReason', 'no reason given')}")
