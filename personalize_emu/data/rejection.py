"""Error messages for rejected input (spec 03 section 14), and the number of rows that were left out (D-58)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_NONCONFORMING = (
    "Input csv has rows that do not conform to the dataset schema. Please ensure all required data fields "
    "are present and that they are of the type specified in the schema."
)
_GUIDELINES = "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html"


class RejectedData(Exception):
    """Input that cannot be imported. `failure_reason` is the complete message for the user."""

    def __init__(self, failure_reason: str) -> None:
        super().__init__(failure_reason)
        self.failure_reason = failure_reason


def missing_columns(columns: Sequence[str], hint: str) -> RejectedData:
    """Required columns are missing from a header (D-51). hint: the header found and likely causes."""
    return RejectedData(f"Input CSV is missing the following columns:[{', '.join(columns)}]. ({hint})")


def too_long(limit: int, column: str, where: str) -> RejectedData:
    """A value has more characters than its column allows, or quotes are broken (D-64, D-57)."""
    return RejectedData(
        f"Length cannot be more than {limit} characters for {column}. If no values exceed the character "
        f"limit, make sure your data follows the formatting guidelines listed in {_GUIDELINES}. ({where})"
    )


def nonconforming(where: str) -> RejectedData:
    """Rows do not conform to the schema: types, nulls, number of values, encoding."""
    return RejectedData(f"{_NONCONFORMING} ({where})")


def too_few_interactions(found: int, minimum: int, left_out: int) -> RejectedData:
    """Fewer rows than an import needs (D-74). left_out: rows that do not conform and so do not count."""
    text = f"Input data has {found} interactions. A minimum of {minimum} interactions is required."
    return RejectedData(f"{text} ({left_out} more do not conform to the schema)" if left_out else text)


MOST_REASONS = 10
"""This many rows are reported with file, line and column; further ones are only counted."""


@dataclass
class RowCounts:
    """Counts rows while files are read. rows: all rows, including those left out.

    left_out: rows that do not conform to the schema (D-58). reasons: for the first `MOST_REASONS` of them, each with
    the name of the file and the number of the line (CSV) or row (Parquet), both from 1.
    """

    rows: int = 0
    left_out: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, kept: int, left_out: int = 0, reasons: Iterable[str] = ()) -> None:
        self.rows += kept + left_out
        self.left_out += left_out
        for reason in reasons:
            if len(self.reasons) < MOST_REASONS:
                self.reasons.append(reason)

    def check(self, tolerated: float) -> None:
        """tolerated: largest share of the rows that may be left out, from 0 to 1.

        Raises:
            RejectedData: more rows were left out, or no row is left.
        """
        if self.left_out and (self.left_out == self.rows or self.left_out > tolerated * self.rows):
            raise nonconforming(f"{self.left_out} of {self.rows} rows, the first: {self.reasons[0]}")
