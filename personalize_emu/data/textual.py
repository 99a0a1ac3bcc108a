"""Free text: how much of a value is kept, and what of it counts as words."""

from __future__ import annotations

import html
import re

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
    """Text as models read it (D-66): no tags, entities, line breaks, tabs or repeated blanks.

    >>> readable_text("<p>Salt &amp; pepper<br/>\\n of  the earth</p>")
    'Salt & pepper of the earth'
    """
    return _BLANKS.sub(" ", html.unescape(_MARKUP.sub(" ", text))).strip()
