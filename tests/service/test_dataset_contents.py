"""The two layers of a dataset, and removing users from both (D-84, D-110, D-117)."""

from __future__ import annotations

from typing import Any

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.service.state.column_indexes import ColumnIndexes
from personalize_emu.service.state.dataset_contents import DatasetContents, StreamedEvent
from tests.given import INTERACTIONS_SCHEMA, USERS_SCHEMA

USERS = parse_schema(USERS_SCHEMA)


def users(**ages: int) -> Any:
    return rows_table(USERS, [{"USER_ID": user, "AGE": age} for user, age in ages.items()])


def shown(indexes: ColumnIndexes, contents: DatasetContents) -> dict[str, Any]:
    records = indexes.records(contents, USERS_SCHEMA, "USER_ID")
    return {user: records.value(user, "AGE") for user in records.row_of}


def test_d84_an_import_replaces_earlier_individual_records() -> None:
    contents, indexes = DatasetContents(), ColumnIndexes()
    contents.log.append([{"USER_ID": "u", "AGE": 1}, {"USER_ID": "v", "AGE": 2}])
    contents.add_import(users(u=3), "FULL", "USER_ID")
    assert shown(indexes, contents) == {"u": 3, "v": 2}
    contents.log.append([{"USER_ID": "u", "AGE": 4}])
    assert shown(indexes, contents) == {"u": 4, "v": 2}
    contents.add_import(users(w=5), "INCREMENTAL", "USER_ID")
    assert shown(indexes, contents) == {"u": 4, "v": 2, "w": 5}


def test_d110_removed_users_are_in_no_layer_and_no_index() -> None:
    """Also when they are in one layer only, and what others had overruled stays so."""
    contents, indexes = DatasetContents(), ColumnIndexes()
    contents.log.append([{"USER_ID": user, "AGE": 1} for user in "uvw"])
    contents.add_import(users(u=2, v=2, x=2), "FULL", "USER_ID")
    assert shown(indexes, contents) == {"u": 2, "v": 2, "w": 1, "x": 2}
    assert contents.remove_users(contents.prepare_removal(frozenset("u"))) == 2
    assert shown(indexes, contents) == {"v": 2, "w": 1, "x": 2}
    assert contents.remove_users(contents.prepare_removal(frozenset("w"))) == 1
    assert shown(indexes, contents) == {"v": 2, "x": 2}
    assert contents.remove_users(contents.prepare_removal(frozenset("w"))) == 0
    contents.log.append([{"USER_ID": "u", "AGE": 7}])
    assert shown(indexes, contents) == {"u": 7, "v": 2, "x": 2}


def test_d112_a_removal_applies_to_an_import_finished_meanwhile() -> None:
    contents = DatasetContents()
    contents.add_import(users(u=1), "FULL", "USER_ID")
    removal = contents.prepare_removal(frozenset("u"))
    contents.add_import(users(u=2, v=2), "FULL", "USER_ID")
    assert contents.remove_users(removal) == 1
    assert contents.bulk is not None
    assert contents.bulk.to_pylist() == [{"USER_ID": "v", "AGE": 2}]


def test_d117_events_of_a_removed_user_can_be_stored_again() -> None:
    """EV-40, EV-41: what made an event a repetition is forgotten too; positions of others stay."""
    contents = DatasetContents()
    event = {"USER_ID": "u", "ITEM_ID": "i", "TIMESTAMP": 1}
    other = {"USER_ID": "v", "ITEM_ID": "i", "TIMESTAMP": 1}
    contents.append_events([StreamedEvent(event, "1"), StreamedEvent(other, "2")])
    assert contents.remove_users(contents.prepare_removal(frozenset("u"))) == 1
    assert not len(contents.events_of("u", 9))
    contents.append_events([StreamedEvent(event, "1"), StreamedEvent({**other, "TIMESTAMP": 2}, "2")])
    assert contents.events_of("u", 9).positions.tolist() == [2]
    assert contents.events_of("v", 9).positions.tolist() == [1]
    assert contents.remove_users(contents.prepare_removal(frozenset("uv"))) == 2
    assert not contents.has_interactions
    assert len(contents.log) == 3


def test_datasets_without_user_ids_are_unchanged() -> None:
    contents = DatasetContents()
    table = rows_table(parse_schema(INTERACTIONS_SCHEMA), []).drop_columns(["USER_ID"])
    contents.add_import(table, "FULL", None)
    assert contents.remove_users(contents.prepare_removal(frozenset("u"))) == 0
    assert contents.bulk is table
