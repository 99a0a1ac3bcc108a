"""Formats numbers and values as the service, a Java program, does (P-29)."""

from __future__ import annotations

import math
from typing import Any


def double(number: float) -> str:
    """Java's Double.toString, shortest digits: `0.269`, `1.0`, `7.699E-4`, `1.6E9`, `NaN`."""
    text = repr(number)
    size = abs(number)
    if 1e-3 <= size < 1e7 or size == 0.0:
        return text
    if not math.isfinite(number):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(text, "NaN")
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return f"{mantissa}E{int(exponent)}" if "." in mantissa else f"{mantissa}.0E{int(exponent)}"
    whole, _, fraction = text.lstrip("-").partition(".")
    sign = "-" if number < 0 else ""
    if size >= 1.0:
        rest = (whole[1:] + fraction).rstrip("0") or "0"
        return f"{sign}{whole[0]}.{rest}E{len(whole) - 1}"
    digits = fraction.lstrip("0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E-{len(fraction) - len(digits) + 1}"


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
