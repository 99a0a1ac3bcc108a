"""Records for filters, and changes to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.filters import records
from personalize_emu.filters.binding import Compared, OneOf
from personalize_emu.filters.records import Records, View
from tests.given import avro, field

SCHEMA = parse_schema(
    avro(
        "Items",
        field("ITEM_ID"),
        field("TAGS", ["null", "string"], categorical=True),
        field("COUNT", ["null", "long"]),
        field("PRICE", ["null", "float"]),
    )
)
IDS = tuple(f"i{number}" for number in range(6))
CONDITIONS = (
    OneOf("TAGS", frozenset({"a", "new"})),
    OneOf("TAGS", frozenset({"b"}), negated=True),
    OneOf("ITEM_ID", frozenset({"i1", "i5", "unknown"})),
    Compared("COUNT", ">", Decimal(1)),
    Compared("COUNT", "!=", Decimal(2)),
    Compared("PRICE", "<=", Decimal(1)),
)

rows = st.fixed_dictionaries(
    {
        "ITEM_ID": st.sampled_from([*IDS, "outside"]),
        "TAGS": st.sampled_from([None, "a", "b", "a|b", "new"]),
        "COUNT": st.sampled_from([None, 0, 1, 2]),
        "PRICE": st.sampled_from([None, 0.5, 1.0, 2.0]),
    }
)
puts = st.lists(rows, max_size=6)


def latest(listed: list[dict[str, Any]]) -> Records:
    by_id = {row["ITEM_ID"]: row for row in listed}
    return Records(rows_table(SCHEMA, by_id.values()), SCHEMA, "ITEM_ID")


def masks(view: View) -> list[list[bool]]:
    return [view.mask(((condition,),)).tolist() for condition in CONDITIONS]


@settings(max_examples=150, deadline=None)
@given(puts, puts, puts)
def test_changed_records_equal_new_records(
    first: list[dict[str, Any]], second: list[dict[str, Any]], third: list[dict[str, Any]]
) -> None:
    """D-84: the newest record of an id is used; changes are applied one after the other."""
    base = latest(first)
    view = View(base, IDS)
    masks(view)
    for changes in (second, second + third):
        changed, anew = base.changed_by(changes), latest(first + changes)
        view = view.over(changed)
        assert masks(view) == masks(View(anew, IDS))
        for item in (*IDS, "outside", "unknown"):
            for column in ("TAGS", "COUNT", "PRICE"):
                assert changed.value(item, column) == anew.value(item, column)
                assert changed.text(item, column) == anew.text(item, column)
        assert set(changed.row_of) == set(anew.row_of)


def test_masks_are_kept_and_cannot_be_changed() -> None:
    view = View(latest([]), IDS)
    mask = view.mask(((CONDITIONS[0],),))
    assert view.mask(((OneOf("TAGS", frozenset({"new", "a"})),),)) is mask
    assert not mask.flags.writeable


def test_mask_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is bounded when values differ from request to request."""
    monkeypatch.setattr(records, "MASK_BYTES", 20 * len(IDS))
    view = View(latest([]), IDS)
    made = [view.mask(((Compared("COUNT", ">", Decimal(n)),),)) for n in range(25)]
    assert view.mask(((Compared("COUNT", ">", Decimal(24)),),)) is made[-1]
    assert view.mask(((Compared("COUNT", ">", Decimal(0)),),)) is not made[0]


def test_events_need_no_dataset_of_items() -> None:
    """F-50."""
    view = View(None, IDS)
    assert view.mask_of(frozenset({"i2", "unknown"})).tolist() == [item == "i2" for item in IDS]
