"""The figures of the dashboard: sums from metric attribution, over sessions and items shown from the shop's log.

Metric attribution counts events. It has no sessions and no lists, so denominators come from the log of the shop, and so
do the sums by visitor from which intervals are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalize_emu.shop.intervals import FEWEST, Estimate, Floats, resampled_ratios, uplifts, with_interval
from personalize_emu.shop.metrics import CLICKS, DAY, PURCHASES, REVENUE, Attributed, AttributedMetric
from personalize_emu.shop.shop_log import Group, Session, ShopLog, VisitorTotals


@dataclass(frozen=True)
class Measure:
    """A ratio of sums. unit: "%" or "€". factor: from the ratio to the unit.

    metric: the numerator in metric attribution; part: the same of one visitor. whole: the denominator of one visitor.
    """

    name: str
    meaning: str
    unit: str
    factor: float
    metric: AttributedMetric
    part: Callable[[VisitorTotals], float]
    whole: Callable[[VisitorTotals], float]

    def text(self, value: float) -> str:
        scaled = value * self.factor
        return f"€ {scaled:,.2f}" if self.unit == "€" else f"{scaled:.2f} %"


MEASURES = (
    Measure(
        "Click-through rate",
        "items opened from lists, of all items shown",
        "%",
        100.0,
        CLICKS,
        lambda visitor: visitor.clicks,
        lambda visitor: visitor.shown,
    ),
    Measure(
        "Conversion",
        "purchases per 100 sessions",
        "%",
        100.0,
        PURCHASES,
        lambda visitor: visitor.purchases,
        lambda visitor: visitor.sessions,
    ),
    Measure(
        "Revenue a session",
        "euros of purchases, by session",
        "€",
        1.0,
        REVENUE,
        lambda visitor: visitor.revenue,
        lambda visitor: visitor.sessions,
    ),
)


@dataclass(frozen=True)
class Comparison:
    """uplift: of personalisation over popularity, as a share; None without a popularity to compare with."""

    measure: Measure
    groups: Mapping[Group, Estimate]
    uplift: Estimate | None


@dataclass(frozen=True)
class GroupTotals:
    """clicks, purchases, revenue: from CloudWatch; visitors, sessions, shown: from the log."""

    visitors: int
    sessions: int
    shown: int
    clicks: float
    purchases: float
    revenue: float


@dataclass(frozen=True)
class Report:
    """start: of the first day, epoch seconds. missing: clicks that CloudWatch does not have yet."""

    totals: Mapping[Group, GroupTotals]
    comparisons: tuple[Comparison, ...]
    start: float
    revenue_by_day: Mapping[Group, tuple[float, ...]]
    missing: int


def report(log: ShopLog, attributed: Attributed, seed: int) -> Report:
    """seed: of the resampling, so that the same data have the same intervals."""
    visitors = {group: [each for each in log.visitors() if each.group is group] for group in Group}
    totals = {group: _totals(visitors[group], attributed, group) for group in Group}
    comparisons = tuple(_comparison(measure, visitors, totals, attributed, seed) for measure in MEASURES)
    sent = sum(each.clicks for group in Group for each in visitors[group])
    return Report(
        totals=totals,
        comparisons=comparisons,
        start=attributed.start,
        revenue_by_day=revenue_by_day(log.sessions(), attributed),
        missing=max(0, sent - round(sum(each.clicks for each in totals.values()))),
    )


def revenue_by_day(sessions: Sequence[Session], attributed: Attributed) -> dict[Group, tuple[float, ...]]:
    """Revenue from CloudWatch over the sessions of the log that began on the day; 0 on days without sessions."""
    series = {}
    for group in Group:
        earned = attributed.days[REVENUE.name, group]
        counts = np.zeros(len(earned))
        for session in sessions:
            day = int((session.started - attributed.start) // DAY)
            if session.group is group and 0 <= day < len(counts):
                counts[day] += 1
        series[group] = tuple(
            float(value / count) if count else 0.0 for value, count in zip(earned, counts.tolist(), strict=True)
        )
    return series


def _totals(visitors: Sequence[VisitorTotals], attributed: Attributed, group: Group) -> GroupTotals:
    return GroupTotals(
        visitors=len(visitors),
        sessions=sum(each.sessions for each in visitors),
        shown=sum(each.shown for each in visitors),
        clicks=attributed.total(CLICKS, group),
        purchases=attributed.total(PURCHASES, group),
        revenue=attributed.total(REVENUE, group),
    )


def _comparison(
    measure: Measure,
    visitors: Mapping[Group, Sequence[VisitorTotals]],
    totals: Mapping[Group, GroupTotals],
    attributed: Attributed,
    seed: int,
) -> Comparison:
    resampled = {group: _resampled(measure, visitors[group], _draws(seed, measure, group)) for group in Group}
    values = {}
    for group in Group:
        below = sum(measure.whole(each) for each in visitors[group])
        values[group] = attributed.total(measure.metric, group) / below if below else 0.0
    control, treated = values[Group.POPULARITY], values[Group.PERSONALISATION]
    spread = uplifts(resampled[Group.PERSONALISATION], resampled[Group.POPULARITY])
    is_comparable = control > 0 and totals[Group.PERSONALISATION].shown > 0
    uplift = with_interval(treated / control - 1, spread) if is_comparable else None
    groups = {group: with_interval(values[group], resampled[group]) for group in Group}
    return Comparison(measure, groups, uplift)


def _draws(seed: int, measure: Measure, group: Group) -> np.random.Generator:
    return np.random.default_rng((seed, MEASURES.index(measure), tuple(Group).index(group)))


def _resampled(measure: Measure, visitors: Sequence[VisitorTotals], rng: np.random.Generator) -> Floats | None:
    if len(visitors) < FEWEST:
        return None
    parts = np.array([measure.part(each) for each in visitors], np.float64)
    wholes = np.array([measure.whole(each) for each in visitors], np.float64)
    return resampled_ratios(parts, wholes, rng)


def summary_lines(found: Report) -> list[str]:
    """The report as a table for a terminal."""
    lines = [f"{'':20} {'popularity':>30} {'personalisation':>30} {'uplift, 95 % interval':>30}"]
    for name in ("visitors", "sessions", "shown"):
        counts = [f"{getattr(found.totals[group], name):,}" for group in Group]
        lines.append(f"{name if name != 'shown' else 'items shown':20} {counts[0]:>30} {counts[1]:>30}")
    for each in found.comparisons:
        cells = [interval_text(each.groups[group], each.measure.text) for group in Group]
        lines.append(f"{each.measure.name:20} {cells[0]:>30} {cells[1]:>30} {uplift_text(each.uplift):>30}")
    return lines


def interval_text(estimate: Estimate, text: Callable[[float], str]) -> str:
    if estimate.low is None or estimate.high is None:
        return text(estimate.value)
    return f"{text(estimate.value)} ({text(estimate.low)} to {text(estimate.high)})"


def uplift_text(uplift: Estimate | None) -> str:
    return "–" if uplift is None else interval_text(uplift, share_text)


def share_text(share: float) -> str:
    return f"{100 * share:+.0f} %"
