"""Stacks of the embedded CloudFormation: what is replaced in moto, while an emulator is in use.

moto creates resources whenever something mentions them, even a Describe, skips types that it does not know, has no
failures, and reads templates with a YAML loader that runs code. Here `deployments` does the work.
"""

from __future__ import annotations

import threading
import time
from functools import cache
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_stack_id, get_stack_from_s3_url
from moto.ssm.models import ssm_backends

from personalize_emu.edge.moto_adapter.resetting import is_resetting
from personalize_emu.edge.moto_adapter.services.deployments import Deployment, creating, deleting, install, updating
from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use
from personalize_emu.edge.moto_adapter.services.extensions import replace_while_in_use
from personalize_emu.edge.moto_adapter.services.resource_models import class_of
from personalize_emu.edge.moto_adapter.services.stack_resources import deployed, resources_of
from personalize_emu.edge.moto_adapter.services.templates import TemplateLoader, in_order, parsed_template
from personalize_emu.state.clock import SystemClock

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/"
"""Prefix of the parameters with the version of a bootstrapped environment, which every template of CDK demands."""
BOOTSTRAP_VERSION = "1000"
FAST_PATIENCE_SECONDS = 10.0
"""With pace `fast`, a call returns when the stack is complete, or after this time."""
_SHOWS_OUTPUTS = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@cache
def extend() -> None:
    """Replace moto's handling of stacks. Applied once per process."""
    _read_templates_safely()
    ours = (
        (parsing, "resource_class_from_type", _resource_class),
        (ResourceMap, "__getitem__", _existing_resource),
        (ResourceMap, "parse_ssm_parameter", _ssm_parameter),
        (Stack, "create_resources", _create_resources),
        (Stack, "verify_readiness", _nothing),
        (Stack, "outputs", _outputs),
        (Stack, "exports", _exports),
        (Stack, "stack_resources", _stack_resources),
        (Stack, "parse_template", parsed_template),
        (Stack, "stack_parameters", _given_parameters),
        (Stack, "has_parameters", _has_parameters),
        (ChangeSet, "_parse_template", _parse_change_set),
        (CloudFormationBackend, "create_stack", _create_stack),
        (CloudFormationBackend, "update_stack", _update_stack),
        (CloudFormationBackend, "delete_stack", _delete_stack),
        (CloudFormationBackend, "execute_change_set", _execute_change_set),
        (CloudFormationResponse, "_validate_different_update", _refuse_equal_update),
    )
    originals = {name: getattr(owner, name) for owner, name, _ in ours}
    _ORIGINALS.update(originals)
    for owner, name, function in ours:
        replace_while_in_use(owner, name, function)
    for name in ("create_stack", "update_stack", "delete_stack", "execute_change_set"):
        replace_while_in_use(CloudFormationResponse, name, _waiting(getattr(CloudFormationResponse, name)))


_ORIGINALS: dict[str, Any] = {}


class _Request(threading.local):
    """What moto does not pass on of the request that a thread processes."""

    on_failure = "ROLLBACK"


_request = _Request()


def _read_templates_safely() -> None:
    """For everybody in this process: no template creates Python objects, and addresses of this machine have buckets."""
    import yaml

    errors = {"ParserError": yaml.parser.ParserError, "ScannerError": yaml.scanner.ScannerError}
    reader = SimpleNamespace(
        Loader=TemplateLoader,
        load=lambda text, Loader: yaml.load(text, Loader=TemplateLoader),  # noqa: N803, ARG005
        add_multi_constructor=lambda *_: None,
        parser=yaml.parser,
        scanner=yaml.scanner,
        **errors,
    )
    for module in (models, responses):
        vars(module).update(yaml=reader, get_stack_from_s3_url=_template_in_bucket)


def _template_in_bucket(template_url: str, account_id: str, partition: str) -> str:
    """moto takes the first part of a host name as bucket, also of 127.0.0.1."""
    parts = urlsplit(template_url)
    if _is_address(parts.hostname or ""):
        template_url = parts._replace(netloc="localhost").geturl()
    text: str = get_stack_from_s3_url(template_url, account_id=account_id, partition=partition)
    return text


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return "." not in host
    return True


def _resource_class(resource_type: str) -> Any:
    if resource_type.startswith("Custom::"):
        return CustomModel
    return class_of(resource_type, parsing.get_model_map())


def _existing_resource(resources: Any, name: str) -> Any:
    """The resource of a name; None if it does not exist (yet). Nothing is created."""
    if name in resources._parsed_resources:
        return resources._parsed_resources[name]
    if name not in resources._resource_json_map:
        raise KeyError(name)
    return None


def _ssm_parameter(resources: Any, value: str, value_type: str) -> Any:
    """The value of a parameter in the parameter store; every environment counts as bootstrapped by CDK."""
    found = ssm_backends[resources._account_id][resources._region_name].get_parameter(value)
    if found is not None:
        return found.value.split(",") if "List" in value_type else found.value
    if value.startswith(BOOTSTRAP_PARAMETER):
        return BOOTSTRAP_VERSION
    raise ValidationError(message=f"Unable to fetch parameters [{value}] from parameter store for this account.")


def _parse_change_set(change_set: Any) -> None:
    change_set.template_dict = parsed_template(change_set.template)


def _nothing(_stack: Any) -> None:
    """Deployments look for themselves whether a custom resource is ready."""


def _outputs(stack: Any) -> Any:
    return _ORIGINALS["outputs"].fget(stack) if stack.status.startswith(_SHOWS_OUTPUTS) else None


def _exports(stack: Any) -> Any:
    return _ORIGINALS["exports"].fget(stack) if stack.status.startswith(_SHOWS_OUTPUTS) else []


def _stack_resources(stack: Any) -> list[Any]:
    return [resources_of(stack)[name] for name in deployed(stack)]


def _create_resources(stack: Any) -> None:
    """For stacks without a name, which stack sets make."""
    _begin(stack, creating(stack, "ROLLBACK"))


def _create_stack(backend: Any, name: str, template: str, parameters: dict[str, Any], *args: Any, **named: Any) -> Any:
    if any(stack.name == name for stack in backend.stacks.values()):
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    template_dict = parsed_template(template)
    in_order(template_dict)
    stack_id = generate_stack_id(name, backend.region_name, backend.account_id)
    named["cross_stack_resources"] = backend.exports
    make: Any = Stack
    stack = make(stack_id, name, template, parameters, backend.account_id, backend.region_name, *args, **named)
    backend.stacks[stack_id] = stack
    stack.disable_rollback = _request.on_failure == "DO_NOTHING"
    _begin(stack, creating(stack, _request.on_failure))
    return stack


def _update_stack(
    backend: Any, name: str, template: str, role_arn: str | None, parameters: list[dict[str, Any]], tags: Any
) -> Any:
    stack = backend.get_stack(name)
    _refuse_in_progress(stack)
    given = {each["ParameterKey"]: each["ParameterValue"] for each in parameters if "ParameterValue" in each}
    kept = {each["ParameterKey"] for each in parameters if each.get("UsePreviousValue")}
    previous = {name: value for name, value in _given_parameters(stack).items() if name in kept}
    _begin_update(stack, template, {**previous, **given}, role_arn, tags)
    return stack


def _begin_update(stack: Any, template: str, parameters: dict[str, Any], role: str | None, tags: Any) -> None:
    """Start an update whose template and parameters are valid; raises ValidationError for others."""
    before = (stack.template, stack.parameters, stack.tags, stack.role_arn)
    install(stack, template, parameters, stack.tags, stack.role_arn)
    install(stack, *before)
    _begin(stack, updating(stack, template, parameters, tags or stack.tags, role or stack.role_arn))


def _delete_stack(backend: Any, name_or_stack_id: str) -> None:
    for stack in list(backend.stacks.values()):
        if name_or_stack_id in (stack.stack_id, stack.name):
            _begin(stack, deleting(stack))


def _execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = _change_set(backend, change_set_name, stack_name)
    stack = backend.stacks[change_set.stack_id]
    _refuse_in_progress(stack)
    if change_set.execution_status != "AVAILABLE":
        raise ValidationError(
            message=f"ChangeSet [{change_set_name}] cannot be executed in its current execution status."
        )
    tags = change_set.tags or None
    if change_set.change_set_type == "CREATE":
        install(stack, change_set.template, change_set.parameters, tags or stack.tags, change_set.role_arn)
        _begin(stack, creating(stack, "ROLLBACK"))
    else:
        _begin_update(stack, change_set.template, change_set.parameters, change_set.role_arn, tags)
    change_set.execution_status = "EXECUTE_COMPLETE"


def _change_set(backend: Any, name: str, stack_name: str | None) -> Any:
    for change_set in reversed(list(backend.change_sets.values())):
        of_stack = stack_name in (None, change_set.stack_name, change_set.stack_id)
        if name == change_set.change_set_id or (name == change_set.change_set_name and of_stack):
            return change_set
    raise ValidationError(message=f"ChangeSet [{name}] does not exist")


def _refuse_in_progress(stack: Any) -> None:
    if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _given_parameters(stack: Any) -> dict[str, Any]:
    """Parameters as given, or else by default; moto has the values of the parameter store that they name, and lists."""
    return _with_defaults(stack, stack.parameters)


def _with_defaults(stack: Any, given: dict[str, Any]) -> dict[str, Any]:
    defined = stack.template_dict.get("Parameters") or {}
    return {name: given.get(name, facts.get("Default")) for name, facts in defined.items()}


def _has_parameters(stack: Any, others: dict[str, Any]) -> bool:
    return _given_parameters(stack) == _with_defaults(stack, others)


def _refuse_equal_update(response: Any, incoming: Any, template: str, stack: Any) -> None:
    """A change set without changes is made and has failed, which is what the AWS CLI looks for."""
    if response._get_action() == "CreateChangeSet" or response._get_param("Tags"):
        return
    given = response._get_param_values(incoming or [], _given_parameters(stack))
    if stack.template == template and _has_parameters(stack, given):
        raise ValidationError(message="No updates are to be performed.")


def _begin(stack: Any, steps: Any) -> None:
    emulator = emulator_in_use()
    assert emulator is not None, "replaced functions run while an emulator is in use"
    Deployment(emulator, stack, steps).proceed()


def _waiting(original: Any) -> Any:
    """A handler of a request that returns when the stack is complete, unless that takes long."""

    def handler(response: Any) -> Any:
        name = response._get_param("StackName")
        disabled = str(response._get_param("DisableRollback", "")).lower() == "true"
        _request.on_failure = response._get_param("OnFailure") or ("DO_NOTHING" if disabled else "ROLLBACK")
        backend = response.cloudformation_backend
        found = [stack for stack in backend.stacks.values() if name in (stack.name, stack.stack_id)]
        answer = original(response)
        found += [stack for stack in backend.stacks.values() if name in (stack.name, stack.stack_id)]
        for stack in found:
            _wait(getattr(stack, "deployment", None))
        return answer

    return handler


def _wait(deployment: Any) -> None:
    emulator = emulator_in_use()
    if deployment is None or emulator is None or not isinstance(emulator.clock, SystemClock):
        return
    patience = {"instant": emulator.settings.instant_timeout, "fast": FAST_PATIENCE_SECONDS}
    end = time.monotonic() + patience.get(emulator.settings.pace, 0.0)
    # A reset waits for this request, so it must not wait for a deployment that waits for the reset.
    while time.monotonic() < end and not is_resetting() and not deployment.ended.wait(0.05):
        pass
