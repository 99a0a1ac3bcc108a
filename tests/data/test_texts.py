"""Free text (D-65, D-66)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.schemas.values import kept_text, readable_text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("word " * 5000, 20_000),
        ("word " * 3000, 15_000),
        ("漢字" * 5000, 7_000),
        ("カタカナ、ひらがな" * 2000, 7_000),
        ("漢字" * 3500, 7_000),
        ("English with 漢字 " * 2000, 20_000),
        ("한국어" * 8000, 20_000),
    ],
)
def test_d65_how_much_is_kept(text: str, kept: int) -> None:
    assert kept_text(text) == text[:kept]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<p>Salt &amp; pepper<br/>of\n\tthe  earth</p>", "Salt & pepper of the earth"),
        ('a<a href="x">link</a>', "a link"),
        ("<!-- note: <b> --> text", "text"),
        ("<?xml version='1.0'?><!DOCTYPE x>body", "body"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&lt;b&gt; &#233; &nbsp;x", "<b> é x"),
        ("  ", ""),
    ],
)
def test_d66_markup_and_whitespace_are_removed(text: str, read: str) -> None:
    assert readable_text(text) == read


@settings(deadline=None)
@given(st.text())
def test_d66_no_breaks_tabs_or_repeated_blanks_are_left(text: str) -> None:
    read = readable_text(text)
    assert read == " ".join(read.split())
