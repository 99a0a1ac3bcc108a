"""Datasets: at most one of each type in a group (R-DS); UpdateDataset gives one another schema (R-DS-10 to R-DS-14).

Unlike other updates that of a dataset shows in the status of the resource itself (spec README rule 9).
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from personalize_emu.data.schemas.avro import InvalidSchema
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.dataset_types import (
    ACTION_INTERACTIONS,
    ACTIONS,
    DATASET_TYPES,
    ITEMS,
    USERS,
    MissingColumns,
    check_schema_fits,
    check_schema_replaces,
    dataset_type_named,
)
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.schemas import invalid_schema, parsed_schema
from personalize_emu.service.lifecycle.creation import begin_creation, create, require_active, start_job
from personalize_emu.service.lifecycle.deletion import begin_deletion, refuse_while_in_use, require_deletable
from personalize_emu.service.state.attribution_ledger import measured_types
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.state.jobs import Job, JobFailed, no_work
from personalize_emu.state.lifecycle import (
    ACTIVE,
    CREATING,
    UPDATE_FAILED,
    UPDATE_IN_PROGRESS,
    UPDATE_PENDING,
    course_of,
    dataset_update_duration,
)
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchJob,
    BatchSegmentJob,
    Campaign,
    DataDeletionJob,
    Dataset,
    DatasetExportJob,
    DatasetGroup,
    DatasetImportJob,
    Filter,
    MetricAttribution,
    Recommender,
    Resource,
    Schema,
    SolutionVersion,
    Stateful,
)
from personalize_emu.wire.errors import InvalidInputException

EVENT_INTERACTIONS = "EVENT_INTERACTIONS"
"""The dataset that comes with an event tracker (R-DS-21); see event_trackers.py."""
_WITH_REPLACEABLE_SCHEMA = frozenset({ITEMS, USERS})


def create_dataset(context: Context, params: Params) -> dict[str, Any]:
    schema, group = context.get_two((Schema, params["schemaArn"]), (DatasetGroup, params["datasetGroupArn"]))
    require_active(group)
    dataset_type = _dataset_type(params["datasetType"], group)
    if schema.domain != group.domain:
        raise InvalidInputException(
            f"The domain of schema {schema.arn} does not match dataset group {group.arn}."
        )
    check_schema(schema, dataset_type)
    resource_name = f"{group.name}/{dataset_type}"
    has_tracking_id = dataset_type == ACTION_INTERACTIONS
    dataset = create(
        context,
        Dataset,
        params,
        resource_name=resource_name,
        dataset_group_arn=group.arn,
        dataset_type=dataset_type,
        schema_arn=schema.arn,
        tracking_id=context.identifiers.tracking_id(context.arn("dataset", resource_name)) if has_tracking_id else None,
    )
    event_ids = context.state.groups[group.arn].event_ids

    def created(_: None) -> None:
        journal = context.state.keeping.journal(context.state.store.ordinal(dataset), group.arn)
        context.state.datasets[dataset.arn].contents = DatasetContents(event_ids, journal)

    begin_creation(context, dataset, no_work, created, queues=(dataset.arn,))
    return {"datasetArn": dataset.arn}


def describe_dataset(context: Context, params: Params) -> dict[str, Any]:
    return {"dataset": context.get(Dataset, params["datasetArn"]).members()}


def list_datasets(context: Context, params: Params) -> dict[str, Any]:
    datasets = [dataset for dataset in records_of_group(context, Dataset, params) if is_client_dataset(dataset)]
    return context.list_page(datasets, params, "datasets", query="ListDatasets")


def update_dataset(context: Context, params: Params) -> dict[str, Any]:
    """All checks are made before the response; the job only takes time (D-92 to D-95)."""
    dataset, schema = context.get_two((Dataset, params["datasetArn"]), (Schema, params["schemaArn"]))
    require_active(dataset)
    refuse_while_in_use(dataset, next(_unfinished_jobs(context, dataset), None))
    if dataset.dataset_type not in _WITH_REPLACEABLE_SCHEMA:
        raise InvalidInputException(f"The schema of a {dataset.dataset_type} dataset cannot be replaced.")
    _check_compatible(context, dataset, schema)
    _begin_schema_update(context, dataset, schema)
    return {"datasetArn": dataset.arn}


def delete_dataset(context: Context, params: Params) -> None:
    """Also deletes its data and its job records (R-DS-23)."""
    dataset = context.get(Dataset, params["datasetArn"])
    require_deletable(dataset)
    refuse_while_in_use(dataset, next(_dependents_of(context, dataset), None))

    def free_event_ids() -> None:
        contents = context.state.contents(dataset.arn)
        if contents is not None:
            contents.forget_event_ids()

    begin_deletion(context, dataset, free_event_ids)


def is_client_dataset(dataset: Dataset) -> bool:
    """Whether a dataset has one of the types that clients create."""
    return dataset.dataset_type in DATASET_TYPES


def require_client_dataset(dataset: Dataset) -> None:
    """Raises InvalidInputException for the dataset that comes with an event tracker."""
    if not is_client_dataset(dataset):
        raise InvalidInputException(f"Dataset {dataset.arn} is of type {dataset.dataset_type}.")


def jobs_of_dataset(context: Context, dataset: Dataset) -> list[DatasetImportJob | DatasetExportJob]:
    """Import and export jobs of a dataset."""
    jobs: list[DatasetImportJob | DatasetExportJob] = [*context.all(DatasetImportJob), *context.all(DatasetExportJob)]
    return [job for job in jobs if job.dataset_arn == dataset.arn]


def records_of_group(context: Context, kind: type[Any], params: Params) -> list[Any]:
    """Records of a kind, of the group that a request names, or of all (P-74); none of an unknown group (P-44)."""
    records = context.all(kind)
    if "datasetGroupArn" not in params:
        return records
    group_arn = params["datasetGroupArn"]
    context.find(DatasetGroup, group_arn)
    return [record for record in records if record.dataset_group_arn == group_arn]


def unfinished_batch_jobs(context: Context, version_arns: Set[str]) -> Iterator[BatchJob]:
    """Unfinished batch jobs of these solution versions."""
    jobs: list[BatchJob] = [*context.all(BatchInferenceJob), *context.all(BatchSegmentJob)]
    return (job for job in jobs if job.status in CREATING and job.solution_version_arn in version_arns)


def dataset_of_type(context: Context, group_arn: str, dataset_type: str) -> Dataset | None:
    group_name = group_arn.rpartition("/")[2]
    return context.state.store.get(Dataset, context.arn("dataset", f"{group_name}/{dataset_type}"))


def schemas_of_group(context: Context, group_arn: str) -> dict[str, AvroSchema]:
    """The schema of each dataset of a group, by dataset type."""
    return {
        dataset.dataset_type: parsed_schema(context.get(Schema, dataset.schema_arn).schema)
        for dataset in context.all(Dataset)
        if dataset.dataset_group_arn == group_arn and is_client_dataset(dataset)
    }


def _dataset_type(text: str, group: DatasetGroup) -> str:
    dataset_type = dataset_type_named(text)
    if dataset_type is None:
        raise InvalidInputException(f"Invalid dataset type: {text}.")
    if group.domain and dataset_type in (ACTIONS, ACTION_INTERACTIONS):
        raise InvalidInputException(
            f"A {dataset_type} dataset cannot be created in a Domain dataset group."
        )
    return dataset_type


def check_schema(schema: Schema, dataset_type: str) -> None:
    """Raises InvalidInputException when datasets of the type cannot have the schema (R-DS-15)."""
    try:
        check_schema_fits(parsed_schema(schema.schema), dataset_type, schema.domain)
    except MissingColumns as error:
        raise InvalidInputException(str(error)) from error
    except InvalidSchema as error:
        raise invalid_schema(error) from error


def _dependents_of(context: Context, dataset: Dataset) -> Iterator[Resource]:
    """Resources that prevent the deletion of a dataset (R-DS-17, R-DS-18); none for an event dataset.

    An event tracker does not: public programs delete it afterwards. Its events are refused meanwhile (EV-24).
    """
    if not is_client_dataset(dataset):
        return
    group_arn = dataset.dataset_group_arn
    imports = (job for job in jobs_of_dataset(context, dataset) if isinstance(job, DatasetImportJob))
    yield from (job for job in imports if job.status in CREATING)
    versions = [v for v in context.all(SolutionVersion) if v.dataset_group_arn == group_arn]
    yield from (version for version in versions if version.status in CREATING)
    version_arns = {version.arn for version in versions}
    yield from (
        campaign
        for campaign in context.all(Campaign)
        if campaign.solution_version_arn in version_arns and campaign.status in CREATING | {ACTIVE}
    )
    yield from unfinished_batch_jobs(context, version_arns)
    yield from (f for f in context.all(Filter) if f.dataset_group_arn == group_arn)
    recommenders = (r for r in context.all(Recommender) if r.dataset_group_arn == group_arn)
    yield from (recommender for recommender in recommenders if recommender.status in CREATING)
    attributions = (a for a in context.all(MetricAttribution) if a.dataset_group_arn == group_arn)
    yield from (a for a in attributions if dataset.dataset_type in measured_types(a.metrics))


def _check_compatible(context: Context, dataset: Dataset, schema: Schema) -> None:
    """D-93 to D-95. The order of fields may change; an equal schema is accepted."""
    group = context.get(DatasetGroup, dataset.dataset_group_arn)
    if schema.domain != group.domain:
        raise InvalidInputException(f"The domain of schema {schema.arn} does not match dataset group {group.arn}.")
    check_schema(schema, dataset.dataset_type)
    old, new = parsed_schema(context.get(Schema, dataset.schema_arn).schema), parsed_schema(schema.schema)
    try:
        check_schema_replaces(new, old)
    except InvalidSchema as error:
        raise invalid_schema(error) from error


def _unfinished_jobs(context: Context, dataset: Dataset) -> Iterator[Stateful]:
    """Import, export and deletion jobs of the dataset that are not finished (R-DS-14)."""
    group_arn = dataset.dataset_group_arn
    jobs = [
        *jobs_of_dataset(context, dataset),
        *(job for job in context.all(DataDeletionJob) if job.dataset_group_arn == group_arn),
    ]
    return (job for job in jobs if job.status in course_of(job.kind).under_way)


def _begin_schema_update(context: Context, dataset: Dataset, schema: Schema) -> None:
    """Move the dataset through the UPDATE states; the update has its own times (R-GEN-13)."""
    store, clock = context.state.store, context.clock
    begun_at = clock.now()

    def move(status: str, update: dict[str, Any], **fields: Any) -> bool:
        now = clock.now()
        described = {"schemaArn": schema.arn, "creationDateTime": begun_at, "lastUpdatedDateTime": now, **update}
        moved = store.change(
            dataset, status=status, latest_dataset_update=described, last_updated_date_time=now, **fields
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
    context.afterwards(lambda: start_job(context, job, f"{dataset.kind}-update", dataset))
