"""Events and imported interactions, counted for the metric attribution of their group (spec 12 sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from personalize_emu.data.schemas.columns import TIMESTAMP
from personalize_emu.data.schemas.dataset_types import INTERACTIONS
from personalize_emu.service.attribution.attribution_reports import (
    considered_times,
    item_values,
    ledgers_of_group,
    metrics_of,
    record_sums,
    write_report,
)
from personalize_emu.service.attribution.attribution_sums import CreditedEvent, CreditedRows, event_sums
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.attribution_ledger import Ledger, Sums, TooManySources
from personalize_emu.service.state.event_identity import Arrival
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import Dataset, MetricAttribution
from personalize_emu.wire.errors import InvalidInputException


def admit_sources(context: Context, group_arn: str, arrivals: Sequence[Arrival]) -> None:
    """Before events are stored. Raises InvalidInputException beyond a hundred sources (EV-52)."""
    for ledger, _ in ledgers_of_group(context, group_arn):
        try:
            ledger.admit(arrival.source for arrival in arrivals)
        except TooManySources as error:
            raise InvalidInputException(str(error)) from error


def count_events(context: Context, group_arn: str, arrivals: Sequence[Arrival]) -> None:
    """Also events that are stored once only, since they equal earlier ones (MA-23)."""
    for ledger, attribution in ledgers_of_group(context, group_arn):
        after, until = considered_times(context.clock.now())
        events = [CreditedEvent(one.row, one.source) for one in arrivals if after < one.row[TIMESTAMP] <= until]
        sums = event_sums(metrics_of(attribution), events, item_values(context, group_arn))
        record_sums(context, ledger, sums)


@dataclass(frozen=True)
class ImportReporting:
    """What an import job of interactions has to report, and to which attributions: those there were when it was made.

    publish: whether its files become a report in S3. mode: of the import.
    """

    context: Context
    group_arn: str
    mode: str
    publish: bool
    ledgers: tuple[Ledger, ...] = ()

    def reported(self, table: pa.Table) -> list[tuple[Ledger, Sums]]:
        """Write the files in S3; gives what is left for CloudWatch. Raises JobFailed (MA-21, MA-32)."""
        found = ledgers_of_group(self.context, self.group_arn)
        return [(ledger, self._reported(table, ledger, record)) for ledger, record in found if ledger in self.ledgers]

    def _reported(self, table: pa.Table, ledger: Ledger, attribution: MetricAttribution) -> Sums:
        rows = CreditedRows.of(table, self._answering)
        try:
            ledger.admit(rows.credited)
        except TooManySources as error:
            raise JobFailed(str(error)) from error
        metrics, values = metrics_of(attribution), item_values(self.context, self.group_arn)
        if self.publish and "s3DataDestination" in attribution.metrics_output_config:
            write_report(self.context, attribution, ledger, self.mode, rows.sums(metrics, values))
        if self.mode != "INCREMENTAL":
            return {}
        return rows.between(*considered_times(self.context.clock.now())).sums(metrics, values)

    def _answering(self, recommendation_id: str) -> str | None:
        answer = self.context.state.answers.find(recommendation_id)
        return answer.deployment_arn if answer else None

    def done(self, sums: Sequence[tuple[Ledger, Sums]]) -> None:
        """The import has succeeded: its interactions count."""
        for ledger, found in sums:
            record_sums(self.context, ledger, found)


def import_reporting(context: Context, dataset: Dataset, mode: str, *, publish: bool) -> ImportReporting:
    """What a new import job of a dataset will report: nothing where no attribution says to where (MA-32, R-DIJ-13)."""
    group_arn = dataset.dataset_group_arn
    if dataset.dataset_type != INTERACTIONS:
        return ImportReporting(context, group_arn, mode, publish)
    ledgers = tuple(ledger for ledger, _ in ledgers_of_group(context, group_arn))
    return ImportReporting(context, group_arn, mode, publish, ledgers)
