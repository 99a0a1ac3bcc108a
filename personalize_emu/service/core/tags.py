"""Tags of resources (R-TAG). They are never part of Describe or List answers (R-TAG-10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.service.core.context import Context, Params
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.lifecycle import DELETING
from personalize_emu.state.resources import RESOURCE_TYPES, Resource, Stateful
from personalize_emu.wire.errors import (
    InvalidInputException,
    ResourceInUseException,
    ResourceNotFoundException,
    TooManyTagKeysException,
    TooManyTagsException,
)

MOST_TAGS = 50
_TOO_MANY_TAGS = "You have exceeded the maximum number of tags you can apply to this resource."
_TOO_MANY_KEYS = (
    "The request contains more tag keys than can be associated with a resource (50 tag keys per resource)."
)

Tags = Sequence[Mapping[str, str]]


def checked_tags(params: Params) -> Tags:
    """The tags of a Create or TagResource request.

    Raises:
        TooManyTagsException: more than 50 (R-TAG-3).
        InvalidInputException: a reserved prefix, or a key twice (R-TAG-6, R-TAG-7).
    """
    tags: Tags = params.get("tags", ())
    keys = [tag["tagKey"] for tag in tags]
    if any(text.lower().startswith("aws:") for tag in tags for text in tag.values()):
        raise InvalidInputException("Tag keys and values cannot start with aws:.")
    if len(set(keys)) < len(keys):
        raise InvalidInputException("A tag key may occur only once in a request.")
    if len(tags) > MOST_TAGS:
        raise TooManyTagsException(_TOO_MANY_TAGS)
    return tags


def tag_resource(context: Context, params: Params) -> dict[str, Any]:
    record = _taggable(context, params["resourceArn"])
    given = {tag["tagKey"]: tag["tagValue"] for tag in checked_tags(params)}
    tags = context.state.store.tags(record.arn) | given
    if len(tags) > MOST_TAGS:
        raise TooManyTagsException(_TOO_MANY_TAGS)
    _refuse_in_deletion(record)
    context.state.store.set_tags(record.arn, tags)
    return {}


def untag_resource(context: Context, params: Params) -> dict[str, Any]:
    record = _taggable(context, params["resourceArn"])
    if len(params["tagKeys"]) > MOST_TAGS:
        raise TooManyTagKeysException(_TOO_MANY_KEYS)
    _refuse_in_deletion(record)
    unwanted = set(params["tagKeys"])
    tags = context.state.store.tags(record.arn)
    context.state.store.set_tags(record.arn, {k: v for k, v in tags.items() if k not in unwanted})
    return {}


def list_tags_for_resource(context: Context, params: Params) -> dict[str, Any]:
    record = _taggable(context, params["resourceArn"])
    tags = context.state.store.tags(record.arn)
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def _taggable(context: Context, arn: str) -> Resource:
    parsed = parse_arn(arn)
    word = parsed.resource_type if parsed else ""
    kinds = [kind for kind in RESOURCE_TYPES if kind.taggable and kind.type_word == word]
    if not kinds:
        raise InvalidInputException(f"Resource Arn {arn} is not of a taggable type.")
    for kind in kinds:
        record = context.find(kind, arn)
        if record is not None:
            return record
    raise ResourceNotFoundException(f"Resource Arn {arn} does not exist.")


def _refuse_in_deletion(record: Resource) -> None:
    if isinstance(record, Stateful) and record.status in DELETING:
        raise ResourceInUseException(f"Resource {record.arn} is in {record.status} state.")
