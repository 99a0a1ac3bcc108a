"""One request to the embedded CloudWatch can neither fill the memory nor take for ever."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personalize_emu.edge.moto_adapter.services.cloudwatch import MOST_SAMPLES
from personalize_emu.emulator import Emulator
from tests.clients import client
from tests.refusals import refusal


@pytest.fixture
def cloudwatch(emulator: Emulator) -> Any:
    return client("cloudwatch")


def put(cloudwatch: Any, counts: list[float]) -> Any:
    datum = {"MetricName": "clicks", "Values": [float(number) for number in range(len(counts))], "Counts": counts}
    return cloudwatch.put_metric_data(Namespace="shop", MetricData=[datum])


@pytest.mark.parametrize("counts", [[MOST_SAMPLES + 1], [1e300], [MOST_SAMPLES, 1], [-1], [math.inf], [math.nan]])
def test_samples_that_cannot_be_kept_are_refused(cloudwatch: Any, counts: list[float]) -> None:
    code, message = refusal(lambda: put(cloudwatch, [1, *counts]))
    assert code == "InvalidParameterValue"
    assert "MetricData.member.1.Counts" in message
    assert cloudwatch.list_metrics(Namespace="shop")["Metrics"] == []


def test_counts_are_kept(cloudwatch: Any) -> None:
    put(cloudwatch, [2, 3])
    assert points(cloudwatch, 3600) == [5]


def points(cloudwatch: Any, period: int, days: int = 1) -> list[float]:
    end = datetime.now(UTC) + timedelta(hours=1)
    stat = {"Metric": {"Namespace": "shop", "MetricName": "clicks"}, "Period": period, "Stat": "SampleCount"}
    found = cloudwatch.get_metric_data(
        StartTime=end - timedelta(days=days), EndTime=end, MetricDataQueries=[{"Id": "clicks", "MetricStat": stat}]
    )
    values: list[float] = found["MetricDataResults"][0]["Values"]
    return values


@pytest.mark.parametrize(("period", "days"), [(1, 2), (60, 10_000)])
def test_queries_of_too_many_periods_are_refused(cloudwatch: Any, period: int, days: int) -> None:
    code, message = refusal(lambda: points(cloudwatch, period, days))
    assert code == "ValidationError"
    assert "choose a longer Period" in message
