"""Geometry of the charts, which templates draw as SVG.

A chart is WIDTH by HEIGHT units, with the origin at the top left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 600.0, 120.0
MOST_BARS = 60
MARGIN = 4.0
"""Above and below curves, so that thick lines are not cut off."""
GAP = 0.15
"""Share of a bar's place that stays free."""
LEAST_HEIGHT = 1.0
"""Of a bar that stands for more than nothing, so that it can be seen."""


@dataclass(frozen=True)
class Bar:
    """x, y: of the upper left corner."""

    x: float
    y: float
    width: float
    height: float


def bars(values: Sequence[float] | NDArray[np.float64]) -> tuple[Bar, ...]:
    """One bar for each value, the largest as high as the chart. values: at least 0."""
    highest, place = max(map(float, values), default=0.0), WIDTH / max(1, len(values))
    return tuple(
        _bar(number * place, place * (1 - GAP), float(value) / highest) for number, value in enumerate(values) if value
    )


def _bar(x: float, width: float, share: float) -> Bar:
    height = max(LEAST_HEIGHT, share * HEIGHT)
    return Bar(round(x, 2), round(HEIGHT - height, 2), round(width, 2), round(height, 2))


def long_tail(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[at most MOST_BARS]: mean counts of equal shares of the items, the most popular first.

    counts: int64[items].
    """
    ordered = np.sort(counts)[::-1]
    return np.array([part.mean() for part in np.array_split(ordered, min(MOST_BARS, len(ordered)))])


def items_with_share(counts: NDArray[np.int64], share: float) -> int:
    """The least number of items that have so large a share of all interactions. counts: int64[items], of some."""
    sums = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(sums, share * sums[-1])) + 1


def over_time(timestamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[MOST_BARS]: numbers of rows in equal spans between the first and the last timestamp."""
    return np.histogram(timestamps.astype(np.float64), bins=MOST_BARS)[0].astype(np.float64)


def curves(series: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """SVG paths of lines to one scale that includes 0; the i-th value is in the middle of the i-th place.

    series: of equal length, at least 1. A point of its own is a line without length, which round caps show as a dot.
    """
    values = [value for each in series for value in each]
    lowest, highest = min([0.0, *values]), max([0.0, *values])
    scale = (HEIGHT - 2 * MARGIN) / (highest - lowest) if highest > lowest else 0.0
    return tuple(_curve(each, highest, scale) for each in series)


def _curve(values: Sequence[float], highest: float, scale: float) -> str:
    place = WIDTH / len(values)
    points = [
        f"{place * (number + 0.5):.2f} {MARGIN + (highest - value) * scale:.2f}" for number, value in enumerate(values)
    ]
    return f"M{'L'.join(points)}" if len(points) > 1 else f"M{points[0]}h0"
