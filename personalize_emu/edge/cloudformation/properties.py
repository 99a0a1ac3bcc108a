"""Properties of a template as parameters of an operation: names, scalar types, and what the schema of a type refuses.

CloudFormation accepts a scalar of another type if its text fits: parameters of templates are always texts, and YAML
makes numbers of texts. Everything else the operation checks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from personalize_emu.edge.cloudformation.resource_types import IMPORT_JOB, ResourceType
from personalize_emu.wire.models import operations, wire_name

_JSON_NAMES: Mapping[type, str] = {
    dict: "JSONObject",
    list: "JSONArray",
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Number",
}
_TRUTH = {"true": True, "false": False}
_IMPORT_JOB_PROPERTIES = frozenset({"DatasetArn", "DatasetImportJobArn", "DataSource", "JobName", "RoleArn"})
_READ_ONLY_OF_JOB = ("DatasetArn", "DatasetImportJobArn")


class InvalidProperties(Exception):
    """The properties do not fit the schema of the type; the text names the place as CloudFormation does."""


def creation_params(kind: ResourceType, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the Create operation, without tags, and without the import job of a dataset.

    Raises:
        InvalidProperties: a property is missing, unknown, or of another type.
    """
    for name in kind.required:
        if properties.get(name) is None:
            raise InvalidProperties(f"#: required key [{name}] not found")
    for name in properties:
        if name not in kind.properties:
            raise InvalidProperties(f"#: extraneous key [{name}] is not permitted")
    sent = {name: value for name, value in properties.items() if name not in (IMPORT_JOB, "Tags")}
    shape = operations()[f"Create{kind.word}"].input_shape
    assert shape is not None, "every Create operation has parameters"
    params: dict[str, Any] = _structure(shape, sent, "#", kind.withheld)
    return params


def import_params(properties: Mapping[str, Any], dataset_arn: str) -> dict[str, Any] | None:
    """The parameters of the import job that a dataset has as a property; None without one.

    Raises:
        InvalidProperties: as `creation_params`.
    """
    job = properties.get(IMPORT_JOB)
    if job is None:
        return None
    place = f"#/{IMPORT_JOB}"
    if not isinstance(job, dict):
        raise _unfit(place, "JSONObject", job)
    for name in job:
        if name not in _IMPORT_JOB_PROPERTIES:
            raise InvalidProperties(f"{place}: extraneous key [{name}] is not permitted")
    shape = operations()["CreateDatasetImportJob"].input_shape
    assert shape is not None, "the operation has parameters"
    sent = {name: value for name, value in job.items() if name not in _READ_ONLY_OF_JOB}
    return {**_structure(shape, sent, place, frozenset()), "datasetArn": dataset_arn}


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The property Tags as key -> value.

    Raises:
        InvalidProperties: not a list of objects with Key and Value.
    """
    tags = properties.get("Tags") or []
    if not isinstance(tags, list):
        raise _unfit("#/Tags", "JSONArray", tags)
    found = {}
    for place, tag in enumerate(tags):
        if not isinstance(tag, dict) or set(tag) != {"Key", "Value"}:
            raise InvalidProperties(f"#/Tags/{place}: required keys [Key, Value], and no others")
        found[str(tag["Key"])] = str(tag["Value"])
    return found


def _converted(shape: Shape, value: Any, place: str, withheld: frozenset[str]) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, place, withheld)
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _unfit(place, "JSONObject", value)
        return {key: _converted(shape.value, each, f"{place}/{key}", withheld) for key, each in value.items()}
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _unfit(place, "JSONArray", value)
        return [_converted(shape.member, each, f"{place}/{number}", withheld) for number, each in enumerate(value)]
    name, convert = _SCALARS[shape.type_name]
    try:
        return convert(value)
    except (ValueError, TypeError, KeyError):
        raise _unfit(place, name, value) from None


def _structure(shape: StructureShape, value: Any, place: str, withheld: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unfit(place, "JSONObject", value)
    members = {name.lower(): (wire_name(name, each), each) for name, each in shape.members.items()}
    params = {}
    for name, given in value.items():
        inner = f"{place}/{name}"
        if name.lower() not in members or inner.removeprefix("#/") in withheld or name[0].islower():
            raise InvalidProperties(f"{place}: extraneous key [{name}] is not permitted")
        wire, member_shape = members[name.lower()]
        params[wire] = _converted(member_shape, given, inner, withheld)
    return params


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUTH[str(value).lower()]


_SCALARS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "string": ("String", _text),
    "integer": ("Integer", _integer),
    "long": ("Integer", _integer),
    "float": ("Number", _number),
    "double": ("Number", _number),
    "boolean": ("Boolean", _boolean),
}


def _unfit(place: str, wanted: str, value: Any) -> InvalidProperties:
    return InvalidProperties(f"{place}: expected type: {wanted}, found: {_JSON_NAMES.get(type(value), 'Null')}")
