"""Renders the item lists and scores of a block of queries as JSON.

All text comes from tables: one string for each item id, and two for each score, its first four decimals and its last
three. So the strings of a whole block are selected by arrays of numbers, and joined once for each line.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from personalize_emu.batch.lines import INFERENCE
from personalize_emu.runtime.responses import SCORE_PLACES
from personalize_emu.wire.java_text import double

Texts = NDArray[np.object_]
"""Strings, each after a comma; the last one is empty, for places (-1) where there is nothing."""

UNITS = 10**SCORE_PLACES
"""Scores are rounded to whole numbers of 1 / UNITS (B-49)."""
PLAIN_FROM = UNITS // 1000
"""From this number of units up to 1, scores are written without an exponent."""
LAST = 1000
"""The last three decimals have a table of their own."""
CLOSE_TO_HALF = 1e-5


def item_texts(ids: Sequence[str]) -> Texts:
    """object[ids + 1]: ids as JSON."""
    encode = INFERENCE.encoder.encode
    return _table([f",{encode(each)}" for each in ids])


def joined(texts: Texts) -> list[str]:
    """The members of a JSON list for each row of object[rows, n]."""
    return ["".join(row)[1:] for row in texts.tolist()]


def score_texts(scores: NDArray[np.float64]) -> list[str]:
    """The members of a JSON list for each row of float64[rows, n], scores from 0 to 1, NaN where there is none."""
    rows, columns = scores.shape
    missing = np.isnan(scores)
    units = rounded(np.where(missing, 0.0, scores))
    first, last = np.divmod(units, LAST)
    # Where all of the last decimals are 0, the first ones have no zeros at the end either.
    numbers = np.where(units < PLAIN_FROM, units, PLAIN_FROM + first + np.where(last, 0, UNITS // LAST + 1))
    numbers[missing] = -1
    last[(units < PLAIN_FROM) | missing] = 0
    texts = np.empty((rows, columns, 2), object)
    texts[..., 0], texts[..., 1] = _first_texts()[numbers], _last_texts()[last]
    return joined(texts.reshape(rows, 2 * columns))


def rounded(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64: `round(score, SCORE_PLACES)` of each, in units."""
    scaled = scores * UNITS
    units: NDArray[np.int64] = np.rint(scaled).astype(np.int64)
    # The product is rounded itself, which matters half way between two units.
    unclear = np.flatnonzero(np.abs(np.abs(scaled - units) - 0.5) < CLOSE_TO_HALF)
    for place in unclear.tolist():
        units.flat[place] = round(round(float(scores.flat[place]), SCORE_PLACES) * UNITS)
    return units


@cache
def _first_texts() -> Texts:
    """By units up to PLAIN_FROM; then by thousands of units, before other decimals, and again at the end."""
    small = [f",{double(units / UNITS)}" for units in range(PLAIN_FROM)]
    inner = [f",0.{number:0{SCORE_PLACES - 3}d}" for number in range(UNITS // LAST + 1)]
    return _table([*small, *inner, *(text.rstrip("0") for text in inner[:-1]), ",1.0"])


@cache
def _last_texts() -> Texts:
    return _table([f"{number:03d}".rstrip("0") for number in range(LAST)])


def _table(texts: Sequence[str]) -> Texts:
    table = np.empty(len(texts) + 1, object)
    table[:-1], table[-1] = texts, ""
    return table
