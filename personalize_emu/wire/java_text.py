"""Formats numbers and values as the service, a Java program, does (P-29)."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

SCALE = 10**7
"""Seven decimals, as scores have (RT-33)."""
SMALL = 10**4
"""Numbers below so many of their units are shown with an exponent, and are few."""


def double(number: float) -> str:
    """Java's Double.toString, shortest digits: `0.269`, `1.0`, `7.699E-4`, `1.6E9`, `NaN`."""
    text = repr(number)
    if 1e-4 <= number < 1e7:
        # Python writes 0.0001... in this range, so the first digit has its place.
        return text if number >= 1e-3 else f"{text[5]}.{text[6:] or '0'}E-4"
    if number == 0.0:
        return text
    if number < 0.0:
        return "-" + double(-number)
    mantissa, _, exponent = text.partition("e")
    if exponent:
        # Python writes at least two digits: 1e-05.
        return f"{mantissa}E{int(exponent)}" if "." in mantissa else f"{mantissa}.0E{int(exponent)}"
    if not isfinite(number):
        return "Infinity" if number > 0.0 else "NaN"
    whole, _, fraction = text.partition(".")
    rest = (whole[1:] + fraction).rstrip("0") or "0"
    return f"{whole[0]}.{rest}E{len(whole) - 1}"


def doubles(numbers: list[float]) -> list[str]:
    """`double` of each, with one call of `repr` for most.

    Numbers of seven decimals below 1e-3, such as most scores of a long ranking, are formatted once for all lists.
    """
    with np.errstate(over="ignore"):
        scaled = np.rint(np.array(numbers, np.float64) * SCALE)
    is_small = (scaled > 0) & (scaled < SMALL) & (scaled / SCALE == numbers)
    keys: list[int] = np.where(is_small, scaled, 0).astype(np.int64).tolist()
    others = [number for number, key in zip(numbers, keys, strict=True) if not key]
    texts = iter(repr(others)[1:-1].split(", "))
    return [_small(key) if key else _text(number, next(texts)) for number, key in zip(numbers, keys, strict=True)]


def _text(number: float, text: str) -> str:
    """text: as Python writes the number."""
    return text if 1e-3 <= number < 1e7 else double(number)


@lru_cache(maxsize=SMALL)
def _small(scaled: int) -> str:
    return double(scaled / SCALE)


def value(item: Any) -> str:
    """Java's toString of a parsed value: `a`, `1.0`, `true`, `[a, b]`, `{k=v}`."""
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float):
        return double(item)
    if isinstance(item, list):
        return "[" + ", ".join(map(value, item)) + "]"
    if isinstance(item, dict):
        return "{" + ", ".join(f"{key}={value(each)}" for key, each in item.items()) + "}"
    return str(item)
