"""UpdateDataset: another schema for the records that are there (R-DS-10 to R-DS-14, spec 03 section 10).

Unlike other updates it shows in the status of the resource itself (spec README rule 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from personalize_emu.data.schemas.avro import InvalidSchema
from personalize_emu.data.schemas.dataset_types import ITEMS, USERS, check_schema_replaces
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import check_schema, jobs_of
from personalize_emu.service.datasets.schemas import invalid_schema, parsed_schema
from personalize_emu.service.lifecycle.changes import refuse_while_used_by, require_active
from personalize_emu.state.jobs import Job, JobFailed
from personalize_emu.state.lifecycle import (
    ACTIVE,
    UPDATE_FAILED,
    UPDATE_IN_PROGRESS,
    UPDATE_PENDING,
    course_of,
    dataset_update_duration,
)
from personalize_emu.state.resources import (
    DataDeletionJob,
    Dataset,
    DatasetGroup,
    Schema,
    Stateful,
)
from personalize_emu.wire.errors import InvalidInputException

_REPLACEABLE = frozenset({ITEMS, USERS})


def update_dataset(context: Context, params: Params) -> dict[str, Any]:
    """All rules are checked before the answer; what follows takes time only (D-92 to D-95)."""
    dataset, schema = context.get_two((Dataset, params["datasetArn"]), (Schema, params["schemaArn"]))
    require_active(dataset)
    refuse_while_used_by(dataset, next(_jobs_at_work(context, dataset), None))
    if dataset.dataset_type not in _REPLACEABLE:
        raise InvalidInputException(f"The schema of a {dataset.dataset_type} dataset cannot be replaced.")
    _check_replaces(context, dataset, schema)
    _begin(context, dataset, schema)
    return {"datasetArn": dataset.arn}


def _check_replaces(context: Context, dataset: Dataset, schema: Schema) -> None:
    """D-93 to D-95. The order of fields may change, and nothing has to."""
    group = context.get(DatasetGroup, dataset.dataset_group_arn)
    if schema.domain != group.domain:
        raise InvalidInputException(f"The domain of schema {schema.arn} does not match dataset group {group.arn}.")
    check_schema(schema, dataset.dataset_type)
    old, new = parsed_schema(context.get(Schema, dataset.schema_arn).schema), parsed_schema(schema.schema)
    try:
        check_schema_replaces(new, old)
    except InvalidSchema as error:
        raise invalid_schema(error) from error


def _jobs_at_work(context: Context, dataset: Dataset) -> Iterator[Stateful]:
    """Import, export and deletion jobs of the dataset that are not finished (R-DS-14)."""
    group_arn = dataset.dataset_group_arn
    jobs = [
        *jobs_of(context, dataset),
        *(job for job in context.all(DataDeletionJob) if job.dataset_group_arn == group_arn),
    ]
    return (job for job in jobs if job.status in course_of(job.kind).under_way)


def _begin(context: Context, dataset: Dataset, schema: Schema) -> None:
    """Lead the dataset through the UPDATE states; the update has times of its own (R-GEN-13)."""
    store, clock = context.state.store, context.clock
    begun_at = clock.now()

    def move(status: str, update: dict[str, Any], **fields: Any) -> bool:
        now = clock.now()
        shown = {"schemaArn": schema.arn, "creationDateTime": begun_at, "lastUpdatedDateTime": now, **update}
        moved = store.change(
            dataset, status=status, latest_dataset_update=shown, last_updated_date_time=now, **fields
        )
        return moved is not None

    def succeeded(_: None) -> None:
        move(ACTIVE, {"status": ACTIVE}, schema_arn=schema.arn)

    def failed(reason: str) -> None:
        move(ACTIVE, {"status": UPDATE_FAILED, "failureReason": reason})

    def work() -> None:
        if store.get(Schema, schema.arn) is None:
            raise JobFailed(f"Resource Arn {schema.arn} does not exist.")

    move(UPDATE_PENDING, {"status": UPDATE_PENDING})
    job = Job(
        f"update {dataset.arn}",
        dataset_update_duration(context.settings),
        lambda: move(UPDATE_IN_PROGRESS, {"status": UPDATE_IN_PROGRESS}),
        work,
        succeeded,
        failed,
        (dataset.arn,),
    )
    context.afterwards(lambda: context.state.jobs.start(job))
