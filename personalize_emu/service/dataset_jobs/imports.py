"""Dataset import jobs: read files in S3 into the bulk layer of a dataset (R-DIJ, spec 03).

Each job has a report of the rows read and left out. The service has no member for it: it is in the state, the log and
`GET /_emu/state`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

import pyarrow as pa

from personalize_emu.aws_services import ObjectStore, StoreError
from personalize_emu.data.files.import_files import read_files
from personalize_emu.data.records.bulk_records import ImportMode, check_enough_rows
from personalize_emu.data.rejection import RejectedData, RowCounts
from personalize_emu.data.schemas.column_rules import millisecond_warnings
from personalize_emu.data.schemas.dataset_types import DATASET_TYPES
from personalize_emu.s3_locations import InvalidLocation, input_objects, parse_location
from personalize_emu.service.access.role_access import READ, recheck_access, require_access, require_role
from personalize_emu.service.access.s3_inputs import (
    refuse_too_large,
    requested_location,
    requested_objects,
    unreadable_at_work,
)
from personalize_emu.service.attribution.event_attribution import ImportReporting, import_reporting
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import is_encrypted, require_loaded_data
from personalize_emu.service.datasets.datasets import require_client_dataset
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.lifecycle.creation import (
    begin_creation,
    create,
    require_active_or_creating,
    require_created,
)
from personalize_emu.service.service_metrics import record_import_size
from personalize_emu.service.state.attribution_ledger import Ledger, Sums
from personalize_emu.service.state.dataset_contents import BulkImport, DatasetContents
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import ImportReport, counted
from personalize_emu.settings import quota_limits
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.lifecycle import CREATING
from personalize_emu.state.resources import Dataset, DatasetImportJob, Schema
from personalize_emu.wire.errors import InvalidInputException

log = logging.getLogger(__name__)

_LARGEST: Mapping[ImportMode, str] = {"FULL": "full-import-bytes", "INCREMENTAL": "incremental-import-bytes"}
"""Mode to the name of the quota of its input (Q-26, Q-27, Q-41)."""


PreparedImport = tuple[DatasetContents, BulkImport]
"""The contents of a dataset, and the prepared import."""


@dataclass(frozen=True)
class FilesRead:
    """The rows of all files of an import. size: bytes of the files."""

    table: pa.Table
    size: int


def create_dataset_import_job(context: Context, params: Params) -> dict[str, Any]:
    """The files are listed before the response; the job reads the rows (R-DIJ-9)."""
    dataset = context.get(Dataset, params["datasetArn"])
    require_active_or_creating(dataset)
    require_client_dataset(dataset)
    mode = params.get("importMode", "FULL")
    _check_mode(context, dataset, mode)
    publish = params.get("publishAttributionMetricsToS3", False)
    reporting = import_reporting(context, dataset, mode, publish=publish)
    location = requested_location(params["dataSource"].get("dataLocation"))
    role_arn = params.get("roleArn")
    if role_arn is not None:
        require_role(context, role_arn)
    keys = [info.key for info in requested_objects(context.aws_services.listing(context.region), location)]
    require_access(context, role_arn, READ, location.bucket, keys)
    job = create(
        context,
        DatasetImportJob,
        params,
        dataset_arn=dataset.arn,
        data_source=params["dataSource"],
        role_arn=role_arn,
        import_mode=mode,
        publish_attribution_metrics_to_s3=publish,
    )
    _begin(context, job, dataset, reporting)
    return {"datasetImportJobArn": job.arn}


def resume_dataset_import_job(context: Context, job: DatasetImportJob) -> None:
    """Begin a job again that a restart has interrupted; its record is as it was after its creation."""
    dataset = context.get(Dataset, job.dataset_arn)
    publish = bool(job.publish_attribution_metrics_to_s3)
    _begin(context, job, dataset, import_reporting(context, dataset, job.import_mode, publish=publish))


def describe_dataset_import_job(context: Context, params: Params) -> dict[str, Any]:
    job = context.get(DatasetImportJob, params["datasetImportJobArn"])
    return {"datasetImportJob": job.members()}


def list_dataset_import_jobs(context: Context, params: Params) -> dict[str, Any]:
    jobs = context.all(DatasetImportJob)
    if "datasetArn" in params:
        context.find(Dataset, params["datasetArn"])
        jobs = [job for job in jobs if job.dataset_arn == params["datasetArn"]]
    return context.list_page(jobs, params, "datasetImportJobs", query="ListDatasetImportJobs")


def _begin(
    context: Context,
    job: DatasetImportJob,
    dataset: Dataset,
    reporting: ImportReporting,
) -> None:
    """Reports are written before the rows are stored: if that fails, the import changes nothing (R-DIJ-12)."""
    schema_text = context.get(Schema, dataset.schema_arn).schema
    mode = cast(ImportMode, job.import_mode)

    def work() -> tuple[FilesRead, PreparedImport, list[tuple[Ledger, Sums]]]:
        log_length = _first_log_length(context, job)
        files = _read(context, job, mode, schema_text, dataset.dataset_type)
        prepared = _prepare_import(context, dataset, mode, files.table, log_length)
        context.state.keeping.prepare(job.dataset_arn, prepared[1].after)
        return files, prepared, reporting.reported(files.table)

    def finished(result: tuple[FilesRead, PreparedImport, list[tuple[Ledger, Sums]]]) -> None:
        files, (contents, addition), sums = result
        context.afterwards(lambda: record_import_size(context, job, files.size))
        context.state.usage.ingest(job.arn, files.size)
        context.afterwards(lambda: reporting.done(sums))
        contents.finish_import(addition)
        context.state.store.touch(job.dataset_arn)

    ready = partial(require_created, context, job.dataset_arn)
    begin_creation(context, job, work, finished, queues=(job.dataset_arn,), ready=ready)


def _check_mode(context: Context, dataset: Dataset, mode: ImportMode) -> None:
    """INCREMENTAL needs bulk data to add to, or a FULL import that is running (D-80)."""
    if mode != "FULL":
        require_loaded_data(context, dataset.dataset_group_arn)
    contents = context.state.contents(dataset.arn)
    if mode == "FULL" or (contents is not None and contents.bulk is not None):
        return
    running = (
        job
        for job in context.all(DatasetImportJob)
        if job.dataset_arn == dataset.arn and job.status in CREATING and job.import_mode == "FULL"
    )
    if next(running, None) is None:
        raise InvalidInputException(
            f"Import mode INCREMENTAL requires a previous bulk import of dataset {dataset.arn}."
        )


def _read(
    context: Context, job: DatasetImportJob, mode: ImportMode, schema_text: str, dataset_type: str
) -> FilesRead:
    location = parse_location(job.data_source["dataLocation"])
    objects = context.aws_services.objects(context.region)
    counts = RowCounts()
    try:
        found = input_objects(objects, location)
        size = sum(info.size for info in found)
        context.state.logs.add(job.arn, f"reading {counted(len(found), 'file')}, {size:,} bytes, mode {mode}")
        refuse_too_large(found, quota_limits(context.settings.quotas).get(_LARGEST[mode]))
        recheck_access(context, job.role_arn, READ, location.bucket, [info.key for info in found])
        files = [(info.key, _opener(objects, location.bucket, info.key)) for info in found]
        tolerated = context.settings.nonconforming_rows
        table = read_files(files, parsed_schema(schema_text), dataset_type, tolerated=tolerated, counts=counts)
        check_enough_rows(table.num_rows, dataset_type, mode, left_out=counts.left_out)
    except RejectedData as error:
        store_report(context.state, job, counts)
        raise JobFailed(str(error)) from error
    except (StoreError, InvalidLocation) as error:
        raise JobFailed(unreadable_at_work(error)) from error
    report = store_report(context.state, job, counts, millisecond_warnings(table))
    log_report(job, report, quotes=not is_encrypted(context.state, job))
    return FilesRead(table, size)


def _opener(objects: ObjectStore, bucket: str, key: str) -> Callable[[], BinaryIO]:
    return lambda: objects.open(bucket, key)


def _first_log_length(context: Context, job: DatasetImportJob) -> int:
    """The length of the log when the import began, also when it has been begun again after a restart."""
    contents, entry = context.state.contents(job.dataset_arn), context.state.restarts.get(job.arn)
    length = 0 if contents is None else len(contents.log)
    if entry is None:
        return length
    if entry.log_length is None:
        entry.log_length = length
        context.state.store.save(job.arn)
    return entry.log_length


def _prepare_import(
    context: Context, dataset: Dataset, mode: ImportMode, table: pa.Table, log_length: int
) -> PreparedImport:
    """Build the next bulk layer; readers see the present one until it is replaced (D-87).

    log_length: individual records at the start of the import, which are older than its rows (D-84).
    """
    contents = context.state.contents(dataset.arn)
    if contents is None:
        raise JobFailed(f"Resource Arn {dataset.arn} does not exist.")
    return contents, contents.prepare_import(table, mode, DATASET_TYPES[dataset.dataset_type].id_column, log_length)


def store_report(
    state: EmulatorState, job: DatasetImportJob, counts: RowCounts, warnings: Sequence[str] = ()
) -> ImportReport:
    """Keep the report of a job, also of one that has read no row, and add it to its log."""
    report = ImportReport(counts.rows, counts.left_out, tuple(counts.reasons), tuple(warnings))
    state.logs.add(job.arn, f"{counted(report.rows, 'row')} read, {report.left_out:,} left out")
    for text in (*(f"left out: {reason}" for reason in report.reasons), *report.warnings):
        state.logs.add(job.arn, text, "warning")
    entry = state.import_jobs.get(job.arn)
    if entry is not None:
        entry.report = report
    return report


def log_report(job: DatasetImportJob, report: ImportReport, *, quotes: bool) -> None:
    """Log rows that are left out, and warnings. quotes: with values of cells."""
    if not quotes:
        if report.left_out or report.warnings:
            log.warning(
                "%s: %d of %d rows do not conform to the schema and are left out, %d warnings",
                job.arn, report.left_out, report.rows, len(report.warnings),
            )  # fmt: skip
        return
    if report.left_out:
        log.warning(
            "%s: %d of %d rows do not conform to the schema and are left out, the first: %s",
            job.arn, report.left_out, report.rows, "; ".join(report.reasons),
        )  # fmt: skip
    for warning in report.warnings:
        log.warning("%s: %s", job.arn, warning)


def import_reports(state: EmulatorState) -> list[dict[str, Any]]:
    """Import jobs that have read their files, with their reports, sorted by ARN."""
    shown = []
    for arn, entry in sorted(state.import_jobs.items(), key=lambda each: each[0]):
        job, report = state.store.get(DatasetImportJob, arn), entry.report
        if job is not None and report is not None:
            shown.append(
                {
                    "arn": arn,
                    "datasetArn": job.dataset_arn,
                    "status": job.status,
                    "rows": report.rows,
                    "rowsLeftOut": report.left_out,
                    "reasons": list(report.reasons),
                    "warnings": list(report.warnings),
                }
            )
    return shown
