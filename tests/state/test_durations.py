"""Parsing of durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.state.durations import LONGEST, SECONDS, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("2h", 7200),
        ("1d12h", 129_600),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (" 1W ", 604_800),
        ("2 h 30 m", 9000),
        (0, 0),
        (12.5, 12.5),
    ],
)
def test_accepted(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", ["", "h", "-1s", "1", "1y", "2h!", "1e9s", -1, True, None, [], 1e300, "9" * 12 + "w"])
def test_error_lists_accepted_formats(value: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(value)


@given(st.text() | st.floats() | st.integers())
def test_any_value_is_in_range_or_refused(value: object) -> None:
    try:
        seconds = parse_duration(value)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(SECONDS))), min_size=1, max_size=4))
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == pytest.approx(sum(number * SECONDS[unit] for number, unit in parts))
