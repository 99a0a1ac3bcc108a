"""Why an item is recommended to a user: the parts of its score, and what each item of the history does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalize_emu.edge.console.trying import Deployment, Named
from personalize_emu.emulator import Emulator
from personalize_emu.runtime.explanations.explanation import METHOD
from personalize_emu.wire.errors import AwsError

FULL_WIDTH = 100.0


@dataclass(frozen=True)
class SignedBar:
    """One line of a table. x, width: in percent; bars of negative values end at the zero, where others begin."""

    label: str
    details: tuple[str, ...]
    value: float
    x: float
    width: float


@dataclass(frozen=True)
class WhyPage:
    """utility: the sum of the values of `parts`. share: the score that clients see, None where they see none.

    zero: place of the zero in the bars of parts and of history, in percent.
    """

    item: Named
    user: str
    rank: int
    utility: float
    share: float | None
    parts: tuple[SignedBar, ...]
    parts_zero: float
    history: tuple[SignedBar, ...]
    history_zero: float
    method: str = METHOD


@dataclass(frozen=True)
class NotExplained:
    """reason: why there is no explanation; a sentence."""

    reason: str
    is_unknown: bool


def why_page(emulator: Emulator, chosen: Deployment, given: Mapping[str, str]) -> WhyPage | NotExplained:
    """given: the members `user` and `item`."""
    user, item = given.get("user", ""), given.get("item", "")
    try:
        found = emulator.explain(chosen.arn, user, item)
    except AwsError as error:
        return NotExplained(error.message, error.code == "ResourceNotFoundException")
    parts = [(Named(part.source, part.source, ()), part.value) for part in found.parts]
    history = [(chosen.named(each.item_id), each.effect) for each in found.history]
    bars, effects = (signed_bars(each) for each in (parts, history))
    return WhyPage(
        item=chosen.named(item),
        user=user,
        rank=found.rank,
        utility=found.utility,
        share=found.share,
        parts=bars,
        parts_zero=zero_of([value for _, value in parts]),
        history=effects,
        history_zero=zero_of([value for _, value in history]),
    )


def zero_of(values: Sequence[float]) -> float:
    """Where the zero is, in percent of the span of the values and zero."""
    lowest, highest = min([0.0, *values]), max([0.0, *values])
    return round(FULL_WIDTH * -lowest / (highest - lowest), 2) if highest > lowest else 0.0


def signed_bars(lines: Sequence[tuple[Named, float]]) -> tuple[SignedBar, ...]:
    """All to one scale, in the given order."""
    values = [value for _, value in lines]
    span, zero = max([0.0, *values]) - min([0.0, *values]), zero_of(values)
    scale = FULL_WIDTH / span if span > 0 else 0.0
    return tuple(_bar(named, value, zero, scale) for named, value in lines)


def _bar(named: Named, value: float, zero: float, scale: float) -> SignedBar:
    x, width = zero + min(0.0, value) * scale, abs(value) * scale
    return SignedBar(named.name, named.details, value, round(x, 2), round(width, 2))
