"""A short soak: `make soak` runs ten minutes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.process_use import Sample, Use, use_of
from tests.soak.run import soak

SECONDS, CONNECTIONS = 20.0, 64
LEVEL = Sample(0.0, 100 << 20, 30, 20, 0)


def test_nothing_grows_and_nothing_fails_under_mixed_calls(tmp_path: Path) -> None:
    found = soak(SECONDS, CONNECTIONS, tmp_path / "state")
    assert found.answers.faults == []
    assert found.log.strip() == ""
    assert found.answers.count["GetRecommendations"]
    assert found.answers.count["PutEvents"]
    assert found.use.after.descriptors - found.use.before.descriptors < CONNECTIONS


@pytest.mark.parametrize(
    ("grown", "fault"),
    [
        ({"resident": 121 << 20}, "memory has grown"),
        ({"descriptors": 35}, "descriptors have grown from 30 to 35"),
        ({"threads": 25}, "threads have grown from 20 to 25"),
    ],
)
def test_growth_is_a_fault(grown: dict[str, int], fault: str) -> None:
    assert Use(LEVEL, replace(LEVEL, resident=119 << 20, descriptors=34, threads=24)).faults() == []
    (found,) = Use(LEVEL, replace(LEVEL, **grown)).faults()
    assert fault in found


def test_windows_are_the_second_tenth_and_the_last() -> None:
    samples = [replace(LEVEL, seconds=float(second), resident=second) for second in range(100)]
    use = use_of(samples, 100.0)
    assert (use.before.resident, use.after.resident) == (14, 94)
    with pytest.raises(ValueError, match="too short"):
        use_of(samples[:9], 100.0)
