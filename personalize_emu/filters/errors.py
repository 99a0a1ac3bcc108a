"""Errors of filter expressions and parameter values, with the messages of the service (spec 08 section 4)."""

from __future__ import annotations

from collections.abc import Sequence


class InvalidExpression(Exception):
    """An invalid expression (F-90); the text is for clients.

    position: of the first character that is wrong, from 0 to the length of the expression; None where it is not known.
    """

    def __init__(self, detail: str, position: int | None = None) -> None:
        super().__init__(f"Invalid Expression: {detail}")
        self.position = position


class PlaceholderNotAllowed(InvalidExpression):
    """A placeholder after NOT IN (F-91, E-17)."""

    def __init__(self, name: str) -> None:
        Exception.__init__(
            self, f"Invalid input symbol: ${name}. Placeholders are not allowed with NOT_IN operator."
        )
        self.position = None


class InvalidValues(Exception):
    """Parameter values with which a filter cannot be applied; the text is for clients."""


class MissingValues(InvalidValues):
    """An INCLUDE expression has no values (F-70)."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"Missing value(s) for filter parameter(s): {', '.join(names)}")


class UnreadableValues(InvalidValues):
    """The text of a parameter is no list of values, or has values of another type (F-95)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid filter values for parameter {name}")
