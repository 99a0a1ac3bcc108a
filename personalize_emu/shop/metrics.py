"""The shop's metric attribution: what Personalize counts, and reading it from CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from personalize_emu.shop.shop_log import Group, ShopLog
from personalize_emu.shop.storefront import PURCHASE, VIEW

NAMESPACE = "Personalize"
DAY = 86_400
MOST_DAYS = 14
"""Metric attribution considers events of two weeks (spec 12, MA-33)."""
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class AttributedMetric:
    """expression: as in CreateMetricAttribution. function: its name in the dimensions of CloudWatch."""

    name: str
    event_type: str
    expression: str
    function: str

    def request(self) -> dict[str, str]:
        return {"metricName": self.name, "eventType": self.event_type, "expression": self.expression}


CLICKS = AttributedMetric("clicks", VIEW, "SAMPLECOUNT()", "samplecount")
PURCHASES = AttributedMetric("purchases", PURCHASE, "SAMPLECOUNT()", "samplecount")
REVENUE = AttributedMetric("revenue", PURCHASE, "SUM(Items.PRICE)", "sum")
METRICS = (CLICKS, PURCHASES, REVENUE)


@dataclass(frozen=True)
class Attributed:
    """start: midnight of the first day, epoch seconds. days: sums a day by metric name and group."""

    start: float
    days: Mapping[tuple[str, Group], tuple[float, ...]]

    def total(self, metric: AttributedMetric, group: Group) -> float:
        return sum(self.days[metric.name, group])


def create_attribution(personalize: Any, dataset_group: str, role: str) -> str:
    """Returns the ARN. The role allows Personalize to put metrics into CloudWatch."""
    made = personalize.create_metric_attribution(
        name="shop",
        datasetGroupArn=dataset_group,
        metrics=[metric.request() for metric in METRICS],
        metricsOutputConfig={"roleArn": role},
    )
    arn: str = made["metricAttributionArn"]
    return arn


def read_attribution(cloudwatch: Any, now: float, days: int = MOST_DAYS) -> Attributed:
    """The sums of the last `days` days, today included. cloudwatch: a boto3 client."""
    start = now // DAY * DAY - (days - 1) * DAY
    series = {(metric.name, group): [0.0] * days for metric in METRICS for group in Group}
    names = {f"q{number}": key for number, key in enumerate(series)}
    by_name = {metric.name: metric for metric in METRICS}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_query(place, by_name[name], group) for place, (name, group) in names.items()],
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(start + days * DAY, UTC),
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                series[names[result["Id"]]][int((moment.timestamp() - start) // DAY)] += value
    return Attributed(start, {key: tuple(values) for key, values in series.items()})


def wait_for_metrics(cloudwatch: Any, log: ShopLog, now: float, patience: float) -> bool:
    """Wait until CloudWatch has the clicks and purchases that the shop has sent; False after `patience` seconds.

    The service sends metrics every fifteen minutes, the emulator with the pace `fast` every second.
    """
    visitors = log.visitors()
    sent = (sum(each.clicks for each in visitors), sum(each.purchases for each in visitors))
    ends = time.monotonic() + patience
    while True:
        found = read_attribution(cloudwatch, now)
        if tuple(round(sum(found.total(metric, group) for group in Group)) for metric in (CLICKS, PURCHASES)) == sent:
            return True
        if time.monotonic() > ends:
            return False
        time.sleep(POLL_SECONDS)


def _query(place: str, metric: AttributedMetric, group: Group) -> dict[str, Any]:
    dimensions = {"EventAttributionSource": group, "EventType": metric.event_type, "MathFunction": metric.function}
    described = {
        "Namespace": NAMESPACE,
        "MetricName": metric.name,
        "Dimensions": _pairs(dimensions),
    }
    return {"Id": place, "MetricStat": {"Metric": described, "Period": DAY, "Stat": "Sum"}}


def _pairs(dimensions: Mapping[str, str]) -> Sequence[dict[str, str]]:
    return [{"Name": name, "Value": str(value)} for name, value in dimensions.items()]
