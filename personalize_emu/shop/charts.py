"""Geometry of the dashboard's charts, which the template draws as SVG; 0, 0 is the upper left corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from personalize_emu.shop.intervals import Estimate
from personalize_emu.shop.metrics import DAY
from personalize_emu.shop.report import Comparison, Report, share_text
from personalize_emu.shop.shop_log import Group

WIDTH = 300.0
DAY_HEIGHT, DAY_GAP = 100.0, 0.25
MARGIN = 0.08
"""Share of the width that stays free at both ends of a scale."""
SCALE = (-1.0, 2.0)
"""Of uplifts; what is beyond is cut off, so that one wide interval does not hide the others."""


@dataclass(frozen=True)
class Whisker:
    """An interval from `low` to `high` with a dot at `dot`, in units of the width; without interval both are `dot`."""

    name: str
    text: str
    dot: float
    low: float
    high: float


@dataclass(frozen=True)
class IntervalChart:
    """zero: place of the line of no difference; None where there is none."""

    title: str
    hint: str
    whiskers: tuple[Whisker, ...]
    zero: float | None = None


@dataclass(frozen=True)
class DayBars:
    """heights: of both groups, in the order of Group. x: left end of the first bar. label: of the day."""

    label: str
    x: float
    width: float
    heights: tuple[float, float]
    values: tuple[float, float]


def group_chart(compared: Comparison) -> IntervalChart:
    """Both groups on one scale that begins at 0."""
    estimates = [compared.groups[group] for group in Group]
    highest = max((each.high or each.value for each in estimates), default=0.0) or 1.0
    whiskers = tuple(
        _whisker(str(group), compared.measure.text(each.value), each, 0.0, highest)
        for group, each in zip(Group, estimates, strict=True)
    )
    return IntervalChart(compared.measure.name, compared.measure.meaning, whiskers)


def uplift_chart(comparisons: Sequence[Comparison]) -> IntervalChart:
    """All uplifts on one scale; comparisons without one are left out."""
    known = [(each.measure.name, each.uplift) for each in comparisons if each.uplift is not None]
    low, high = SCALE
    whiskers = tuple(_whisker(name, share_text(each.value), each, low, high) for name, each in known)
    hint = f"of personalisation over popularity, from {share_text(low)} to {share_text(high)}; dashed: no difference"
    return IntervalChart("Uplift", hint, whiskers, _place(0.0, low, high))


def day_chart(found: Report) -> tuple[DayBars, ...]:
    """Revenue a session by day, two bars each."""
    series: Mapping[Group, tuple[float, ...]] = found.revenue_by_day
    highest = max((value for values in series.values() for value in values), default=0.0) or 1.0
    days = list(zip(*(series[group] for group in Group), strict=True))
    place = WIDTH / max(1, len(days))
    width = place * (1 - DAY_GAP) / 2
    return tuple(
        DayBars(
            label=f"{datetime.fromtimestamp(found.start + number * DAY, UTC):%d %b}",
            x=round(number * place + place * DAY_GAP / 2, 2),
            width=round(width, 2),
            heights=(round(first / highest * DAY_HEIGHT, 2), round(second / highest * DAY_HEIGHT, 2)),
            values=(first, second),
        )
        for number, (first, second) in enumerate(days)
    )


def _whisker(name: str, text: str, estimate: Estimate, low: float, high: float) -> Whisker:
    ends = (estimate.value, estimate.low, estimate.high)
    places = [_place(estimate.value if end is None else end, low, high) for end in ends]
    return Whisker(name, text, *places)


def _place(value: float, low: float, high: float) -> float:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return round(WIDTH * (MARGIN + (1 - 2 * MARGIN) * share), 2)
