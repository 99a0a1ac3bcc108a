"""Patterns of IAM policies: `*`, `?`, and policy variables, which are values of condition keys.

    arn:aws:s3:::bucket/${aws:username}/*      as written
    arn:aws:s3:::bucket/ann/*                  resolved: special characters are left only as ${*}, ${?} and ${$}

Sources: IAM user guide, "Policy elements: variables and tags" and "IAM JSON policy elements: Resource".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from personalize_emu.service.access.policy_context import CannotEvaluate, RequestFacts

_VARIABLE = re.compile(r"\$\{([^{}]*)\}|\$")
_TOKEN = re.compile(r"\$\{([*?$])\}|(\*+)|([^*$]+|\$)")
_ESCAPED = re.compile(r"\$\{([*?$])\}")
_SPECIAL = re.compile(r"[*?$]")
_CHARACTERS = frozenset("*?$")


def resolve(text: str, facts: RequestFacts) -> str | None:
    """A pattern with the values of its variables; None if the request has no value for one of them.

    Raises:
        CannotEvaluate: a key may have a value that is not known here, or has any number of them.
    """
    if "$" not in text:
        return text
    parts, end = [], 0
    for found in _VARIABLE.finditer(text):
        value = "${$}" if found[1] is None else _value_of(found[1], facts)
        if value is None:
            return None
        parts += [text[end : found.start()], value]
        end = found.end()
    return "".join([*parts, text[end:]])


def without_variables(text: str) -> str:
    """A pattern of a policy of 2008, where `$` is an ordinary character."""
    return text.replace("$", "${$}")


def plain(resolved: str) -> str:
    """What a resolved pattern says where `*` and `?` are ordinary characters."""
    return _ESCAPED.sub(r"\1", resolved) if "$" in resolved else resolved


def glob_matches(resolved: str, value: str) -> bool:
    """`*` stands for any characters, `?` for one. Time is proportional to the sum of both lengths."""
    return _glob(resolved).matches(value)


def _value_of(variable: str, facts: RequestFacts) -> str | None:
    """variable: what is between the braces, such as `aws:username` or `aws:PrincipalTag/team, 'none'`."""
    if variable in _CHARACTERS:
        return f"${{{variable}}}"
    key, _, default = (part.strip() for part in variable.partition(","))
    value = facts.value(key)
    if value is None and default[:1] == default[-1:] == "'" and len(default) > 1:
        value = default[1:-1]
    if value is None and facts.is_known(key):
        return None
    if not isinstance(value, str):
        raise CannotEvaluate(f"the policy variable ${{{variable}}}")
    return _SPECIAL.sub(r"${\g<0>}", value)


@dataclass(frozen=True)
class _Part:
    """Characters between two stars. holes: positions of `?`."""

    text: str
    holes: frozenset[int]

    def is_at(self, value: str, start: int) -> bool:
        if not self.holes:
            return value.startswith(self.text, start)
        end = start + len(self.text)
        pairs = enumerate(zip(self.text, value[start:end], strict=False))
        return end <= len(value) and all(ours == theirs or at in self.holes for at, (ours, theirs) in pairs)

    def find(self, value: str, start: int) -> int:
        """The first position from `start` on, -1 if there is none.

        With holes by the Shift-And algorithm (Baeza-Yates and Gonnet, 1992): bit i is set while the last i + 1
        characters fit the first i + 1 of the part, so each character of the value is looked at once.
        """
        if not self.holes:
            return value.find(self.text, start)
        anything = sum(1 << at for at in self.holes)
        fits: dict[str, int] = {}
        for at, character in enumerate(self.text):
            fits[character] = fits.get(character, 0) | (0 if at in self.holes else 1 << at)
        state, complete = 0, 1 << (len(self.text) - 1)
        for position in range(start, len(value)):
            state = ((state << 1) | 1) & (fits.get(value[position], 0) | anything)
            if state & complete:
                return position - len(self.text) + 1
        return -1


@dataclass(frozen=True)
class _Glob:
    """parts: what is between stars, so one more than there are stars."""

    parts: tuple[_Part, ...]

    def matches(self, value: str) -> bool:
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return len(value) == len(first.text) and first.is_at(value, 0)
        end = len(value) - len(last.text)
        if end < len(first.text) or not first.is_at(value, 0) or not last.is_at(value, end):
            return False
        position = len(first.text)
        # The first place of a part leaves most for the parts after it, so no other place has to be tried.
        for part in self.parts[1:-1]:
            found = part.find(value, position)
            if found < 0:
                return False
            position = found + len(part.text)
        return position <= end


@lru_cache(maxsize=1024)
def _glob(resolved: str) -> _Glob:
    parts: list[list[tuple[str, bool]]] = [[]]
    for escaped, stars, text in _TOKEN.findall(resolved):
        if stars:
            parts.append([])
        parts[-1] += [(escaped, False)] if escaped else [(character, character == "?") for character in text]
    return _Glob(tuple(map(_part, parts)))


def _part(characters: list[tuple[str, bool]]) -> _Part:
    holes = frozenset(at for at, (_, is_hole) in enumerate(characters) if is_hole)
    return _Part("".join(character for character, _ in characters), holes)
