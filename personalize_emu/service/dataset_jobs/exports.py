"""Dataset export jobs: write the records of a dataset to CSV files in S3 (R-DEJ, spec 03 section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from personalize_emu.aws_services import StoreError
from personalize_emu.data.files.csv_writer import csv_parts
from personalize_emu.data.records.bulk_records import current_records, distinct_rows
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.columns import conformed, rows_table
from personalize_emu.data.schemas.dataset_types import DATASET_TYPES
from personalize_emu.service.access.role_access import WRITE, recheck_access, require_access, require_role
from personalize_emu.service.access.s3_inputs import NO_WRITE_ACCESS, output_folder, unwritable_at_work
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.datasets.datasets import require_client_dataset
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.lifecycle.creation import (
    begin_creation,
    create,
    creation_queues,
    require_active_or_creating,
    require_created,
)
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.entries import counted
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import Dataset, DatasetExportJob, Schema


def create_dataset_export_job(context: Context, params: Params) -> dict[str, Any]:
    """The destination is only parsed; the job fails if it cannot be written (D-109)."""
    dataset = context.get(Dataset, params["datasetArn"])
    require_active_or_creating(dataset)
    require_client_dataset(dataset)
    destination = params["jobOutput"]["s3DataDestination"]
    folder = output_folder(destination["path"])
    require_role(context, params["roleArn"])
    require_access(context, params["roleArn"], WRITE, folder.bucket, [folder.key])
    job = create(
        context,
        DatasetExportJob,
        params,
        dataset_arn=dataset.arn,
        ingestion_mode=params.get("ingestionMode", "PUT"),
        role_arn=params["roleArn"],
        job_output=params["jobOutput"],
    )
    _begin(context, job, dataset)
    return {"datasetExportJobArn": job.arn}


def resume_dataset_export_job(context: Context, job: DatasetExportJob) -> None:
    """Begin a job again that a restart has interrupted; files that it has written are written again."""
    _begin(context, job, context.get(Dataset, job.dataset_arn))


def _begin(context: Context, job: DatasetExportJob, dataset: Dataset) -> None:
    schema = parsed_schema(context.get(Schema, dataset.schema_arn).schema)
    begin_creation(
        context,
        job,
        partial(_export, context, job, dataset.dataset_type, schema),
        lambda _: None,
        queues=creation_queues(dataset),
        ready=partial(require_created, context, dataset.arn),
    )


def describe_dataset_export_job(context: Context, params: Params) -> dict[str, Any]:
    job = context.get(DatasetExportJob, params["datasetExportJobArn"])
    return {"datasetExportJob": job.members()}


def list_dataset_export_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = context.all(DatasetExportJob)
    if "datasetArn" in params:
        context.find(Dataset, params["datasetArn"])
        jobs = [job for job in jobs if job.dataset_arn == params["datasetArn"]]
    return context.list_page(jobs, params, "datasetExportJobs", query="ListDatasetExportJobs")


def export_file_key(folder: str, job_name: str, number: int) -> str:
    """Name of one file of an export; `folder` is empty or ends with a slash (D-106)."""
    return f"{folder}{job_name}/part-{number:05d}.csv"


def _export(context: Context, job: DatasetExportJob, dataset_type: str, schema: AvroSchema) -> None:
    contents = context.state.contents(job.dataset_arn)
    if contents is None:
        raise JobFailed(f"Resource Arn {job.dataset_arn} does not exist.")
    destination = job.job_output["s3DataDestination"]
    folder = output_folder(destination["path"])
    recheck_access(context, job.role_arn, WRITE, folder.bucket, [folder.key], refusal=NO_WRITE_ACCESS)
    objects = context.aws_services.objects(context.region)
    table = selected_records(contents, schema, dataset_type, job.ingestion_mode)
    context.state.logs.add(job.arn, f"{counted(table.num_rows, 'row')} to write, mode {job.ingestion_mode}")
    try:
        for number, part in enumerate(csv_parts(table, context.settings.export_file_bytes)):
            key = export_file_key(folder.key, job.job_name, number)
            objects.put(folder.bucket, key, part, kms_key_arn=destination.get("kmsKeyArn"))
            context.state.logs.add(job.arn, f"wrote {key}")
    except StoreError as error:
        raise JobFailed(unwritable_at_work(error)) from error


def selected_records(contents: DatasetContents, schema: AvroSchema, dataset_type: str, mode: str) -> pa.Table:
    """The records that a mode exports, in schema order; equal ones once (D-100, D-102 to D-104).

    mode: BULK, PUT or ALL. With ALL only the newest record of an id counts; BULK and PUT give every one.
    """
    layer, id_column = contents.layer, DATASET_TYPES[dataset_type].id_column
    if mode == "ALL" and id_column is not None:
        return current_records(layer.table, contents.log.rows(), schema, id_column, layer.superseded)
    return distinct_rows(pa.concat_tables([rows_table(schema, []), *_layers(contents, layer.table, schema, mode)]))


def _layers(contents: DatasetContents, bulk: pa.Table | None, schema: AvroSchema, mode: str) -> Iterator[pa.Table]:
    if mode != "PUT" and bulk is not None:
        yield conformed(bulk, schema)
    if mode != "BULK":
        yield conformed(contents.log.table(), schema)
