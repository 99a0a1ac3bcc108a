"""Durations as people write them: `90s`, `2h`, `1d12h`."""

from __future__ import annotations

import re
from types import MappingProxyType

SECONDS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0})
LONGEST = 100 * 365 * 86_400.0
"""Seconds (a hundred years), so that times stay representable."""

_PART = r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d|w)"
_PARTS = re.compile(_PART)
_WHOLE = re.compile(rf"(?:{_PART}\s*)+")


def parse_duration(value: object) -> float:
    """Parse a duration such as `90s`, `2h`, `1d12h`, `1.5h` or a number of seconds; returns seconds.

    Raises:
        ValueError: not a duration, negative or too long; the message says what is accepted.
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= LONGEST:
        raise ValueError(
            "a duration is a number of seconds or a text such as '90s', '30m', '2h', '1d12h', '1w', "
            f"from 0 to 100 years, not {value!r}"
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) <= LONGEST else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip().lower()):
        parts = _PARTS.findall(value.strip().lower())
        return sum(float(number) * SECONDS[unit] for number, unit in parts)
    return None
