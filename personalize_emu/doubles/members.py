"""Reads declarations that were written by hand: JSON bodies, YAML files, keyword arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 20
"""More than the requests of the service are nested."""


class Members:
    """The members of an object, read one by one; None counts as absent. Methods raise ValueError with what to give.

    Args:
        what: names the object in messages, such as `a fault`.
    """

    def __init__(self, what: str, given: object) -> None:
        if not isinstance(given, Mapping):
            raise ValueError(f"{what} is an object with members, not {given!r:.200}")
        self._what = what
        self._given = {name: value for name, value in given.items() if value is not None}
        self._known: list[str] = []

    def value(self, name: str, default: Any) -> Any:
        if name not in self._known:
            self._known.append(name)
        return self._given.get(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """default: None if the member is required."""
        value = self.value(name, default)
        if value is None:
            raise ValueError(f"{self._what} needs the member {name}")
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a text, not {value!r:.200}")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        value = self.value(name, None)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r:.200}")
        return value

    def share(self, name: str) -> float:
        """More than 0 and at most 1; 1 if absent."""
        value = self.value(name, 1.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ValueError(f"{name} must be more than 0 and at most 1, not {value!r:.200}")
        return float(value)

    def truth(self, name: str) -> bool:
        value = self.value(name, False)
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {value!r:.200}")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.value(name, {})
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueError(f"{name} must be an object with members of the request, not {value!r:.200}")
        if _is_deeper(value, DEEPEST):
            raise ValueError(f"{name} must not be nested more than {DEEPEST} times")
        try:
            json.dumps(value)
        except TypeError as error:
            raise ValueError(f"{name} must have JSON values: {error}") from error
        return dict(value)

    def refuse_others(self) -> None:
        """Raises ValueError: a member that was not read, which is most likely misspelt."""
        others = sorted(str(name) for name in self._given if name not in self._known)
        if others:
            raise ValueError(f"{self._what} has no member {others[0]!r:.200}; it has {', '.join(self._known)}")


def _is_deeper(value: Any, depth: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return depth < 0 or any(_is_deeper(each, depth - 1) for each in inner)
