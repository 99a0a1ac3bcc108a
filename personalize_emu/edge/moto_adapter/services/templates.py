"""Templates of stacks: read without running code, and the order in which resources depend on each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import yaml
from moto.cloudformation.exceptions import ValidationError

_SUBSTITUTED = re.compile(r"\$\{([^!][^}]*)\}")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class TemplateLoader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the short forms of functions. Dates stay texts, as CloudFormation reads them."""

    # moto reads templates with a loader that creates any Python object a template names.
    yaml_implicit_resolvers: ClassVar[Any] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: Any, name: str, node: Any) -> dict[str, Any]:
    """`!Ref x` is {"Ref": "x"}, `!Sub x` is {"Fn::Sub": "x"}."""
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


TemplateLoader.add_multi_constructor("!", _short_form)


def parsed_template(text: str) -> dict[str, Any]:
    """The template in a text, JSON or YAML.

    Raises:
        ValidationError: it is neither, or has no resources.
    """
    try:
        template = json.loads(text)
    except ValueError:
        template = _parsed_yaml(text)
    if not isinstance(template, dict):
        raise ValidationError(message="Template format error: unsupported structure.")
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise ValidationError(
                message=f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
            )
    normalised: dict[str, Any] = _with_attribute_lists(template)
    return normalised


def _parsed_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=TemplateLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValidationError(message=f"Template format error: YAML not well-formed.{place}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValidationError(message="Template format error: YAML not well-formed.") from error


def _with_attribute_lists(part: Any) -> Any:
    """`{"Fn::GetAtt": "A.Arn"}` as `{"Fn::GetAtt": ["A", "Arn"]}`, which moto requires."""
    if isinstance(part, dict):
        return {name: _attribute_list(name, value) for name, value in part.items()}
    if isinstance(part, list):
        return [_with_attribute_lists(each) for each in part]
    return part


def _attribute_list(name: str, value: Any) -> Any:
    return value.split(".", 1) if name == "Fn::GetAtt" and isinstance(value, str) else _with_attribute_lists(value)


def references(part: Any) -> Iterator[str]:
    """Names that Ref, Fn::GetAtt and Fn::Sub mention: of resources, parameters and pseudo parameters."""
    if isinstance(part, list):
        for each in part:
            yield from references(each)
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if name == "Ref" and isinstance(value, str):
            yield value
        elif name == "Fn::GetAtt" and isinstance(value, list) and value:
            yield str(value[0])
        elif name == "Fn::Sub":
            text, own = (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (value, {})
            found = _SUBSTITUTED.findall(text) if isinstance(text, str) else []
            yield from (each.split(".")[0].strip() for each in found if each not in own)
            yield from references(own)
        else:
            yield from references(value)


def in_order(template: Mapping[str, Any]) -> list[str]:
    """The names of the resources, each after those that it depends on.

    Raises:
        ValidationError: a name that nothing has, or a circle.
    """
    resources = template["Resources"]
    known = set(resources) | set(template.get("Parameters") or {})
    dependencies: dict[str, list[str]] = {}
    for name, resource in resources.items():
        explicit = resource.get("DependsOn", [])
        named = [*references(resource.get("Properties")), *([explicit] if isinstance(explicit, str) else explicit)]
        unknown = sorted({each for each in named if each not in known and not each.startswith("AWS::")})
        if unknown:
            raise ValidationError(
                message=f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the "
                "Resources block of the template"
            )
        condition = resource.get("Condition")
        if condition is not None and condition not in (template.get("Conditions") or {}):
            raise ValidationError(
                message=f"Template format error: Unresolved condition dependency {condition} in the Resources block of "
                "the template"
            )
        dependencies[name] = [each for each in named if each in resources]
    return _sorted(dependencies)


def _sorted(dependencies: Mapping[str, list[str]]) -> list[str]:
    order: list[str] = []
    remaining = dict(dependencies)
    while remaining:
        free = [name for name, needed in remaining.items() if not any(each in remaining for each in needed)]
        if not free:
            raise ValidationError(message=f"Circular dependency between resources: [{', '.join(remaining)}]")
        order += free
        for name in free:
            del remaining[name]
    return order
