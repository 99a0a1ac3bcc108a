"""Events of a dataset group: metric attributions as time series by source, and click-through rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from personalize_emu.edge.console.charts import curves
from personalize_emu.edge.console.click_rates import ClickRates, click_rates
from personalize_emu.edge.console.overview import moment
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.attribution_ledger import Metric, Sums
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.state.resources import DatasetGroup, MetricAttribution

PERIODS: Mapping[str, int] = {"hour": 3600, "day": 86_400}
"""Name to seconds. Windows of attributions are shorter and do not cross their borders (MA-31)."""
MOST_POINTS = 72
"""The newest ones."""
MOST_SOURCES = 4
"""Lines of one chart; all other sources are summed up in a fifth."""
OTHERS = "all others"


@dataclass(frozen=True)
class Source:
    """One line of a chart. values: one for each point in time. path: of the line in SVG."""

    name: str
    total: float
    values: tuple[float, ...]
    path: str


@dataclass(frozen=True)
class MetricSeries:
    """One metric over time. times: starts of the hours or days, as text. older: points that are not shown."""

    name: str
    event_type: str
    expression: str
    times: tuple[str, ...]
    sources: tuple[Source, ...]
    total: float
    highest: float
    older: int


@dataclass(frozen=True)
class ShownAttribution:
    """metrics: in the order of their definition, then those that were removed and have values."""

    name: str
    arn: str
    status: str
    failure: str | None
    metrics: tuple[MetricSeries, ...]


@dataclass(frozen=True)
class EventsPage:
    """period: of PERIODS."""

    group: DatasetGroup
    period: str
    attributions: tuple[ShownAttribution, ...]
    clicks: ClickRates


def events_page(emulator: Emulator, given: Mapping[str, str]) -> EventsPage | None:
    """given: `group`, and optionally `per`, `event`, `a` and `b`. None if there is no such dataset group."""
    state = emulator.state
    group = state.store.get(DatasetGroup, given.get("group", ""))
    if group is None:
        return None
    records = [each for each in state.store.all(MetricAttribution) if each.dataset_group_arn == group.arn]
    histories = {record.arn: _history(state, record) for record in records}
    period = given.get("per", "")
    if period not in PERIODS:
        period = _fitting_period(list(histories.values()))
    shown = tuple(_shown(record, histories[record.arn], PERIODS[period]) for record in records)
    clicks = click_rates(state, group.arn, given.get("event", ""), given.get("a", ""), given.get("b", ""))
    return EventsPage(group, period, shown, clicks)


def _history(state: EmulatorState, record: MetricAttribution) -> Sums:
    entry = state.attributions.get(record.arn)
    return {} if entry is None or entry.ledger is None else entry.ledger.history()


def _fitting_period(histories: Sequence[Sums]) -> str:
    """Hours, if all of them can be shown."""
    windows = [key.window for sums in histories for key in sums]
    span = max(windows) - min(windows) if windows else 0
    return "hour" if span < MOST_POINTS * PERIODS["hour"] else "day"


def _shown(record: MetricAttribution, sums: Sums, seconds: int) -> ShownAttribution:
    defined = [Metric(one["eventType"], one["metricName"], one["expression"]) for one in record.metrics]
    by_metric: defaultdict[Metric, dict[tuple[str, int], float]] = defaultdict(dict)
    for key, value in sums.items():
        points, place = by_metric[key.metric], (key.source, key.window // seconds)
        points[place] = points.get(place, 0.0) + value
    wanted = [*defined, *(metric for metric in by_metric if metric not in defined)]
    metrics = tuple(_series(metric, by_metric.get(metric, {}), seconds) for metric in wanted)
    return ShownAttribution(record.name, record.arn, record.status, record.failure_reason, metrics)


def _series(metric: Metric, points: Mapping[tuple[str, int], float], seconds: int) -> MetricSeries:
    """points: values by source and number of the hour or day since the epoch."""
    numbers = [number for _, number in points]
    last, first = max(numbers, default=0), min(numbers, default=0)
    begin = max(first, last - MOST_POINTS + 1)
    length = len("2026-03-01 12:00") if seconds < PERIODS["day"] else len("2026-03-01")
    times = tuple(moment(number * seconds)[:length] for number in range(begin, last + 1))
    shown = list(_lines(points, begin, last)) if points else []
    sources = _sources(shown)
    highest = max((value for source in sources for value in source.values), default=0.0)
    total = sum(source.total for source in sources)
    older = begin - first
    return MetricSeries(metric.name, metric.event_type, metric.expression, times, sources, total, highest, older)


def _lines(points: Mapping[tuple[str, int], float], begin: int, last: int) -> Iterator[tuple[str, list[float]]]:
    """Source and its values, 0 where there were no events; the largest first, the smallest ones summed up."""
    values = {source: [0.0] * (last - begin + 1) for source, number in points if number >= begin}
    for (source, number), value in points.items():
        if number >= begin:
            values[source][number - begin] += value
    ordered = sorted(values.items(), key=lambda each: (-sum(map(abs, each[1])), each[0]))
    yield from ordered[:MOST_SOURCES]
    rest = [each for _, each in ordered[MOST_SOURCES:]]
    if rest:
        yield f"{OTHERS} ({len(rest)})", [sum(column) for column in zip(*rest, strict=True)]


def _sources(lines: Sequence[tuple[str, list[float]]]) -> tuple[Source, ...]:
    paths = curves([values for _, values in lines])
    return tuple(
        Source(_short(name), sum(values), tuple(values), path)
        for (name, values), path in zip(lines, paths, strict=True)
    )


def _short(name: str) -> str:
    """`campaign/NAME` of an ARN."""
    return name.split(":", 5)[-1] if name.startswith("arn:") else name
