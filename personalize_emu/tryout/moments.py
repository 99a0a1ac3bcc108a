"""Reads times: numbers of seconds or parts of them since 1970, and dates in several forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

SCALES: Mapping[int, tuple[int, str]] = {
    10**11: (1000, "milliseconds"),
    10**14: (10**6, "microseconds"),
    10**17: (10**9, "nanoseconds"),
}
"""From a number on, units in a second, and their name. As seconds the first is the year 5138."""
ACCEPTED = (
    "seconds, milliseconds, microseconds or nanoseconds since 1970, 2025-12-31, 2025/12/31, 31.12.2025 and 12/31/2025 "
    "(31/12/2025 if the days of the column show it), also with a time such as 23:59 or 23:59:59"
)
"""What can be read, for people."""
SAMPLE = 1000
"""Values from which units and the meaning of a column are told."""
MOSTLY = 0.95
"""Share of values that must be times in a column of times."""
PLAUSIBLE = (631_152_000, 4_102_444_800)
"""Epoch seconds of 1990 and 2100: numbers between them are taken for times in columns of unknown names."""
_DATE = re.compile(r"(\d{1,4})([./])(\d{1,2})\2(\d{1,4})(?:(?:,? +|T)(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def time_unit(values: list[str]) -> tuple[int, str]:
    """Units in a second, and their name, of the times in a column; seconds, also if they are dates."""
    numbers = sorted(number for value in values[:SAMPLE] if (number := _number(value)) is not None)
    median = numbers[len(numbers) // 2] if numbers else 0
    return next((SCALES[least] for least in sorted(SCALES, reverse=True) if median >= least), (1, "seconds"))


def seconds_reader(values: list[str]) -> Callable[[str], int | None]:
    """A function that reads a time as epoch seconds: seconds, milli-, micro- or nanoseconds, or a date; or None.

    values: of the whole column, which decide between the units, and between days and months that come first.
    """
    scale, _ = time_unit(values)
    has_days_first = days_come_first(values)

    def read(value: str) -> int | None:
        number = _number(value)
        return int(number / scale) if number is not None else _date(value.strip(), has_days_first)

    return read


def days_come_first(values: Sequence[str]) -> bool:
    """Whether dates such as 31/12/2025 show that days come first: some first number is above 12, and no second one."""
    pairs = {(int(found[1]), int(found[3])) for value in values if (found := _slashed(value)) is not None}
    return any(first > 12 for first, _ in pairs) and not any(second > 12 for _, second in pairs)


def has_slashed_dates(values: Sequence[str]) -> bool:
    """Whether there are dates in which days and months can be confused."""
    return any(_slashed(value) is not None for value in values)


def are_times(values: Sequence[str]) -> bool:
    """Whether nearly all values that there are, of the first ones, are dates, or numbers that can be recent times."""
    present = [value for value in values[:SAMPLE] if value.strip()]
    read = seconds_reader(present)
    times = [value for value in present if (seconds := read(value)) is not None and _is_plausible(value, seconds)]
    return bool(times) and len(times) >= MOSTLY * len(present)


def _is_plausible(value: str, seconds: int) -> bool:
    return _number(value) is None or PLAUSIBLE[0] <= seconds < PLAUSIBLE[1]


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 1e20 else None


def _slashed(value: str) -> re.Match[str] | None:
    """A date with slashes that does not begin with the year."""
    found = _DATE.fullmatch(value.strip()) if "/" in value else None
    return found if found is not None and len(found[1]) <= 2 else None


def _date(value: str, has_days_first: bool) -> int | None:
    try:
        moment = _moment(value, has_days_first)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _moment(value: str, has_days_first: bool) -> datetime:
    """Raises ValueError."""
    found = _DATE.fullmatch(value)
    if found is None:
        return datetime.fromisoformat(value)
    one, two, three = int(found[1]), int(found[3]), int(found[4])
    hour, minute, second = (int(part or 0) for part in found.group(5, 6, 7))
    if len(found[1]) == 4 and found[2] == "/":
        return datetime(one, two, three, hour, minute, second)
    if len(found[1]) > 2 or len(found[4]) != 4:
        raise ValueError(f"no date: {value!r}")
    day, month = (one, two) if found[2] == "." or has_days_first else (two, one)
    return datetime(three, month, day, hour, minute, second)
