"""Pagination tokens (P-67, P-69)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.wire.errors import InvalidNextTokenException
from personalize_emu.wire.pages import LONGEST_TOKEN, issue, redeem

SECRET = b"a secret of this process"
TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(query=TEXT, position=TEXT)
def test_token_decodes_to_its_position(query: str, position: str) -> None:
    token = issue(SECRET, query, position)
    assert token.isascii()
    assert len(token) <= LONGEST_TOKEN
    assert redeem(SECRET, token, query) == position


@given(TEXT.filter(lambda text: len(text) > 8))
def test_token_hides_its_position(position: str) -> None:
    assert position.encode() not in base64.b64decode(issue(SECRET, "ListSchemas", position))


@given(st.text())
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidNextTokenException):
        redeem(SECRET, token, "ListSchemas")


def test_every_changed_character_is_noticed() -> None:
    token = issue(SECRET, "ListSchemas", "page 2")
    for place in range(len(token)):
        for other in "AB/=":
            changed = token[:place] + other + token[place + 1 :]
            if changed != token:
                with pytest.raises(InvalidNextTokenException):
                    redeem(SECRET, changed, "ListSchemas")


def test_token_is_valid_for_its_query_and_secret_only() -> None:
    token = issue(SECRET, "ListDatasets datasetGroupArn=a", "page 2")
    for secret, query in ((SECRET, "ListDatasets datasetGroupArn=b"), (SECRET, "ListSchemas"), (b"x", "ListSchemas")):
        with pytest.raises(InvalidNextTokenException):
            redeem(secret, token, query)


def test_query_and_position_are_separated_in_tokens() -> None:
    token = issue(SECRET, "ab", "c")
    with pytest.raises(InvalidNextTokenException):
        redeem(SECRET, token, "a")


def test_position_length_is_limited() -> None:
    assert len(issue(SECRET, "ListSchemas", "p" * 1093)) == LONGEST_TOKEN
    with pytest.raises(ValueError, match="1093 bytes"):
        issue(SECRET, "ListSchemas", "p" * 1094)
