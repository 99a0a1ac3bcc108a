"""From events and imported interactions to the metrics of their group's attribution (spec 12 sections 3 and 4).

    PutEvents, imports ──▶ Ledger ──at the end of a window──▶ CloudWatch
              imports ──▶ a report in S3
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from personalize_emu.aws_services import MetricDatum, MetricsRefused, StoreError
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.data.schemas.columns import ITEM_ID, TIMESTAMP
from personalize_emu.data.schemas.dataset_types import INTERACTIONS, ITEMS
from personalize_emu.service.access.role_access import REPORT, recheck_access, recheck_publishing
from personalize_emu.service.access.s3_inputs import NO_WRITE_ACCESS, output_folder, unwritable_at_work
from personalize_emu.service.attribution.attribution_sums import CreditedEvent, CreditedRows, ItemValue, event_sums
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.state.attribution_ledger import (
    WINDOW_SECONDS,
    Ledger,
    Metric,
    MetricExpression,
    SumKey,
    Sums,
    TooManySources,
    parsed_expression,
)
from personalize_emu.service.state.dataset_contents import StreamedEvent
from personalize_emu.state.jobs import Job, JobFailed
from personalize_emu.state.lifecycle import publication_delay
from personalize_emu.state.resources import Dataset, MetricAttribution, Schema
from personalize_emu.wire.errors import InvalidInputException

NAMESPACE = "Personalize"
"""MA-34."""
PROBE = "MetricAttributionProbe"
CONSIDERED_SECONDS = 14 * 24 * 3600
"""Events that are older do not reach CloudWatch (MA-33)."""
AHEAD_SECONDS = 2 * 3600
"""CloudWatch refuses a call as a whole for one datum that is further in the future."""
HEADER = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", "EVENT_ATTRIBUTION_SOURCE", "TIMESTAMP")


def admit_sources(context: Context, group_arn: str, arrivals: Sequence[StreamedEvent]) -> None:
    """Called before events are stored. Raises InvalidInputException beyond a hundred sources (EV-52)."""
    for ledger, _ in ledgers_of_group(context, group_arn):
        try:
            ledger.admit(arrival.source for arrival in arrivals)
        except TooManySources as error:
            raise InvalidInputException(str(error)) from error


def count_events(context: Context, group_arn: str, arrivals: Sequence[StreamedEvent]) -> None:
    """Add events to the sums, also those that are not stored because they equal earlier ones (MA-23)."""
    for ledger, attribution in ledgers_of_group(context, group_arn):
        after, until = considered_times(context.clock.now())
        events = [CreditedEvent(one.row, one.source) for one in arrivals if after < one.row[TIMESTAMP] <= until]
        sums = event_sums(metrics_of(attribution), events, item_values(context, group_arn))
        publish_later(context, ledger, sums)


@dataclass(frozen=True)
class ImportReporting:
    """The reporting of one import job: to the attributions there were when it was created.

    publish: whether a report is written to S3. mode: of the import.
    """

    context: Context
    group_arn: str
    mode: str
    publish: bool
    ledgers: tuple[Ledger, ...] = ()

    def reported(self, table: pa.Table) -> list[tuple[Ledger, Sums]]:
        """Write the reports to S3 and return the sums for CloudWatch. Raises JobFailed (MA-21, MA-32)."""
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
        """Publish the sums of an import that has succeeded."""
        for ledger, found in sums:
            publish_later(self.context, ledger, found)


def import_reporting(context: Context, dataset: Dataset, mode: str, *, publish: bool) -> ImportReporting:
    """The reporting of a new import job; it reports nothing without an attribution (MA-32, R-DIJ-13)."""
    group_arn = dataset.dataset_group_arn
    if dataset.dataset_type != INTERACTIONS:
        return ImportReporting(context, group_arn, mode, publish)
    ledgers = tuple(ledger for ledger, _ in ledgers_of_group(context, group_arn))
    return ImportReporting(context, group_arn, mode, publish, ledgers)


def metrics_of(attribution: MetricAttribution) -> list[Metric]:
    return [Metric(one["eventType"], one["metricName"], one["expression"]) for one in attribution.metrics]


def ledgers_of_group(context: Context, group_arn: str) -> list[tuple[Ledger, MetricAttribution]]:
    """The ACTIVE attributions of a group with their ledgers: one at most, unless quotas are off."""
    counted = [entry.ledger for _, entry in context.state.attributions.items() if entry.ledger is not None]
    ledgers = [ledger for ledger in counted if ledger.group_arn == group_arn]
    records = [(ledger, context.find(MetricAttribution, ledger.attribution_arn)) for ledger in ledgers]
    return [(ledger, record) for ledger, record in records if record is not None]


def considered_times(now: float) -> tuple[float, float]:
    """Events are published that are later than the first and not later than the second."""
    return now - CONSIDERED_SECONDS, now + AHEAD_SECONDS


def item_values(context: Context, group_arn: str) -> ItemValue:
    """Numbers of the items of a group, as they are now."""
    dataset = dataset_of_type(context, group_arn, ITEMS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return _no_item
    text = context.get(Schema, dataset.schema_arn).schema
    schema = parsed_schema(text)

    def value(item_id: str, column: str) -> object:
        name = _column_named(schema, column)
        return name and context.state.indexes.records(contents, text, ITEM_ID).value(item_id, name)

    return value


def _no_item(_: str, __: str) -> None:
    """For a group without items."""


def _column_named(schema: AvroSchema, column: str) -> str | None:
    return MetricExpression(ITEMS, column).column_in(schema)


def probe(context: Context, attribution: MetricAttribution) -> None:
    """Publish one datum to see whether CloudWatch accepts any (MA-7). Raises JobFailed."""
    dimensions = [{"Name": "MetricAttributionArn", "Value": attribution.arn}]
    datum = {"MetricName": PROBE, "Dimensions": dimensions, "Timestamp": _moment(context.clock.now()), "Value": 0.0}
    _publish(context, attribution, [datum])


def publish_later(context: Context, ledger: Ledger, sums: Sums) -> None:
    """Add sums to the ledger; the first addition since the last publication schedules the next one."""
    first = ledger.add(sums)
    context.state.store.save(ledger.attribution_arn)
    if first:
        begin_publication(context, ledger)


def begin_publication(context: Context, ledger: Ledger) -> None:
    """Publish the sums of a ledger when their window ends."""
    taken: dict[SumKey, float] = {}

    def begun() -> bool:
        # Even if the job fails, the next addition schedules another one.
        taken.update(ledger.take())
        context.state.store.save(ledger.attribution_arn)
        return True

    def work() -> None:
        """Sums are lost when the attribution has been deleted (MA-6), or CloudWatch refuses them."""
        attribution = context.find(MetricAttribution, ledger.attribution_arn)
        if attribution is not None and context.state.attributions[attribution.arn].ledger is ledger:
            _publish(context, attribution, [_datum(key, value) for key, value in taken.items()])

    delay = publication_delay(context.settings, context.clock.now(), WINDOW_SECONDS)
    job = Job(f"publish {ledger.attribution_arn}", delay, begun, work, lambda _: None, lambda _: None)
    context.state.jobs.start(job)


def _publish(context: Context, attribution: MetricAttribution, data: list[MetricDatum]) -> None:
    recheck_publishing(context, attribution.metrics_output_config["roleArn"])
    try:
        context.aws_services.publish(context.region, NAMESPACE, data)
    except MetricsRefused as error:
        raise JobFailed(f"Metrics could not be sent to Amazon CloudWatch: {error}") from error


def _datum(key: SumKey, value: float) -> MetricDatum:
    """MA-34."""
    dimensions = {
        "EventAttributionSource": key.source,
        "EventType": key.metric.event_type,
        "MathFunction": parsed_expression(key.metric.expression).function,
    }
    return {
        "MetricName": key.metric.name,
        "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions.items()],
        "Timestamp": _moment(key.window),
        "Value": value,
        "Unit": "None",
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def write_report(context: Context, attribution: MetricAttribution, ledger: Ledger, mode: str, sums: Sums) -> None:
    """The file of one import (MA-40). Raises JobFailed when it cannot be written."""
    destination = attribution.metrics_output_config["s3DataDestination"]
    folder = output_folder(destination["path"])
    second = _moment(ledger.report_second(context.clock.now()))
    key = f"{folder.key}AggregatedAttributionMetrics - {mode} - {second:%Y%m%dT%H%M%SZ}.csv"
    role_arn = attribution.metrics_output_config["roleArn"]
    recheck_access(context, role_arn, REPORT, folder.bucket, [key], refusal=NO_WRITE_ACCESS)
    objects = context.aws_services.objects(context.region)
    try:
        objects.put(folder.bucket, key, report_text(sums).encode(), kms_key_arn=destination.get("kmsKeyArn"))
    except StoreError as error:
        raise JobFailed(unwritable_at_work(error)) from error


def report_text(sums: Sums) -> str:
    """MA-41 to MA-43."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_report_row(key, value) for key, value in _newest_first(sums.items()))
    return text.getvalue()


def _newest_first(values: Iterable[tuple[SumKey, float]]) -> list[tuple[SumKey, float]]:
    return sorted(values, key=lambda entry: (-entry[0].window, entry[0].source, entry[0].metric.name))


def _report_row(key: SumKey, value: float) -> tuple[str | int, ...]:
    metric = key.metric
    function = parsed_expression(metric.expression).function
    return metric.name.upper(), metric.event_type.upper(), repr(value), function, key.source, key.window
