"""Formats numbers and values as the service, a Java program, does (P-29)."""

from __future__ import annotations

from math import isfinite
from typing import Any


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
    """`double` of each, with one call of `repr` for all."""
    texts = repr(numbers)[1:-1].split(", ") if numbers else []
    return [
        text if 1e-3 <= number < 1e7 else f"{text[5]}.{text[6:] or '0'}E-4" if 1e-4 <= number < 1e-3 else double(number)
        for number, text in zip(numbers, texts, strict=True)
    ]


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
