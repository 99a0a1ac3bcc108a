"""The 79 operations of the three services, read from the botocore service models (P-1, P-5 to P-7, P-10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

Service = Literal["personalize", "personalize-runtime", "personalize-events"]
Protocol = Literal["json", "rest-json"]

SERVICES: tuple[Service, ...] = ("personalize", "personalize-runtime", "personalize-events")

_STATUS_OF_PLAIN_ERRORS = 400


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of one service.

    `target` is the `X-Amz-Target` of the JSON protocol, None for REST. `error_statuses` maps the error codes of the
    service to HTTP statuses (P-37, P-38). Operations are compared by identity: there is one object for each.
    """

    name: str
    service: Service
    protocol: Protocol
    method: str
    path: str
    target: str | None
    input_shape: StructureShape | None
    output_shape: StructureShape | None
    error_statuses: Mapping[str, int]


@cache
def operations() -> Mapping[str, Operation]:
    """All operations by name; names are unique across the three services."""
    found = {operation.name: operation for service in SERVICES for operation in _operations_of(service)}
    return MappingProxyType(found)


def wire_name(member: str, shape: Shape) -> str:
    """The key of a member in a JSON body."""
    return str(shape.serialization.get("name", member))


def is_json_value(shape: Shape) -> bool:
    """Whether the member contains JSON as a string (EV-30)."""
    return bool(shape.serialization.get("jsonvalue", False))


def _operations_of(service: Service) -> Iterator[Operation]:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    statuses = MappingProxyType(_error_statuses(model))
    for name in model.operation_names:
        yield _operation(service, model, model.operation_model(name), statuses)


def _operation(
    service: Service, model: ServiceModel, operation: OperationModel, statuses: Mapping[str, int]
) -> Operation:
    protocol = cast(Protocol, model.metadata["protocol"])
    target = f"{model.metadata['targetPrefix']}.{operation.name}" if protocol == "json" else None
    return Operation(
        name=operation.name,
        service=service,
        protocol=protocol,
        method=str(operation.http["method"]),
        path=str(operation.http["requestUri"]),
        target=target,
        input_shape=operation.input_shape,
        output_shape=operation.output_shape,
        error_statuses=statuses,
    )


def _error_statuses(model: ServiceModel) -> dict[str, int]:
    return {shape.name: _error_status(shape) for shape in model.error_shapes}


def _error_status(shape: Shape) -> int:
    stated: Mapping[str, int] = shape.metadata.get("error", {})
    return stated.get("httpStatusCode", _STATUS_OF_PLAIN_ERRORS)
