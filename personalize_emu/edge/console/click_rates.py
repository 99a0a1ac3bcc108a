"""Click-through rates of campaigns and recommenders, with intervals, and the comparison of two of them.

    GetRecommendations ──recommendationId──▶ PutEvents with that id, on an item of the answer

One answer is one trial: it is a success when at least one of its items got an event. The items of one answer are not
independent of each other, so the interval is of answers, not of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.state.resources import Campaign, Recommender, SolutionVersion

Z = 1.959963984540054
"""Of the normal distribution, for 95 % between -Z and Z."""
FULL_WIDTH = 100.0


@dataclass(frozen=True)
class Interval:
    """A share, or a difference of shares, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high


def wilson(successes: int, trials: int) -> Interval:
    """The score interval of a share (E. B. Wilson, 1927). trials: at least 1."""
    share, square = successes / trials, Z * Z / trials
    middle = (share + square / 2) / (1 + square)
    half = Z * sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    # At the ends of the range the interval ends there, but for rounding.
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def difference(first: Interval, second: Interval) -> Interval:
    """Of `second` over `first`, from their score intervals (R. G. Newcombe, 1998, method 10)."""
    value = second.value - first.value
    below = sqrt((second.value - second.low) ** 2 + (first.high - first.value) ** 2)
    above = sqrt((second.high - second.value) ** 2 + (first.value - first.low) ** 2)
    return Interval(value, value - below, value + above)


@dataclass
class _Count:
    """answers, items: shown. clicked_answers, clicked_items: of them, those with an event."""

    answers: int = 0
    items: int = 0
    clicked_answers: int = 0
    clicked_items: int = 0


@dataclass(frozen=True)
class Rate:
    """Of one campaign or recommender. rate: None before its first answer.

    x, low_x, high_x: the rate and its interval as places of a bar, from 0 to 100.
    """

    arn: str
    name: str
    recipe: str
    answers: int
    items: int
    clicked_answers: int
    clicked_items: int
    rate: Interval | None
    x: float = 0.0
    low_x: float = 0.0
    high_x: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """difference: of the second over the first, in shares. uplift: as a share of the first; None if that is 0."""

    first: Rate
    second: Rate
    difference: Interval
    uplift: float | None


@dataclass(frozen=True)
class ClickRates:
    """event_types: those that were seen. chosen: the one that counts, empty for all. scale: share where bars end."""

    rates: tuple[Rate, ...]
    event_types: tuple[str, ...]
    chosen: str
    comparison: Comparison | None
    scale: float


def click_rates(state: EmulatorState, group_arn: str, event_type: str, first: str, second: str) -> ClickRates:
    """event_type: empty for any. first, second: ARNs to compare; by default the two with most answers."""
    deployments = _deployments(state, group_arn)
    counts = {arn: _Count() for arn in deployments}
    seen: dict[str, None] = {}
    for answer, events in state.answers.with_events():
        count = counts.get(answer.deployment_arn)
        if count is None or not answer.items:
            continue
        seen.update(dict.fromkeys(events))
        clicked = _clicked(events, event_type)
        count.answers += 1
        count.items += len(answer.items)
        count.clicked_answers += bool(clicked)
        count.clicked_items += len(clicked)
    rates = _scaled([_rate(arn, *deployments[arn], counts[arn]) for arn in deployments])
    highest = max((rate.rate.high for rate in rates if rate.rate), default=0.0)
    return ClickRates(tuple(rates), tuple(sorted(seen)), event_type, _comparison(rates, first, second), highest)


def _clicked(events: Mapping[str, frozenset[str]], event_type: str) -> frozenset[str]:
    return events.get(event_type, frozenset()) if event_type else frozenset().union(*events.values())


def _deployments(state: EmulatorState, group_arn: str) -> dict[str, tuple[str, str]]:
    """ARN to name and recipe, newest first."""
    found: list[tuple[Campaign | Recommender, str]] = [
        (each, (each.recipe_arn or "").rpartition("/")[2])
        for each in state.store.all(Recommender)
        if each.dataset_group_arn == group_arn
    ]
    for campaign in state.store.all(Campaign):
        version = state.store.get(SolutionVersion, campaign.solution_version_arn)
        if version is not None and version.dataset_group_arn == group_arn:
            found.append((campaign, (version.recipe_arn or "AutoML").rpartition("/")[2]))
    found.sort(key=lambda each: state.store.ordinal(each[0]), reverse=True)
    return {record.arn: (record.name, recipe) for record, recipe in found}


def _rate(arn: str, name: str, recipe: str, count: _Count) -> Rate:
    rate = wilson(count.clicked_answers, count.answers) if count.answers else None
    return Rate(arn, name, recipe, count.answers, count.items, count.clicked_answers, count.clicked_items, rate)


def _scaled(rates: Sequence[Rate]) -> list[Rate]:
    """With the places of their bars, all to one scale that ends at the highest interval."""
    highest = max((rate.rate.high for rate in rates if rate.rate), default=0.0)
    return [_placed(rate, FULL_WIDTH / highest if highest > 0 else 0.0) for rate in rates]


def _placed(rate: Rate, scale: float) -> Rate:
    if rate.rate is None:
        return rate
    x, low, high = (round(scale * each, 2) for each in (rate.rate.value, rate.rate.low, rate.rate.high))
    return replace(rate, x=x, low_x=low, high_x=high)


def _comparison(rates: Iterable[Rate], first: str, second: str) -> Comparison | None:
    """None unless two have answered. Without a choice the first is the older one."""
    answered = [rate for rate in rates if rate.rate is not None]
    by_arn = {rate.arn: rate for rate in answered}
    most = sorted(answered, key=lambda rate: -rate.answers)[:2]
    older_first = [rate for rate in reversed(answered) if rate in most]
    one = by_arn.get(first) or next((rate for rate in older_first if rate.arn != second), None)
    other = by_arn.get(second) if second != first else None
    other = other or next((rate for rate in older_first if rate is not one), None)
    if one is None or other is None or one.rate is None or other.rate is None:
        return None
    found = difference(one.rate, other.rate)
    return Comparison(one, other, found, found.value / one.rate.value if one.rate.value else None)
