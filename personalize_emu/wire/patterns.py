"""Regular expressions of the service model, written for Java, matched here (P-50).

Two things differ between the engines and are translated: `\\d` means ASCII digits only, and `.` stops at
every Java line terminator. Everything else the models use (`\\p{L}`, `\\p{ASCII}`, classes) is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import regex

# A pattern that has not decided by then is fed a text made to stall it: it counts as not matching.
PATIENCE_SECONDS = 2.0

# Watching the time costs more than a match. Without repeated groups the cost is polynomial, and small up to here.
_SHORT = 256
_REPEATED_GROUP = regex.compile(r"\)[*+{]")

_TOKEN = regex.compile(r"\\.|\[\^?|\]|\.", regex.DOTALL)
_ANY_BUT_LINE_ENDS = r"[^\n\r\x85\u2028\u2029]"

# Three overlapping repetitions cost cubic time on a text that almost fits; these say the same in linear time.
_FASTER = {
    r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": r"^\x20*[\x21-\x7E][\x20-\x7E]*$",
}


@cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """A test whether a whole text matches a pattern of the model."""
    match = compiled(pattern).fullmatch
    harmless = 0 if _REPEATED_GROUP.search(pattern) else _SHORT

    def matches(text: str) -> bool:
        if len(text) <= harmless:
            return match(text) is not None
        try:
            return match(text, timeout=PATIENCE_SECONDS) is not None
        except TimeoutError:
            return False

    return matches


def compiled(pattern: str) -> regex.Pattern[str]:
    """The pattern of the model, ready to match as Java would."""
    return regex.compile(in_python(_FASTER.get(pattern, pattern)))


def in_python(pattern: str) -> str:
    """The same pattern for the `regex` package."""
    parts: list[str] = []
    end, in_class = 0, False
    for token in _TOKEN.finditer(pattern):
        parts.append(pattern[end : token.start()])
        parts.append(_translated(token[0], in_class))
        end = token.end()
        in_class = token[0].startswith("[") or (in_class and token[0] != "]")
    return "".join(parts) + pattern[end:]


def _translated(token: str, in_class: bool) -> str:
    if token == r"\d":
        return "0-9" if in_class else "[0-9]"
    return _ANY_BUT_LINE_ENDS if token == "." and not in_class else token
