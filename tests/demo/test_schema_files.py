"""The bundled schemas: every one is complete for its dataset type and domain (D-21, D-31 to D-37)."""

from __future__ import annotations

import json

import pytest

from personalize_emu.schema_files import schema_names, schema_text


@pytest.mark.parametrize("name", schema_names())
def test_schemas_have_the_form_of_the_guide(name: str) -> None:
    """D-1, D-2."""
    schema = json.loads(schema_text(name))
    assert schema["type"] == "record"
    assert schema["namespace"] == "com.amazonaws.personalize.schema"
    assert schema["version"] == "1.0"
    assert schema["name"].lower() == name.split("/")[1].replace("_", "")


def test_each_domain_and_dataset_type_has_one() -> None:
    custom = {"actions", "action_interactions", "interactions", "items", "users"}
    for group, types in {
        "custom": custom,
        "ecommerce": {"interactions", "items", "users"},
        "video-on-demand": {"interactions", "items", "users"},
        "demo": {"interactions", "items", "users"},
    }.items():
        assert {name.split("/")[1] for name in schema_names() if name.startswith(group)} == types


@pytest.mark.parametrize("domain", ["ecommerce", "video-on-demand"])
def test_d34_domain_interactions_default(domain: str) -> None:
    fields = json.loads(schema_text(f"{domain}/interactions"))["fields"]
    assert [field["name"] for field in fields] == ["USER_ID", "ITEM_ID", "EVENT_TYPE", "TIMESTAMP"]


def test_d37_ecommerce_items_default() -> None:
    fields = json.loads(schema_text("ecommerce/items"))["fields"]
    assert fields[1:] == [
        {"name": "PRICE", "type": "float"},
        {"name": "CATEGORY_L1", "type": ["string"], "categorical": True},
    ]


def test_unknown_name_error_lists_known_names() -> None:
    with pytest.raises(KeyError, match="custom/items"):
        schema_text("custom/films")
