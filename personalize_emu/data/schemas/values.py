"""Converts the text of a cell or property to the type of its column (D-60, D-61); limits free text (D-65, D-66)."""

from __future__ import annotations

import html
import re

import numpy as np

from personalize_emu.data.schemas.avro import Field

Value = str | int | float | bool

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MOST_DIGITS = 400
"""Longer numbers are out of range of every type."""

_INTEGER_RANGES = {"int": 2**31, "long": 2**63}
_TRUTHS = {"true": True, "false": False}
NUMBER_BLANKS = " \t"


def value_of(field: Field, text: str) -> Value:
    """Parse the non-empty `text` as a value of the field's type. Raises ValueError with a message for users."""
    if field.type == "string":
        return text
    if field.type == "boolean":
        if text not in _TRUTHS:
            raise ValueError(f"{shown(text)} is neither true nor false")
        return _TRUTHS[text]
    bare = text.strip(NUMBER_BLANKS)
    grammar = _INTEGER if field.type in _INTEGER_RANGES else _DECIMAL
    if len(bare) > _MOST_DIGITS or not grammar.fullmatch(bare):
        raise ValueError(f"{shown(text)} is not of type {field.type}")
    return checked_integer(field, int(bare)) if grammar is _INTEGER else checked_float(field, float(bare))


def checked_integer(field: Field, number: int) -> int:
    """Check that `number` is in range of type int or long. Raises ValueError."""
    bound = _INTEGER_RANGES[field.type]
    if not -bound <= number < bound:
        raise ValueError(f"{shown(str(number))} is out of the range of type {field.type}")
    return number


def checked_float(field: Field, number: float) -> float:
    """Check that `number` is in range of type float or double. Raises ValueError."""
    with np.errstate(over="ignore"):
        held = np.float32(number) if field.type == "float" else np.float64(number)
    if not np.isfinite(held):
        raise ValueError(f"{number} is out of the range of type {field.type}")
    return number


def shown(text: str) -> str:
    """A value as it is shown in messages: quoted, and shortened if it is long."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


LONGEST_TEXT = 20_000
LONGEST_CHINESE_OR_JAPANESE_TEXT = 7_000

_MARKUP = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>|<[?!][^<>]*>", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_CHINESE_OR_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def kept_text(text: str) -> str:
    """The part of a textual value that is stored (D-65): 20,000 characters, 7,000 of Chinese or Japanese.

    Text is Chinese or Japanese when most of its first 7,000 characters are.
    """
    if len(text) <= LONGEST_CHINESE_OR_JAPANESE_TEXT:
        return text
    beginning = text[:LONGEST_CHINESE_OR_JAPANESE_TEXT]
    if 2 * len(_CHINESE_OR_JAPANESE.findall(beginning)) > len(beginning):
        return beginning
    return text[:LONGEST_TEXT]


def readable_text(text: str) -> str:
    r"""Text as models read it (D-66): without tags, entities, line breaks, tabs and repeated blanks.

    >>> readable_text("<p>Salt &amp; pepper<br/>\n of  the earth</p>")
    'Salt & pepper of the earth'
    """
    return _BLANKS.sub(" ", html.unescape(_MARKUP.sub(" ", text))).strip()
