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


def having(view: View, field: Field, value: Constant) -> Mask:
    """bool[ids of the view]: the items with a value, or with a category of that name (B-29)."""
    condition: Bound = OneOf(field.name, frozenset({value}))
    if isinstance(value, Decimal):
        condition = Compared(field.name, "=", value)
    return view.mask(((condition,),))
