"""Data deletion jobs: remove users from all datasets of a group (R-DDJ, spec 03 section 12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, BinaryIO

from personalize_emu.aws_services import ObjectInfo, ObjectStore, StoreError
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.rejection import RejectedData
from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.columns import USER_ID
from personalize_emu.data.schemas.dataset_types import USERS
from personalize_emu.s3_locations import InvalidLocation, Location, input_objects, is_csv_file, parse_location
from personalize_emu.service.access.role_access import READ, recheck_access, require_access, require_role
from personalize_emu.service.access.s3_inputs import refuse_too_large, requested_location, unreadable_at_work
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import records_of_group
from personalize_emu.service.lifecycle.creation import begin_creation, create, require_active
from personalize_emu.service.state.dataset_contents import UserRemoval
from personalize_emu.service.state.entries import counted
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import DataDeletionJob, Dataset, DatasetGroup

MOST_BYTES = 100 * 2**20
"""Size of the input as a whole (Q-42)."""

_USER_LIST = AvroSchema("Users", (Field(USER_ID, "string"),))


def create_data_deletion_job(context: Context, params: Params) -> dict[str, Any]:
    """The location is only parsed; the job reads what is there (D-116)."""
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    require_active(group)
    location = requested_location(params["dataSource"].get("dataLocation"))
    require_role(context, params["roleArn"])
    require_access(context, params["roleArn"], READ, location.bucket, [location.key])
    job = create(
        context,
        DataDeletionJob,
        params,
        dataset_group_arn=group.arn,
        data_source=params["dataSource"],
        role_arn=params["roleArn"],
    )
    begin_data_deletion_job(context, job)
    return {"dataDeletionJobArn": job.arn}


def begin_data_deletion_job(context: Context, job: DataDeletionJob) -> None:
    """Begin a job that has been created, or again one that a restart has interrupted."""
    group_arn = job.dataset_group_arn
    datasets = tuple(dataset.arn for dataset in context.all(Dataset) if dataset.dataset_group_arn == group_arn)
    # It shares the queues of its datasets with their imports, so they run one after the other (D-112).
    begin_creation(
        context, job, partial(_prepare, context, job, datasets), partial(_remove, context, job), queues=datasets
    )


def describe_data_deletion_job(context: Context, params: Params) -> dict[str, Any]:
    return {"dataDeletionJob": context.get(DataDeletionJob, params["dataDeletionJobArn"]).members()}


def list_data_deletion_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = records_of_group(context, DataDeletionJob, params)
    return context.list_page(jobs, params, "dataDeletionJobs", query="ListDataDeletionJobs")


def deletion_jobs_of_group(context: Context, group_arn: str) -> list[DataDeletionJob]:
    return [job for job in context.all(DataDeletionJob) if job.dataset_group_arn == group_arn]


def users_to_delete(objects: ObjectStore, location: Location) -> frozenset[str]:
    """The user ids listed in the files of a location (D-111, D-46). Raises JobFailed (D-116, S-19)."""
    try:
        files = user_files(objects, location)
        check_size(files)
        for info in files:
            _check_key(objects, location.bucket, info.key)
        contents = [(info.key, _opener(objects, location.bucket, info.key)) for info in files]
        table = read_files(contents, _USER_LIST, USERS)
    except RejectedData as error:
        raise JobFailed(str(error)) from error
    except (StoreError, InvalidLocation) as error:
        raise JobFailed(unreadable_at_work(error)) from error
    return frozenset(table.column(USER_ID).to_pylist())


def user_files(objects: ObjectStore, location: Location) -> list[ObjectInfo]:
    """CSV files of a folder and of all folders below it, or the one object. Raises InvalidLocation, StoreError."""
    files = [info for info in input_objects(objects, location, is_csv_file, deep=True) if is_csv_file(info.key)]
    if not files:
        raise InvalidLocation(f"the name of {location} does not end in .csv")
    return files


def check_size(files: list[ObjectInfo]) -> None:
    """Raises JobFailed above 100 MB in all (Q-42, R-DDJ-5)."""
    refuse_too_large(files, MOST_BYTES)


def _check_key(objects: ObjectStore, bucket: str, key: str) -> None:
    """S-19: objects under a customer's key cannot be read."""
    if objects.customer_key_of(bucket, key):
        raise JobFailed(f"Input data is encrypted with a customer managed KMS key, which is not supported: {key}.")


def _opener(objects: ObjectStore, bucket: str, key: str) -> Callable[[], BinaryIO]:
    return lambda: objects.open(bucket, key)


def _prepare(context: Context, job: DataDeletionJob, datasets: tuple[str, ...]) -> Mapping[str, UserRemoval]:
    """The prepared removal of each dataset. Until the job ends nothing is removed (R-DDJ-8)."""
    location = parse_location(job.data_source["dataLocation"])
    recheck_access(context, job.role_arn, READ, location.bucket, [location.key])
    user_ids = users_to_delete(context.aws_services.objects(context.region), location)
    context.state.logs.add(job.arn, f"{counted(len(user_ids), 'user')} listed")
    held = {arn: context.state.contents(arn) for arn in datasets}
    removals = {arn: contents.prepare_removal(user_ids) for arn, contents in held.items() if contents is not None}
    for arn, removal in removals.items():
        context.state.keeping.prepare(arn, removal.after)
    return removals


def _remove(context: Context, job: DataDeletionJob, removals: Mapping[str, UserRemoval]) -> dict[str, Any]:
    """The number of removed rows, over all datasets (D-115). Steps that can fail precede the first removal."""
    held = [(context.state.contents(arn), removal) for arn, removal in removals.items()]
    present = [(contents, contents.up_to_date(removal)) for contents, removal in held if contents is not None]
    context.state.store.touch(*removals)
    deleted = sum(contents.remove_users(removal) for contents, removal in present)
    context.state.logs.add(job.arn, f"{counted(deleted, 'row')} deleted")
    return {"num_deleted": deleted}
