"""Trains campaigns from rows of interactions through boto3 clients, for tests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from personalize_emu.edge.moto_adapter import new_client
from personalize_emu.settings import Settings
from personalize_emu.state.clock import SystemClock

if TYPE_CHECKING:
    from personalize_emu.emulator import Emulator

BUCKET = "personalize-emu-trained-campaigns"
COLUMNS = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
REQUIRED = COLUMNS[:3]
FIXED_TYPES = {"TIMESTAMP": "long", "EVENT_VALUE": "float"}


_client = cache(new_client)
"""One client for all mocks, because making one takes a while; it finds the emulator that is active when called."""


class TrainingFailed(RuntimeError):
    """Import, training or campaign ended in CREATE FAILED; the message contains the reason."""


@dataclass(frozen=True)
class Table:
    """Interactions by column. rows: one value for each column, None where it is missing."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def schema(self) -> str:
        """The Avro schema of the table."""
        return json.dumps(
            {
                "type": "record",
                "name": "Interactions",
                "namespace": "com.amazonaws.personalize.schema",
                "fields": [{"name": name, "type": self._type(place)} for place, name in enumerate(self.columns)],
                "version": "1.0",
            }
        )

    def csv(self) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue()

    def _type(self, place: int) -> str | list[str]:
        name, values = self.columns[place], [row[place] for row in self.rows]
        present = [value for value in values if value is not None]
        found = FIXED_TYPES.get(name) or ("string" if name in COLUMNS else _type_of(present))
        return found if len(present) == len(values) else [found, "null"]


class TrainedCampaigns:
    """Creates campaigns in the emulator of this process.

    Args:
        emulator: whose jobs are waited for if its pace is `fast`; without it the pace must be `instant`.
    """

    def __init__(self, emulator: Emulator | None = None) -> None:
        self._numbers = count(1)
        self._emulator = emulator

    def __call__(
        self,
        rows: Any,
        recipe: str = "aws-user-personalization",
        *,
        region: str = "us-east-1",
        hyperparameters: dict[str, str] | None = None,
    ) -> str:
        """Import `rows`, train and deploy; returns the ARN of the active campaign.

        Args:
            rows: (user, item, timestamp in seconds[, event type]) each; or dicts with the keys user_id, item_id,
                timestamp and any further columns, in any case; or a data frame with either.
            recipe: name or ARN.
            region: of all resources.
            hyperparameters: of the algorithm, as strings.

        Raises:
            TrainingFailed: the rows were refused, or there are too few.
            ValueError: the rows have another form, or different forms; or the emulator is too slow to wait for.
        """
        self._require_pace()
        table = table_of(rows)
        name = f"trained-{next(self._numbers)}"
        personalize = _client("personalize", region)
        group = personalize.create_dataset_group(name=name)["datasetGroupArn"]
        self._wait()
        self._import(personalize, region, group, name, table)
        arn = recipe if recipe.startswith("arn:") else f"arn:aws:personalize:::recipe/{recipe}"
        config = {"solutionConfig": {"algorithmHyperParameters": hyperparameters}} if hyperparameters else {}
        solution = personalize.create_solution(
            name=name, datasetGroupArn=group, recipeArn=arn, performAutoTraining=False, **config
        )["solutionArn"]
        self._wait()
        version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        self._wait()
        _require_active(personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"])
        campaign: str = personalize.create_campaign(name=name, solutionVersionArn=version)["campaignArn"]
        self._wait()
        _require_active(personalize.describe_campaign(campaignArn=campaign)["campaign"])
        return campaign

    def _require_pace(self) -> None:
        emulator = self._emulator
        if emulator is None or emulator.settings.pace == "instant":
            return
        if emulator.settings.pace == "real" or not isinstance(emulator.clock, SystemClock):
            raise ValueError("trained_campaign needs the pace instant, or fast without a clock of the test's own")

    def _wait(self) -> None:
        """Until everything is done that has been begun."""
        if self._emulator is not None and self._emulator.settings.pace != "instant":
            self._emulator.wait_idle()

    def _import(self, personalize: Any, region: str, group: str, name: str, table: Table) -> None:
        schema = personalize.create_schema(name=name, schema=table.schema())["schemaArn"]
        dataset = personalize.create_dataset(
            name=name, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
        )["datasetArn"]
        self._wait()
        s3 = _client("s3", "us-east-1")
        # In us-east-1, creating one's own bucket again is not an error.
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"{region}/{name}.csv", Body=table.csv().encode())
        job = personalize.create_dataset_import_job(
            jobName=name,
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{BUCKET}/{region}/{name}.csv"},
            roleArn=f"arn:aws:iam::{Settings().account}:role/Personalize",
        )["datasetImportJobArn"]
        self._wait()
        _require_active(personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"])


def table_of(rows: Any) -> Table:
    """Convert rows to a table; the index of a data frame is ignored.

    Raises:
        ValueError: as TrainedCampaigns.
    """
    if hasattr(rows, "itertuples"):
        named = {str(name).upper() for name in rows.columns} >= set(REQUIRED)
        found: list[Any] = rows.to_dict("records") if named else list(rows.itertuples(index=False, name=None))
    else:
        found = list(rows)
    if found and all(isinstance(row, Mapping) for row in found):
        return _table_of_mappings([{str(key).upper(): value for key, value in row.items()} for row in found])
    widths = {len(row) for row in found}
    if len(widths) != 1 or not widths <= {3, 4} or any(isinstance(row, Mapping) for row in found):
        raise ValueError(
            "rows are (user, item, timestamp) or (user, item, timestamp, event type), or dicts with user_id, "
            "item_id and timestamp; all alike"
        )
    return Table(COLUMNS[: widths.pop()], tuple(tuple(row) for row in found))


def _table_of_mappings(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys([*REQUIRED, *(name for row in rows for name in row)]))
    for number, row in enumerate(rows):
        missing = [name.lower() for name in REQUIRED if row.get(name) is None]
        if missing:
            raise ValueError(f"row {number} has no {' and no '.join(missing)}: {dict(row)}")
    return Table(columns, tuple(tuple(row.get(name) for name in columns) for row in rows))


def _type_of(values: Sequence[Any]) -> str:
    """The Avro type of a custom column, from its values."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "long"
    return "double" if kinds and kinds <= {int, float} else "string"


def _require_active(described: dict[str, Any]) -> None:
    if described["status"] != "ACTIVE":
        raise TrainingFailed(f"{described['status']}: {described.get('failureReason', 'no reason given')}")
