"""Records, store, ARNs and identifiers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields

import pytest

from personalize_emu.state.identifiers import Arn, Identifiers, make_arn, parse_arn
from personalize_emu.state.resources import RESOURCE_TYPES, DatasetGroup, Schema, member_name
from personalize_emu.state.store import Store, Table


def group(name: str, **fields: object) -> DatasetGroup:
    return DatasetGroup(
        name=name,
        dataset_group_arn=make_arn("us-east-1", "123456789012", "dataset-group", name),
        status="ACTIVE",
        creation_date_time=1.0,
        last_updated_date_time=1.0,
        **fields,  # type: ignore[arg-type]
    )


def test_arns_have_the_recorded_shape() -> None:
    """R-GEN-1, R-GEN-2."""
    arn = make_arn("us-east-1", "402114309305", "schema", "users-schema-85652")
    assert arn == "arn:aws:personalize:us-east-1:402114309305:schema/users-schema-85652"
    assert make_arn("cn-north-1", "402114309305", "schema", "s").startswith("arn:aws-cn:")
    assert parse_arn("arn:aws:personalize:::recipe/aws-sims") == Arn(
        "aws", "personalize", "", "", "recipe", "aws-sims"
    )
    assert parse_arn("arn:aws:s3") is None


def test_identifiers_have_recorded_form_and_depend_on_seed() -> None:
    """R-GEN-1, R-ET-2, P-24, RT-5."""
    one = Identifiers(1)
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(r"[0-9a-f]{8}", one.suffix("solution"))
    assert re.fullmatch(uuid, one.tracking_id("group"))
    assert re.fullmatch(uuid, one.request_id())
    recommendation = one.recommendation_id("campaign")
    assert re.fullmatch(r"RID-[0-9a-f]{2}(-[0-9a-f]{4}){2}-[0-9a-f]{12}-CID-[0-9a-f]{6}", recommendation)
    assert len(recommendation) == 40
    assert Identifiers(1).recommendation_id("campaign") == recommendation
    assert Identifiers(2).recommendation_id("campaign") != recommendation


def test_identifiers_of_one_purpose_are_independent_of_others() -> None:
    """RT-35: each purpose and owner has its own sequence."""
    draws: list[Callable[[Identifiers], object]] = [
        lambda ids: ids.suffix("a"),
        lambda ids: ids.suffix("b"),
        lambda ids: ids.tracking_id("a"),
        lambda ids: ids.recommendation_id("a"),
        lambda ids: ids.secret(),
        lambda ids: ids.request_id(),
    ]
    for draw in draws:
        quiet, busy = Identifiers(1), Identifiers(1)
        expected = [draw(quiet) for _ in range(3)]
        assert len(set(expected)) == 3
        for step in range(3):
            for other in draws:
                if other is not draw:
                    other(busy)
            assert draw(busy) == expected[step]


def test_members_omit_none() -> None:
    """P-27."""
    assert group("g").members() == {
        "name": "g",
        "datasetGroupArn": "arn:aws:personalize:us-east-1:123456789012:dataset-group/g",
        "status": "ACTIVE",
        "creationDateTime": 1.0,
        "lastUpdatedDateTime": 1.0,
    }


def test_member_names_are_those_of_the_service_model(botocore_members: frozenset[str]) -> None:
    for kind in RESOURCE_TYPES:
        for field in fields(kind):
            assert member_name(field.name) in botocore_members, (kind.kind, field.name)


@pytest.fixture
def botocore_members() -> frozenset[str]:
    import botocore.session

    model = botocore.session.get_session().get_service_model("personalize")
    names: set[str] = set()
    for shape_name in model.shape_names:
        shape = model.shape_for(shape_name)
        if shape.type_name == "structure":
            names.update(shape.members)
    return frozenset(names)


def test_store_replaces_records() -> None:
    store = Store()
    before = group("g")
    store.insert(before)
    changed = store.change(before, status="DELETE PENDING")
    assert before.status == "ACTIVE"
    assert changed is not None
    assert store.get(DatasetGroup, before.arn) is changed
    with pytest.raises(KeyError):
        store.insert(group("g"))


def test_changes_of_removed_records_have_no_effect() -> None:
    store, record = Store(), group("g")
    store.insert(record)
    store.set_tags(record.arn, {"team": "blue"})
    store.remove(record)
    assert store.change(record, status="ACTIVE") is None
    assert store.all(DatasetGroup) == []
    assert store.tags(record.arn) == {}


def test_kinds_are_separate() -> None:
    store, record = Store(), group("g")
    store.insert(record)
    assert store.get(Schema, record.arn) is None


def test_table_entries_are_created_and_removed_with_records() -> None:
    store, record = Store(), group("g")
    table: Table[list[str]] = store.table(list, DatasetGroup)
    store.insert(record)
    table[record.arn].append("late")
    assert table.items() == [(record.arn, ["late"])]
    store.remove(record)
    assert table.get(record.arn) is None
    store.insert(record)
    assert table[record.arn] == []


def test_entries_of_a_failed_block_are_removed() -> None:
    store, record = Store(), group("g")
    table, index = store.table(list, DatasetGroup), store.index(DatasetGroup, "name")

    def insert_twice() -> None:
        with store.all_or_nothing():
            store.insert(record)
            assert index.get("g") == record.arn
            store.insert(record)

    with pytest.raises(KeyError):
        insert_twice()
    assert (table.items(), index.get("g")) == ([], None)
