"""How the service, a Java program, writes numbers and values (P-29)."""

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
    sign = "-" if number < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    significant = digits.lstrip("0")
    power = int(exponent or 0) + len(whole) - 1 - (len(digits) - len(significant))
    rest = significant[1:].rstrip("0") or "0"
    return f"{sign}{significant[0]}.{rest}E{power}"


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
