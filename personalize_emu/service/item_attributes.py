"""Attributes of items as they were when a version was trained, which segments are asked by (R-82)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.avro import Field
from personalize_emu.filters.binding import Bound, Compared, OneOf
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.expressions import Constant
from personalize_emu.filters.records import Records, View
from personalize_emu.state.jobs import JobFailed

NO_ATTRIBUTE = (
    "Did not find any attribute to train on. There may not be any attribute in the items dataset, or all attribute "
    "values either have same or all distinct values."
)
MOST_VALUES = 1000
"""Of one column that metrics are measured on: a column of prices must not make as many queries as items."""


@dataclass(frozen=True, eq=False)
class ItemAttributes:
    """records: the Items dataset, frozen. fields: its columns that segments can be made of, by upper-case name."""

    records: Records
    fields: Mapping[str, Field]

    def along(self, catalog: Sequence[str]) -> View:
        return View(self.records, catalog)

    def groups(self, catalog: Sequence[str]) -> tuple[NDArray[np.int32], ...]:
        """The catalog numbers of the items that share a value, for every value of every column."""
        view = self.along(catalog)
        masks = [
            having(view, field, value)
            for field in self.fields.values()
            for value in self.records.column(field.name).distinct()[:MOST_VALUES]
        ]
        return tuple(np.flatnonzero(mask).astype(np.int32) for mask in masks if mask.any())


def informative_groups(attributes: ItemAttributes, catalog: Sequence[str]) -> tuple[NDArray[np.int32], ...]:
    """As `attributes.groups`, of which at least one must tell some of the described items from others.

    Raises:
        JobFailed: all items are alike, or all are different (E-15).
    """
    groups = attributes.groups(catalog)
    described = np.unique(np.concatenate(groups)).size if groups else 0
    if not any(1 < len(group) < described for group in groups):
        raise JobFailed(NO_ATTRIBUTE)
    return groups


def having(view: View, field: Field, value: Constant) -> Mask:
    """bool[ids of the view]: the items with a value, or with a category of that name (B-29)."""
    condition: Bound = OneOf(field.name, frozenset({value}))
    if isinstance(value, Decimal):
        condition = Compared(field.name, "=", value)
    return view.mask(((condition,),))
