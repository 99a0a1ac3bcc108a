"""What an import job found in its files: kept beside the job, whose record has no member for it, and logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from personalize_emu.data.row_counts import RowCounts
from personalize_emu.service.world import ImportReport, World
from personalize_emu.state.resources import DatasetImportJob

log = logging.getLogger(__name__)


def keep_report(world: World, job: DatasetImportJob, counts: RowCounts, warnings: Sequence[str] = ()) -> ImportReport:
    """A job that has read no row, because there was none or nothing could be read, has one, too."""
    report = ImportReport(counts.rows, counts.left_out, tuple(counts.reasons), tuple(warnings))
    world.import_reports[job.arn] = report
    return report


def log_report(job: DatasetImportJob, report: ImportReport) -> None:
    """What a person should know of an import that goes on."""
    if report.left_out:
        log.warning(
            "%s: %d of %d rows do not conform to the schema and are left out, the first: %s",
            job.arn, report.left_out, report.rows, "; ".join(report.reasons),
        )  # fmt: skip
    for warning in report.warnings:
        log.warning("%s: %s", job.arn, warning)


def shown_imports(world: World) -> list[dict[str, Any]]:
    """Import jobs with what was found in their files, by ARN; those that have not read yet are not among them."""
    shown = []
    for arn, report in sorted(dict(world.import_reports).items()):
        job = world.store.get(DatasetImportJob, arn)
        if job is not None:
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
