"""What is wrong with a filter, or with the values given to it. The texts are the service's (spec 08 section 4)."""

from __future__ import annotations

from collections.abc import Sequence


class InvalidExpression(Exception):
    """An expression that cannot be accepted (F-90); the text of the exception is for clients."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"Invalid Expression: {detail}")


class PlaceholderNotAllowed(InvalidExpression):
    """A placeholder after NOT IN (F-91, E-17)."""

    def __init__(self, name: str) -> None:
        Exception.__init__(
            self, f"Invalid input symbol: ${name}. Placeholders are not allowed with NOT_IN operator."
        )


class InvalidValues(Exception):
    """Values of a request that a filter cannot be applied with; the text is for clients."""


class MissingValues(InvalidValues):
    """An INCLUDE lacks values (F-70)."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"Missing value(s) for filter parameter(s): {', '.join(names)}")


class UnreadableValues(InvalidValues):
    """The text of a parameter is not a list of values, or not of its column's type (F-95)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid filter values for parameter {name}")
