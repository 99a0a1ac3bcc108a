"""Patterns of the service model: Java semantics, whole values, bounded cost (P-50)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.wire import constraints
from personalize_emu.wire.constraints import compiled, in_python, matcher
from tests.wire.model_values import FITTING, UNFITTING

ATTRIBUTION = r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$"


@pytest.mark.parametrize("pattern", sorted(FITTING))
def test_model_patterns_match_as_in_java(pattern: str) -> None:
    assert [text for text in FITTING[pattern] if not matcher(pattern)(text)] == []
    assert [text for text in UNFITTING[pattern] if matcher(pattern)(text)] == []


@pytest.mark.parametrize("pattern", sorted(FITTING))
def test_a_pattern_is_anchored_at_both_ends(pattern: str) -> None:
    text = FITTING[pattern][0]
    assert not matcher(pattern)(f"é\n{text}")
    assert not matcher(pattern)(f"{text}\né")


@pytest.mark.parametrize(
    ("java", "python"),
    [
        (r"\d+", "[0-9]+"),
        (r"[a\d]", "[a0-9]"),
        (r"[^\d.]", "[^0-9.]"),
        (r"a\.b", r"a\.b"),
        (r"[\]\d]\d", r"[\]0-9][0-9]"),
        (r"\\d", r"\\d"),
        (r".", r"[^\n\r\x85\u2028\u2029]"),
    ],
)
def test_translation(java: str, python: str) -> None:
    assert in_python(java) == python


@given(st.text(st.sampled_from(" !a~\t\n\x7fé"), max_size=8))
def test_the_faster_attribution_pattern_accepts_the_same_texts(text: str) -> None:
    """EV-22."""
    assert matcher(ATTRIBUTION)(text) == (re.fullmatch(ATTRIBUTION, text) is not None)


@pytest.mark.parametrize("pattern", sorted(FITTING))
def test_no_allowed_text_times_out(pattern: str) -> None:
    """The longest texts that the models allow, built to cause backtracking: no TimeoutError."""
    match = compiled(pattern).fullmatch
    limit = 2048 if ":kms:" in pattern else 1024 if pattern == ATTRIBUTION else 256
    for start in ("", "arn:aws:personalize:", "arn:aws:iam::123456789012:role/", "arn:aws", "rate(", "s3://", "a"):
        for filler in ("a", ":", " ", "/", ":kms:", ":123456789012:key", "1", "arn:aws"):
            match((start + filler * limit)[: limit - 1] + "\n", timeout=constraints.PATIENCE_SECONDS)


def test_a_pattern_that_stalls_does_not_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraints, "PATIENCE_SECONDS", 0.01)
    assert not matcher(r"(a|aa)+(a|aa)+(a|aa)+(a|aa)+b")("a" * 300 + "c")
