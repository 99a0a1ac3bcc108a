"""Why input data is refused, in the words users of the service know (spec 03 section 14)."""

from __future__ import annotations

from collections.abc import Sequence

_NONCONFORMING = (
    "Input csv has rows that do not conform to the dataset schema. Please ensure all required data fields "
    "are present and that they are of the type specified in the schema."
)
_GUIDELINES = "https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html"


class RejectedData(Exception):
    """Input that cannot become data. `failure_reason` is the whole text shown to the user."""

    def __init__(self, failure_reason: str) -> None:
        super().__init__(failure_reason)
        self.failure_reason = failure_reason


def missing_columns(columns: Sequence[str], hint: str) -> RejectedData:
    """Schema columns are absent from a header (D-51). hint: what was found instead."""
    return RejectedData(f"Input CSV is missing the following columns:[{', '.join(columns)}]. ({hint})")


def too_long(limit: int, column: str, where: str) -> RejectedData:
    """A value has more characters than its column allows, or quotes are broken (D-64, D-57)."""
    return RejectedData(
        f"Length cannot be more than {limit} characters for {column}. If no values exceed the character "
        f"limit, make sure your data follows the formatting guidelines listed in {_GUIDELINES}. ({where})"
    )


def nonconforming(where: str) -> RejectedData:
    """Rows do not fit the schema: types, nulls, number of values, encoding."""
    return RejectedData(f"{_NONCONFORMING} ({where})")


def too_few_interactions(found: int, minimum: int, left_out: int) -> RejectedData:
    """Fewer rows than an import needs (D-74). left_out: rows that do not conform and so do not count."""
    text = f"Input data has {found} interactions. A minimum of {minimum} interactions is required."
    return RejectedData(f"{text} ({left_out} more do not conform to the schema)" if left_out else text)
