"""Resources of a stack one by one: created, changed, replaced and deleted, each step with its events.

What takes time is an iterator that yields while a resource is not ready. The definitions of existing resources, with
all functions resolved, are kept on the stack in order of creation (`deployed`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource

from personalize_emu.edge.cloudformation.properties import InvalidProperties
from personalize_emu.edge.cloudformation.resources import HandlerFailed, Waits
from personalize_emu.edge.moto_adapter.services.resource_models import PersonalizeResource

KEPT = frozenset({"Retain", "RetainExceptOnCreate"})
"""Deletion policies under which a resource outlives its stack."""
Undo = list[Callable[[Mapping[str, Any]], Waits]]
"""What makes changes undone, given the resources by name that the update had got to."""
Replaced = list[tuple[str, Any, Mapping[str, Any]]]
"""Names, resources and definitions of what a replacement has left to be deleted."""

_log = logging.getLogger("personalize_emu.services")


class DeploymentFailed(Exception):
    """A resource failed, and its event says why. The text is the reason for the stack."""


def failure_of(steps: Waits) -> Generator[None, None, Exception | None]:
    """Run steps and return what they raised. moto's resources raise anything for properties they do not expect."""
    try:
        yield from steps
    except Exception as error:  # noqa: BLE001
        return error
    return None


def reason_of(error: Exception) -> str:
    """Why a resource has failed, as its event says it."""
    if isinstance(error, InvalidProperties):
        return f"Properties validation failed for resource with message:\n[{error}]"
    if isinstance(error, DeploymentFailed | HandlerFailed):
        return str(error)
    message = getattr(error, "message", None)
    if type(error).__module__.startswith("moto.") and isinstance(message, str):
        return message
    _log.warning("a resource of a stack failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


def deployed(stack: Any) -> dict[str, Any]:
    """Resolved definitions of the resources that exist, by name, in order of creation."""
    found: dict[str, Any] = vars(stack).setdefault("deployed_definitions", {})
    return found


def resources_of(stack: Any) -> dict[str, Any]:
    """moto's objects by name: resources that exist, parameters and pseudo parameters."""
    found: dict[str, Any] = stack.resource_map._parsed_resources
    return found


def is_wanted(stack: Any, name: str) -> bool:
    """Whether the condition of a resource holds."""
    condition = stack.template_dict["Resources"][name].get("Condition")
    return not condition or bool(stack.resource_map.lazy_condition_map[condition])


def creating_resource(stack: Any, name: str) -> Waits:
    """Create a resource whose dependencies exist.

    Raises:
        DeploymentFailed: it failed.
    """
    if not is_wanted(stack, name):
        return
    kind = stack.template_dict["Resources"][name]["Type"]
    _event(stack, name, kind, "CREATE_IN_PROGRESS")
    error = yield from failure_of(_making(stack, name))
    if error is not None:
        _event(stack, name, kind, "CREATE_FAILED", reason_of(error))
        raise DeploymentFailed(f"The following resource(s) failed to create: [{name}].") from error
    _event(stack, name, kind, "CREATE_COMPLETE")


def updating_resource(stack: Any, name: str, undo: Undo, replaced: Replaced) -> Waits:
    """Make a resource the one that the stack's template defines.

    undo: gets how to make it what it was. replaced: gets the resource that another one has replaced.

    Raises:
        DeploymentFailed: it failed.
    """
    if not is_wanted(stack, name):
        return
    old = deployed(stack).get(name)
    if old is None:
        undo.append(lambda _: _undoing_creation(stack, name))
        yield from creating_resource(stack, name)
        return
    error = yield from failure_of(_updating(stack, name, old, undo, replaced))
    if error is not None:
        _event(stack, name, old["Type"], "UPDATE_FAILED", reason_of(error))
        raise DeploymentFailed(f"The following resource(s) failed to update: [{name}].") from error


def deleting_resources(stack: Any, names: Sequence[str], kept: frozenset[str]) -> Generator[None, None, list[str]]:
    """Delete resources; those that fail are tried again while others could be deleted. Returns what is left.

    kept: deletion policies of resources that only leave the stack.
    """
    remaining = list(names)
    while remaining:
        failed = []
        for name in remaining:
            if deployed(stack)[name]["DeletionPolicy"] in kept:
                _event(stack, name, deployed(stack)[name]["Type"], "DELETE_SKIPPED")
                _forget(stack, name)
            elif not (yield from _deleted(stack, name, resources_of(stack).get(name), deployed(stack)[name])):
                failed.append(name)
            else:
                _forget(stack, name)
        if len(failed) == len(remaining):
            return failed
        remaining = failed
    return []


def deleting_replaced(stack: Any, replaced: Replaced) -> Waits:
    """Delete what has been replaced. The stack has its successor, so a failure only becomes an event."""
    for name, resource, definition in reversed(replaced):
        yield from _deleted(stack, name, resource, definition)


def _making(stack: Any, name: str) -> Waits:
    """Create a resource and wait until it is ready."""
    definition = _resolved(stack, name)
    raw = deepcopy(stack.template_dict["Resources"][name])
    account, region = stack.account_id, stack.region_name
    resource = parsing.parse_and_create_resource(name, raw, stack.resource_map, account, region)
    resources_of(stack)[name] = resource
    deployed(stack)[name] = definition
    if isinstance(resource, TaggedEC2Resource):
        own = {"stack-name": stack.name, "stack-id": stack.stack_id, "logical-id": name}
        tags = {**stack.tags, **{f"aws:cloudformation:{key}": value for key, value in own.items()}}
        ec2_backends[account][region].create_tags([resource.physical_resource_id], tags)
    yield from _becoming_ready(resource)


def _becoming_ready(resource: Any) -> Waits:
    if isinstance(resource, PersonalizeResource):
        yield from resource.managed.becoming_ready()
        return
    yield from _waiting_for_nested(resource)
    if hasattr(resource, "deployment") and resource.status != "CREATE_COMPLETE":
        raise HandlerFailed(f"Embedded stack {resource.stack_id} was not successfully created: {resource.status}")
    while not resource.is_created():
        yield


def _waiting_for_nested(resource: Any) -> Waits:
    """Wait for the end of what happens to a nested stack."""
    nested = getattr(resource, "deployment", None)
    while nested is not None and not nested.ended.is_set():
        yield


def _resolved(stack: Any, name: str) -> dict[str, Any]:
    definition = deepcopy(stack.template_dict["Resources"][name])
    properties = parsing.clean_json(definition.get("Properties") or {}, stack.resource_map)
    return {"Type": definition["Type"], "Properties": properties, "DeletionPolicy": definition.get("DeletionPolicy")}


def _updating(stack: Any, name: str, old: Mapping[str, Any], undo: Undo, replaced: Replaced) -> Waits:
    new = _resolved(stack, name)
    if (new["Type"], new["Properties"]) == (old["Type"], old["Properties"]):
        deployed(stack)[name] = new
        return
    _event(stack, name, old["Type"], "UPDATE_IN_PROGRESS")
    if _is_replaced(resources_of(stack)[name], old, new):
        yield from _replacing(stack, name, undo, replaced)
    else:
        undo.append(lambda reached: _changing_back(stack, name, reached[name], old))
        yield from _changing(stack, name, new, imports=True)
    _event(stack, name, new["Type"], "UPDATE_COMPLETE")


def _is_replaced(resource: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old["Type"] != new["Type"]:
        return True
    if isinstance(resource, PersonalizeResource):
        return resource.kind.is_replaced_by(resource.managed.changed(new["Properties"]))
    if hasattr(type(resource).update_from_cloudformation_json, "__isabstractmethod__"):
        raise HandlerFailed(f"personalize-emu does not change resources of type {new['Type']}")
    return False


def _changing(stack: Any, name: str, definition: Mapping[str, Any], *, imports: bool) -> Waits:
    """Change a resource in place to another definition. imports: see `ManagedResource.updating`."""
    resource = resources_of(stack)[name]
    if isinstance(resource, PersonalizeResource):
        yield from resource.managed.updating(definition["Properties"], imports=imports)
    else:
        given = deepcopy(dict(definition))
        account, region = stack.account_id, stack.region_name
        changed = parsing.parse_and_update_resource(name, given, stack.resource_map, account, region)
        resources_of(stack)[name] = changed
        yield from _becoming_ready(changed)
    deployed(stack)[name] = definition


def _replacing(stack: Any, name: str, undo: Undo, replaced: Replaced) -> Waits:
    """Create the new resource; the old one is deleted after the update, or first if the type demands it."""
    old, definition = resources_of(stack)[name], deployed(stack)[name]
    if isinstance(old, PersonalizeResource) and old.kind.delete_first:
        undo.append(lambda reached: _recreating(stack, name, old, reached.get(name)))
        yield from _removing(stack, name)
        yield from _making(stack, name)
        return
    undo.append(lambda reached: _deleting_successor(stack, name, old, reached.get(name)))
    yield from _making(stack, name)
    replaced.append((name, old, definition))


def _changing_back(stack: Any, name: str, resource: Any, definition: Mapping[str, Any]) -> Waits:
    resources_of(stack)[name] = resource
    yield from _changing(stack, name, definition, imports=False)


def _deleting_successor(stack: Any, name: str, old: Any, reached: Any) -> Waits:
    """Delete the new resource of a replacement; the old one still exists."""
    if reached is not None and reached is not old:
        yield from _deleted(stack, name, reached, deployed(stack)[name])


def _recreating(stack: Any, name: str, old: Any, reached: Any) -> Waits:
    """Create a resource again that was deleted for its successor."""
    if reached is old:
        return
    yield from _deleting_successor(stack, name, old, reached)
    _forget(stack, name)
    yield from creating_resource(stack, name)


def _undoing_creation(stack: Any, name: str) -> Waits:
    if name in deployed(stack):
        yield from deleting_resources(stack, [name], frozenset())


def _removing(stack: Any, name: str) -> Waits:
    yield from _deleting(stack, resources_of(stack).get(name), deployed(stack)[name])
    _forget(stack, name)


def _forget(stack: Any, name: str) -> None:
    resources_of(stack).pop(name, None)
    deployed(stack).pop(name, None)


def _deleted(stack: Any, name: str, resource: Any, definition: Mapping[str, Any]) -> Generator[None, None, bool]:
    """Delete a resource and say whether that went well."""
    kind, physical_id = definition["Type"], _physical_id(resource)
    _event(stack, name, kind, "DELETE_IN_PROGRESS", physical_id=physical_id)
    error = yield from failure_of(_deleting(stack, resource, definition))
    reason = None if error is None else reason_of(error)
    _event(stack, name, kind, "DELETE_FAILED" if error else "DELETE_COMPLETE", reason, physical_id=physical_id)
    return error is None


def _deleting(stack: Any, resource: Any, definition: Mapping[str, Any]) -> Waits:
    if isinstance(resource, PersonalizeResource):
        yield from resource.managed.deleting()
    elif resource is not None:
        stack.resource_map._delete_resource(resource, deepcopy(dict(definition)))
        yield from _waiting_for_nested(resource)


def _event(
    stack: Any, name: str, kind: str, status: str, reason: str | None = None, *, physical_id: str | None = None
) -> None:
    if physical_id is None:
        physical_id = _physical_id(resources_of(stack).get(name))
    event = Event(stack.stack_id, stack.name, name, physical_id, kind, status, reason, None)
    event.sendToSns(stack.account_id, stack.region_name, stack.notification_arns)
    stack.events.append(event)


def _physical_id(resource: Any) -> str:
    return str(getattr(resource, "physical_resource_id", "") or "")
