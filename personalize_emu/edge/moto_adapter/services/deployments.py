"""Creation, update and deletion of stacks, with events, failures and rollback as in CloudFormation.

Each is an iterator that yields while a resource is not ready; `Deployment` continues it on the emulator's clock, so
that nothing waits for a clock that a test moves. moto itself does all at once, records no events of resources, and
knows no failures.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends

from personalize_emu.edge.cloudformation.resources import Waits
from personalize_emu.edge.moto_adapter.resetting import using_services_if_free
from personalize_emu.edge.moto_adapter.services.emulators import serving
from personalize_emu.edge.moto_adapter.services.stack_resources import (
    KEPT,
    DeploymentFailed,
    Replaced,
    Undo,
    creating_resource,
    deleting_replaced,
    deleting_resources,
    deployed,
    failure_of,
    is_wanted,
    reason_of,
    resources_of,
    updating_resource,
)
from personalize_emu.edge.moto_adapter.services.templates import in_order, parsed_template
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings

USER = "User Initiated"
REAL_POLL_SECONDS = 5.0
"""Seconds of the emulator's clock between two looks at a resource with pace `real`."""
POLL_SECONDS = 0.05


class Deployment:
    """Continues the steps of one operation on a stack until it has ended, or another operation replaces it."""

    def __init__(self, emulator: Emulator, stack: Any, steps: Waits) -> None:
        self._emulator = emulator
        self._stack = stack
        self._steps = steps
        self.ended = threading.Event()
        stack.deployment = self

    def proceed(self) -> None:
        """Run until the next wait, and come back after it."""
        comes_back = False
        try:
            comes_back = self._comes_back()
        finally:
            if not comes_back:
                self.ended.set()
        if comes_back:
            emulator = self._emulator
            emulator.state.jobs.at(emulator.clock.now() + _poll_seconds(emulator.settings), self.proceed)

    def _comes_back(self) -> bool:
        with using_services_if_free() as free:
            # A reset that is about to happen deletes the stack.
            if not free or self._stack.deployment is not self or self._emulator.state.jobs.closed:
                return False
            with serving(self._emulator):
                return next(self._steps, StopIteration) is not StopIteration


def _poll_seconds(settings: Settings) -> float:
    return REAL_POLL_SECONDS * settings.real_pace_scale if settings.pace == "real" else POLL_SECONDS


def creating(stack: Any, on_failure: str) -> Waits:
    """Create all resources. on_failure: ROLLBACK, DELETE or DO_NOTHING."""
    _enter(stack, "CREATE_IN_PROGRESS", USER)
    error = yield from failure_of(_creating_resources(stack))
    if error is None:
        _enter(stack, "CREATE_COMPLETE")
    else:
        yield from _rolling_back(stack, reason_of(error), on_failure)


def _creating_resources(stack: Any) -> Waits:
    for name in in_order(stack.template_dict):
        yield from creating_resource(stack, name)
    _export(stack)


def _rolling_back(stack: Any, reason: str, on_failure: str) -> Waits:
    if on_failure == "DO_NOTHING":
        _enter(stack, "CREATE_FAILED", reason)
        return
    prefix = "DELETE" if on_failure == "DELETE" else "ROLLBACK"
    _enter(stack, f"{prefix}_IN_PROGRESS", f"{reason} Rollback requested by user.")
    left = yield from deleting_resources(stack, _in_reverse(stack), frozenset({"Retain"}))
    _enter(stack, f"{prefix}_FAILED" if left else f"{prefix}_COMPLETE", _left(left))
    if prefix == "DELETE" and not left:
        _bury(stack)


def deleting(stack: Any) -> Waits:
    """Delete all resources, those first that depend on others, then the stack."""
    _enter(stack, "DELETE_IN_PROGRESS", USER)
    left = yield from deleting_resources(stack, _in_reverse(stack), KEPT)
    _enter(stack, "DELETE_FAILED" if left else "DELETE_COMPLETE", _left(left))
    if not left:
        _bury(stack)


def updating(
    stack: Any, template: str, parameters: Mapping[str, Any], tags: Mapping[str, str], role: str | None
) -> Waits:
    """Make the resources those of another template; on failure, those of the old one again."""
    before = (stack.template, stack.parameters, stack.tags, stack.role_arn)
    resources, definitions = dict(resources_of(stack)), dict(deployed(stack))
    undo: Undo = []
    replaced: Replaced = []
    _enter(stack, "UPDATE_IN_PROGRESS", USER)
    install(stack, template, parameters, tags, role)
    error = yield from failure_of(_updating_resources(stack, undo, replaced))
    if error is not None:
        _enter(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason_of(error))
        reached = {name: resources_of(stack)[name] for name in deployed(stack)}
        # First of all the names, so that what is created again refers to the old resources.
        resources_of(stack).update({name: resources[name] for name in definitions})
        deployed(stack).update(definitions)
        install(stack, *before)
        error = yield from failure_of(_undoing(stack, undo, reached))
        _enter(stack, "UPDATE_ROLLBACK_FAILED" if error else "UPDATE_ROLLBACK_COMPLETE", _reason(error))
        return
    _enter(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    yield from deleting_replaced(stack, replaced)
    wanted = {name for name in stack.template_dict["Resources"] if is_wanted(stack, name)}
    yield from deleting_resources(stack, [name for name in _in_reverse(stack) if name not in wanted], KEPT)
    _enter(stack, "UPDATE_COMPLETE")


def _updating_resources(stack: Any, undo: Undo, replaced: Replaced) -> Waits:
    for name in in_order(stack.template_dict):
        yield from updating_resource(stack, name, undo, replaced)
    _export(stack)


def _undoing(stack: Any, undo: Undo, reached: Mapping[str, Any]) -> Waits:
    for action in reversed(undo):
        yield from action(reached)
    _export(stack)


def install(
    stack: Any, template: str, parameters: Mapping[str, Any], tags: Mapping[str, str], role: str | None
) -> None:
    """Give a stack a template with its parameters; its resources stay as they are.

    Raises:
        ValidationError: the template or the parameters are invalid; the stack has not changed.
    """
    template_dict, existing = parsed_template(template), resources_of(stack)
    in_order(template_dict)
    before = (stack.template_dict, stack.parameters)
    stack.template_dict, stack.parameters = template_dict, dict(parameters)
    try:
        resource_map = stack._create_resource_map()
    except (ValidationError, LookupError, TypeError, ValueError):
        stack.template_dict, stack.parameters = before
        raise
    resource_map._parsed_resources.update({name: existing[name] for name in deployed(stack)})
    stack.template, stack.tags, stack.role_arn, stack.resource_map = template, tags, role, resource_map
    stack.description = template_dict.get("Description")
    stack.output_map = stack._create_output_map()


def _in_reverse(stack: Any) -> list[str]:
    """Names of existing resources, each before those that it depends on; first those that the template lacks."""
    order = {name: place for place, name in enumerate(in_order(stack.template_dict))}
    newest_first = list(deployed(stack))[::-1]
    return sorted(newest_first, key=lambda name: -order.get(name, len(order)))


def _export(stack: Any) -> None:
    """Publish the exports of a stack whose resources are complete, and make its outputs anew.

    Raises:
        DeploymentFailed: another stack has an export of the same name.
    """
    stack.output_map = stack._create_output_map()
    exports = {export.name: export for export in stack.output_map.exports}
    published = cloudformation_backends[stack.account_id][stack.region_name].exports
    taken = [name for name in exports if name in published and published[name].exporting_stack_id != stack.stack_id]
    if taken:
        raise DeploymentFailed(f"Export with name {taken[0]} is already exported by another stack.")
    _withdraw_exports(stack, published)
    published.update(exports)


def _withdraw_exports(stack: Any, published: dict[str, Any]) -> None:
    for name in [name for name, each in published.items() if each.exporting_stack_id == stack.stack_id]:
        del published[name]


def _bury(stack: Any) -> None:
    """Move a deleted stack to those that only its id finds."""
    backend = cloudformation_backends[stack.account_id][stack.region_name]
    if backend.stacks.pop(stack.stack_id, None) is not None:
        backend.deleted_stacks[stack.stack_id] = stack
    _withdraw_exports(stack, backend.exports)


def _reason(error: Exception | None) -> str | None:
    return None if error is None else reason_of(error)


def _left(names: list[str]) -> str | None:
    return f"The following resource(s) failed to delete: [{', '.join(names)}]." if names else None


def _enter(stack: Any, status: str, reason: str | None = None) -> None:
    """Give a stack a status, with an event."""
    stack.status = status
    stack.stack_status_reason = reason
    stack._add_stack_event(status, resource_status_reason=reason)
