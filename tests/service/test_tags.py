"""Tags through boto3 (spec 02 R-TAG)."""

from __future__ import annotations

from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.given import Given, arn
from tests.refusals import refusal


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"tagKey": key, "tagValue": value} for key, value in pairs.items()]


def shown(personalize: Any, resource: str) -> dict[str, str]:
    answer = personalize.list_tags_for_resource(resourceArn=resource)["tags"]
    return {tag["tagKey"]: tag["tagValue"] for tag in answer}


def test_tags_are_given_at_creation_replaced_and_removed(given: Given) -> None:
    """R-TAG-2, R-TAG-7, R-TAG-8, R-TAG-9, P-33."""
    group = given.group(tags=tags(team="blue", stage=""))
    assert shown(given.personalize, group) == {"team": "blue", "stage": ""}
    given.personalize.tag_resource(resourceArn=group, tags=tags(team="red", owner="me"))
    given.personalize.untag_resource(resourceArn=group, tagKeys=["stage", "never"])
    assert shown(given.personalize, group) == {"team": "red", "owner": "me"}


def test_resources_without_tags_list_none(given: Given) -> None:
    """R-TAG-9."""
    assert given.personalize.list_tags_for_resource(resourceArn=given.group())["tags"] == []


def test_tags_are_not_described_and_are_deleted_with_the_resource(given: Given) -> None:
    """R-TAG-10, R-TAG-11."""
    group = given.group(tags=tags(team="blue"))
    before = given.personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]
    assert "tags" not in before
    given.personalize.tag_resource(resourceArn=group, tags=tags(a="b"))
    assert given.personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"] == before
    given.personalize.delete_dataset_group(datasetGroupArn=group)
    assert shown(given.personalize, given.group()) == {}


@pytest.mark.parametrize("reserved", [{"aws:x": "y"}, {"AWS:x": "y"}, {"x": "Aws:y"}])
def test_the_reserved_prefix_is_refused(given: Given, reserved: dict[str, str]) -> None:
    """R-TAG-6, E-30."""
    expected = ("InvalidInputException", "Tag keys and values cannot start with aws:.")
    assert refusal(given.personalize.create_dataset_group, name="g", tags=tags(**reserved)) == expected
    group = given.group()
    assert refusal(given.personalize.tag_resource, resourceArn=group, tags=tags(**reserved)) == expected


def test_a_key_twice_in_a_request_is_refused(given: Given) -> None:
    """R-TAG-7."""
    twice = tags(a="1") + tags(a="2")
    code, _ = refusal(given.personalize.tag_resource, resourceArn=given.group(), tags=twice)
    assert code == "InvalidInputException"


def test_a_resource_has_at_most_50_tags(given: Given) -> None:
    """R-TAG-3, Q-61."""
    many = tags(**{f"k{number}": "" for number in range(51)})
    code, _ = refusal(given.personalize.create_dataset_group, name="g", tags=many)
    assert code == "TooManyTagsException"
    group = given.group(tags=many[:50])
    code, _ = refusal(given.personalize.tag_resource, resourceArn=group, tags=tags(more=""))
    assert code == "TooManyTagsException"
    given.personalize.tag_resource(resourceArn=group, tags=tags(k0="again"))


def test_at_most_50_tags_are_removed_in_one_request(given: Given) -> None:
    """R-TAG-4, Q-62."""
    keys = [f"k{number}" for number in range(51)]
    code, _ = refusal(given.personalize.untag_resource, resourceArn=given.group(), tagKeys=keys)
    assert code == "TooManyTagKeysException"


def test_untaggable_types_and_unknown_resources(given: Given) -> None:
    """R-TAG-1, R-TAG-10, R-SCH-10."""
    call = given.personalize.list_tags_for_resource
    assert refusal(call, resourceArn=given.schema())[0] == "InvalidInputException"
    assert refusal(call, resourceArn="arn:aws:personalize:::recipe/aws-sims")[0] == "InvalidInputException"
    assert refusal(call, resourceArn=arn("campaign", "none"))[0] == "ResourceNotFoundException"


def test_tags_of_solution_versions(given: Given) -> None:
    """R-TAG-1, R-SV-17."""
    version = given.version(tags=tags(run="7"))
    assert shown(given.personalize, version) == {"run": "7"}


def test_a_resource_in_deletion_is_not_tagged(slow: Given, clock: ManualClock) -> None:
    """R-TAG-11."""
    group = slow.group()
    clock.advance(60)
    slow.personalize.delete_dataset_group(datasetGroupArn=group)
    code, _ = refusal(slow.personalize.tag_resource, resourceArn=group, tags=tags(a="b"))
    assert code == "ResourceInUseException"
