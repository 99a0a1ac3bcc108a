"""Dataset groups and schemas through boto3 (spec 02 R-DSG, R-SCH)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import INTERACTIONS_SCHEMA, ROLE, Given, arn, avro, field
from tests.refusals import refusal

KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"


def test_create_returns_the_arn_and_a_given_domain(personalize: Any) -> None:
    """R-DSG-3, R-GEN-1."""
    custom = personalize.create_dataset_group(name="custom")
    video = personalize.create_dataset_group(name="video", domain="VIDEO_ON_DEMAND")
    assert custom["datasetGroupArn"] == arn("dataset-group", "custom")
    assert "domain" not in custom
    assert video["domain"] == "VIDEO_ON_DEMAND"


def test_describe_returns_all_members_of_a_group(personalize: Any) -> None:
    """R-DSG-4, R-DSG-7."""
    personalize.create_dataset_group(name="g", roleArn=ROLE, kmsKeyArn=KEY)
    group = personalize.describe_dataset_group(datasetGroupArn=arn("dataset-group", "g"))["datasetGroup"]
    assert (group["status"], group["roleArn"], group["kmsKeyArn"]) == ("ACTIVE", ROLE, KEY)
    assert set(group) == {
        "name",
        "datasetGroupArn",
        "status",
        "roleArn",
        "kmsKeyArn",
        "creationDateTime",
        "lastUpdatedDateTime",
    }


def test_list_omits_role_and_key(personalize: Any) -> None:
    """R-DSG-4."""
    personalize.create_dataset_group(name="g", roleArn=ROLE, kmsKeyArn=KEY)
    (summary,) = personalize.list_dataset_groups()["datasetGroups"]
    assert {"roleArn", "kmsKeyArn"}.isdisjoint(summary)


@pytest.mark.parametrize("alone", [{"roleArn": ROLE}, {"kmsKeyArn": KEY}])
def test_role_and_key_must_be_given_together(personalize: Any, alone: dict[str, str]) -> None:
    """R-DSG-7, E-30."""
    assert refusal(personalize.create_dataset_group, name="g", **alone) == (
        "InvalidInputException",
        "roleArn and kmsKeyArn must be specified together.",
    )
    assert personalize.list_dataset_groups()["datasetGroups"] == []


def test_a_taken_name_is_refused_with_the_recorded_text(personalize: Any) -> None:
    """R-GEN-4, P-77."""
    personalize.create_dataset_group(name="g")
    assert refusal(personalize.create_dataset_group, name="g") == (
        "ResourceAlreadyExistsException",
        f"Another resource with Arn {arn('dataset-group', 'g')} already exists.",
    )


def test_names_are_case_sensitive(personalize: Any) -> None:
    """R-GEN-3."""
    personalize.create_dataset_group(name="Group")
    personalize.create_dataset_group(name="group")
    assert len(personalize.list_dataset_groups()["datasetGroups"]) == 2


def test_states_follow_each_other_on_the_clock(slow: Given, clock: ManualClock) -> None:
    """R-DSG-5, R-DSG-17, R-GEN-10, R-GEN-12, P-35."""
    group = slow.group()

    def described() -> dict[str, Any]:
        answer: dict[str, Any] = slow.personalize.describe_dataset_group(datasetGroupArn=group)
        return answer["datasetGroup"]

    created = described()
    assert created["status"] == "CREATE PENDING"
    assert created["creationDateTime"] == created["lastUpdatedDateTime"]
    clock.advance(15)
    assert described()["status"] == "CREATE IN_PROGRESS"
    clock.advance(30)
    assert described()["status"] == "ACTIVE"
    assert described()["lastUpdatedDateTime"] > created["lastUpdatedDateTime"]


def test_a_group_is_described_while_it_is_deleted(slow: Given, clock: ManualClock) -> None:
    """R-GEN-17, R-GEN-18, R-DSG-5, R-DSG-14, P-78, P-79."""
    group = slow.group()
    clock.advance(3600)
    slow.personalize.delete_dataset_group(datasetGroupArn=group)
    for seconds in (0, 20):
        clock.advance(seconds)
        shown = slow.personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]
        assert shown["status"] == "DELETE PENDING"
    assert refusal(slow.personalize.delete_dataset_group, datasetGroupArn=group)[0] == "ResourceInUseException"
    assert refusal(slow.personalize.create_dataset_group, name="group")[0] == "ResourceAlreadyExistsException"
    clock.advance(60)
    assert refusal(slow.personalize.describe_dataset_group, datasetGroupArn=group) == (
        "ResourceNotFoundException",
        f"Resource Arn {group} does not exist.",
    )


def test_a_group_being_created_cannot_be_deleted(slow: Given) -> None:
    """R-GEN-14, E-30."""
    group = slow.group()
    assert refusal(slow.personalize.delete_dataset_group, datasetGroupArn=group) == (
        "ResourceInUseException",
        f"Resource {group} cannot be deleted in CREATE PENDING state.",
    )


def test_deleting_an_unknown_group_is_refused(given: Given) -> None:
    """P-78, E-32; the text is recorded."""
    group = given.group()
    given.personalize.delete_dataset_group(datasetGroupArn=group)
    for missing in (group, arn("dataset-group", "none")):
        assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=missing) == (
            "ResourceNotFoundException",
            f"The given dataset group does not exist: {missing}",
        )


def test_a_group_with_children_cannot_be_deleted(given: Given) -> None:
    """R-DSG-12."""
    group = given.group()
    dataset = given.dataset(group)
    assert refusal(given.personalize.delete_dataset_group, datasetGroupArn=group) == (
        "ResourceInUseException",
        f"Resource {group} is in use: dataset {dataset}.",
    )
    given.personalize.delete_dataset(datasetArn=dataset)
    given.personalize.delete_dataset_group(datasetGroupArn=group)
    assert given.personalize.list_dataset_groups()["datasetGroups"] == []


def test_an_arn_of_another_type_is_refused_before_existence_is_checked(given: Given) -> None:
    """R-GEN-7."""
    schema = given.schema()
    for wrong in (schema, arn("campaign", "none")):
        assert refusal(given.personalize.describe_dataset_group, datasetGroupArn=wrong) == (
            "InvalidInputException",
            f"Resource Arn {wrong} is not of type dataset-group.",
        )


def test_describe_returns_the_schema_byte_for_byte(given: Given) -> None:
    """R-SCH-3, D-20."""
    text = "  " + INTERACTIONS_SCHEMA.replace(",", " ,\n") + " "
    schema = given.schema(text)
    shown = given.personalize.describe_schema(schemaArn=schema)["schema"]
    assert shown["schema"] == text
    assert shown["creationDateTime"] == shown["lastUpdatedDateTime"]
    assert "status" not in shown
    assert "domain" not in shown


def test_list_schemas_omits_the_schema_texts(given: Given) -> None:
    """R-SCH-4."""
    given.schema(domain="ECOMMERCE")
    (summary,) = given.personalize.list_schemas()["schemas"]
    assert set(summary) == {"name", "schemaArn", "creationDateTime", "lastUpdatedDateTime", "domain"}


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        avro("Interactions"),
        avro("Interactions", field("USER_ID", "uuid")),
        avro("Interactions", field("USER_ID"), field("USER_ID")),
        avro("Interactions", field("USER_ID", ["null"])),
    ],
)
def test_invalid_schemas_are_refused_and_not_stored(personalize: Any, text: str) -> None:
    """D-19, R-SCH-14."""
    code, message = refusal(personalize.create_schema, name="s", schema=text)
    assert code == "InvalidInputException"
    assert message.startswith("Invalid schema: ")
    assert personalize.list_schemas()["schemas"] == []


def test_a_schema_in_use_cannot_be_deleted(given: Given) -> None:
    """R-SCH-6, R-SCH-7, E-24."""
    schema = given.schema()
    first = given.dataset(given.group("one"), schema)
    second = given.dataset(given.group("two"), schema)
    for dataset in (first, second):
        code, _ = refusal(given.personalize.delete_schema, schemaArn=schema)
        assert code == "ResourceInUseException"
        given.personalize.delete_dataset(datasetArn=dataset)
    given.personalize.delete_schema(schemaArn=schema)
    assert given.personalize.list_schemas()["schemas"] == []
