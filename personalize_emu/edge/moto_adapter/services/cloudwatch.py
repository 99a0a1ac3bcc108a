"""Limits to what one request to the embedded CloudWatch keeps and computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError
from moto.cloudwatch.models import CloudWatchBackend

from personalize_emu.edge.moto_adapter.services.extensions import replace_while_in_use

MOST_POINTS = 100_800
"""Of one query of GetMetricData; the service returns as many at most, according to its API reference."""
MOST_SAMPLES = 1_000_000
"""Of one metric in a request. moto keeps an object for each sample, so that one request could fill the memory."""


@cache
def extend() -> None:
    """Check counts before anything is kept, and periods before anything is computed. Applied once per process."""
    name = "_validate_parameters_put_metric_data"
    original: Any = getattr(CloudWatchBackend, name)
    read: Any = CloudWatchBackend.get_metric_data

    def validate(backend: Any, metric: Mapping[str, Any], query_num: int) -> None:
        original(backend, metric, query_num)
        _require_few(metric.get("Counts") or [], f"MetricData.member.{query_num}.Counts")

    def get_metric_data(
        backend: Any, queries: list[dict[str, Any]], start_time: datetime, end_time: datetime, **others: Any
    ) -> Any:
        _require_few_points(queries, (end_time - start_time).total_seconds())
        return read(backend, queries, start_time, end_time, **others)

    replace_while_in_use(CloudWatchBackend, name, validate)
    replace_while_in_use(CloudWatchBackend, "get_metric_data", get_metric_data)


def _require_few(counts: list[Any], parameter: str) -> None:
    numbers = [float(count) for count in counts]
    wrong = next((number for number in numbers if not math.isfinite(number) or number < 0), None)
    if wrong is not None:
        raise InvalidParameterValue(f"The value {wrong} for parameter {parameter} is invalid.")
    if sum(numbers) > MOST_SAMPLES:
        raise InvalidParameterValue(
            f"The parameter {parameter} counts more than {MOST_SAMPLES} samples, the most that personalize-emu keeps"
            " of one metric in a request; use StatisticValues."
        )


def _require_few_points(queries: Sequence[Mapping[str, Any]], seconds: float) -> None:
    """moto looks at every period of the time asked for, also of those without data."""
    for query in queries:
        period = int(query.get("MetricStat", {}).get("Period", 0))
        if "MetricStat" in query and seconds > MOST_POINTS * max(period, 0):
            raise ValidationError(
                f"The query {query.get('Id')} asks for more than {MOST_POINTS} periods: choose a longer Period or a"
                " shorter time."
            )
