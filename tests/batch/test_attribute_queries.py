"""The expressions of segment queries by item attributes (spec 11 section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.batch.attribute_queries import items_with
from personalize_emu.batch.lines import BadLine
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.filters.records import Records
from personalize_emu.service.state.trained_version import ItemAttributes

FIELDS = (
    Field("ITEM_ID", "string"),
    Field("CATEGORY", "string", categorical=True),
    Field("GENRES", "string", nullable=True, categorical=True),
    Field("YEAR", "int"),
    Field("PRICE", "float"),
)
TABLE = pa.table(
    {
        "ITEM_ID": pa.array(["a", "b", "c"]).dictionary_encode(),
        "CATEGORY": pa.array(["Coffee, Tea & Cocoa", "tools", 'say "x"']).dictionary_encode(),
        "GENRES": pa.array(["Comedy|Action", None, "Comedy"]).dictionary_encode(),
        "YEAR": pa.array([1995, 1995, 2001], pa.int32()),
        "PRICE": pa.array([0.1, 2.5, 2.5], pa.float32()),
    }
)
USABLE: Mapping[str, Field] = {field.name: field for field in FIELDS[1:]}
ATTRIBUTES = ItemAttributes(Records(TABLE, Schema("Items", FIELDS), "ITEM_ID"), USABLE)
CATALOG = ("a", "b", "c", "without a row")


def found(text: str) -> str:
    numbers = items_with(ATTRIBUTES.along(CATALOG), USABLE, text)
    return "".join(CATALOG[number] for number in numbers)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('ITEMS.CATEGORY = "Coffee, Tea & Cocoa"', "a"),
        ('ITEMS.genres = "Comedy" AND ITEMS.genres = "Action"', "a"),
        ('items.Genres="Comedy"', "ac"),
        ("ITEMS.YEAR = 1995", "ab"),
        ("ITEMS.YEAR=1995.0 and ITEMS.PRICE = 2.5", "b"),
        ("ITEMS.PRICE = 0.1", "a"),
        ('  ITEMS . CATEGORY = "say \\"x\\""  ', "c"),
        ('ITEMS.YEAR = 2001 AND ITEMS.GENRES = "Comedy" AND ITEMS.PRICE = 2.5', "c"),
    ],
)
def test_items_with_all_attributes(text: str, items: str) -> None:
    """B-26, B-29, B-30, F-87, R-82."""
    assert found(text) == items


FORM = "itemAttributes must be terms"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('ITEMS.CATEGORY = "tools" OR ITEMS.YEAR = 1995', FORM),
        ('ITEMS.CATEGORY IN ("tools")', FORM),
        ('ITEMS.CATEGORY != "tools"', FORM),
        ("ITEMS.YEAR > 1990", FORM),
        ('CATEGORY = "tools"', FORM),
        ('ITEMS.CATEGORY = "tools', FORM),
        ('ITEMS.CATEGORY = "tools" AND', FORM),
        ('ITEMS.CATEGORY = "tools" ITEMS.YEAR = 1995', FORM),
        ("ITEMS.CATEGORY = tools", "neither a number nor in double quotes"),
        ("ITEMS.CATEGORY = 5", "of another type"),
        ('ITEMS.YEAR = "1995"', "of another type"),
        ('ITEMS.DESCRIPTION = "x"', "unknown column: DESCRIPTION"),
        ('ITEMS.ITEM_ID = "a"', "unknown column: ITEM_ID"),
        ('ITEMS.CATEGORY = "Tools"', "No item had this value of CATEGORY"),
        ("ITEMS.YEAR = 1995.5", "No item had this value of YEAR"),
        ('ITEMS.CATEGORY = "tools" AND ITEMS.YEAR = 2001', "No item had all of these attributes"),
    ],
)
def test_invalid_attribute_queries_are_refused(text: str, error: str) -> None:
    """B-29, B-52: values respect case."""
    with pytest.raises(BadLine, match=error):
        found(text)


@given(st.text(alphabet='ITEMS.YAR="\\ and 1995>', max_size=40))
def test_any_text_is_answered_or_refused(text: str) -> None:
    """B-52."""
    with suppress(BadLine):
        assert found(text)


def test_every_value_of_every_column_is_a_group() -> None:
    """M-30."""
    groups = ATTRIBUTES.groups(CATALOG)
    assert ["".join(CATALOG[number] for number in group) for group in groups] == [
        *("a", "c", "b"),
        *("a", "ac"),
        *("ab", "c"),
        *("a", "bc"),
    ]
