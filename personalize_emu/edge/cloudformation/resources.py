"""Resources of Personalize as CloudFormation manages them: created, waited for, changed, deleted.

What takes time is an iterator of waits: the caller continues it after a while, as often as it yields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from personalize_emu.edge.cloudformation.properties import creation_params, import_params, tags_of
from personalize_emu.edge.cloudformation.resource_types import IMPORT_JOB, ResourceType
from personalize_emu.edge.operation_calls import OperationRefused
from personalize_emu.state.lifecycle import ACTIVE, FAILED

Waits = Iterator[None]
SERVICE_TAGS = "aws:"
"""Prefix of the tags that CloudFormation itself sets; Personalize lets no client do that."""
_HANDLER_CODES: Mapping[str, str] = {
    "ResourceAlreadyExistsException": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
    "ResourceInUseException": "ResourceConflict",
    "LimitExceededException": "ServiceLimitExceeded",
    "TooManyTagsException": "InvalidRequest",
    "InvalidInputException": "InvalidRequest",
    "ValidationException": "InvalidRequest",
    "ThrottlingException": "Throttling",
    "AccessDeniedException": "AccessDenied",
}


class Call(Protocol):
    """Calls an operation of Personalize in the account and region of a stack; raises OperationRefused."""

    def __call__(self, operation_name: str, params: Mapping[str, Any]) -> dict[str, Any]: ...


class HandlerFailed(Exception):
    """The service refused, or a resource has failed. The text is the reason that events of the stack show."""


class ManagedResource:
    """One resource of a stack. arn: its physical id, what Ref gives."""

    def __init__(self, call: Call, kind: ResourceType, properties: Mapping[str, Any], arn: str) -> None:
        self._call = call
        self.kind = kind
        self.properties = properties
        self.arn = arn

    @classmethod
    def created(
        cls, call: Call, kind: ResourceType, properties: Mapping[str, Any], stack_tags: Mapping[str, str]
    ) -> ManagedResource:
        """Create a resource; it need not be ACTIVE yet (`becoming_ready`).

        Raises:
            InvalidProperties: see `creation_params`.
            HandlerFailed: the service refuses.
        """
        params = creation_params(kind, properties)
        own = {key: value for key, value in stack_tags.items() if not key.startswith(SERVICE_TAGS)}
        tags = {**own, **tags_of(properties)}
        # Checked before anything is created.
        import_params(properties, "")
        # CreateSchema has no tags, and metric attributions have none at all.
        if tags and kind.word not in ("Schema", "MetricAttribution"):
            params["tags"] = _wire_tags(tags)
        answer = _performed(call, f"Create{kind.word}", params)
        return cls(call, kind, properties, answer[kind.arn_member])

    def becoming_ready(self) -> Waits:
        """Wait until the resource is ACTIVE, then until its import job is.

        Raises:
            HandlerFailed: one of them failed.
        """
        yield from self._becoming_active(self.kind.word, self.kind.member, self.arn)
        yield from self._importing()

    def changed(self, properties: Mapping[str, Any]) -> frozenset[str]:
        """The names of the properties whose values differ."""
        names = set(self.properties) | set(properties)
        return frozenset(name for name in names if self.properties.get(name) != properties.get(name))

    def updating(self, properties: Mapping[str, Any], *, imports: bool = True) -> Waits:
        """Change the resource in place; only for changes that do not replace it.

        imports: whether a changed import job is run; not in a rollback, because what was imported stays.

        Raises:
            InvalidProperties: see `creation_params`.
            HandlerFailed: the service refuses, or the change has failed.
        """
        changed, params = self.changed(properties), creation_params(self.kind, properties)
        import_params(properties, self.arn)
        if "Tags" in changed:
            self._change_tags(tags_of(properties))
        self.properties = properties
        if changed - {"Tags", IMPORT_JOB}:
            sent = {name: value for name, value in params.items() if name not in ("name", "datasetGroupArn", "metrics")}
            _performed(self._call, f"Update{self.kind.word}", {self.kind.arn_member: self.arn, **sent})
            yield from self._updated()
        if IMPORT_JOB in changed and imports:
            yield from self._importing()

    def deleting(self) -> Waits:
        """Delete the resource and wait until it is gone. One that does not exist any more counts as deleted.

        Raises:
            HandlerFailed: the service refuses.
        """
        while True:
            try:
                self._call(f"Delete{self.kind.word}", {self.kind.arn_member: self.arn})
            except OperationRefused as error:
                if error.code == "ResourceNotFoundException":
                    return
                if not self._is_moving():
                    raise _failed(error) from error
                yield
            else:
                break
        while self._described() is not None:
            yield

    def attribute(self, name: str) -> str:
        """The value for Fn::GetAtt. name: one of `kind.readable`."""
        value = (self._described() or {}).get(self.kind.readable[name], "")
        if name.endswith("DateTime"):
            return datetime.fromtimestamp(float(value), UTC).isoformat()
        return str(value)

    def _described(self) -> dict[str, Any] | None:
        try:
            answer = self._call(f"Describe{self.kind.word}", {self.kind.arn_member: self.arn})
        except OperationRefused:
            return None
        found: dict[str, Any] = answer[self.kind.member]
        return found

    def _is_moving(self) -> bool:
        """Whether an operation on the resource is in progress, after which it can be deleted."""
        status = str((self._described() or {}).get("status", ACTIVE))
        return status.endswith(("PENDING", "IN_PROGRESS"))

    def _becoming_active(self, word: str, member: str, arn: str) -> Waits:
        if not self.kind.has_status:
            return
        while True:
            answer = _performed(self._call, f"Describe{word}", {f"{member}Arn": arn})[member]
            if answer["status"] in FAILED:
                raise HandlerFailed(_reason(answer.get("failureReason", answer["status"]), "NotStabilized"))
            if answer["status"] == ACTIVE:
                return
            yield

    def _importing(self) -> Waits:
        params = import_params(self.properties, self.arn)
        if params is None:
            return
        made = _performed(self._call, "CreateDatasetImportJob", params)
        yield from self._becoming_active("DatasetImportJob", "datasetImportJob", made["datasetImportJobArn"])

    def _updated(self) -> Waits:
        """Wait for the end of an update, which campaigns show apart from their own status."""
        while True:
            found = self._described() or {}
            update = found.get(f"latest{self.kind.word}Update") or found
            status = str(update.get("status", ACTIVE))
            if status.endswith("FAILED"):
                raise HandlerFailed(_reason(update.get("failureReason", status), "NotStabilized"))
            if not status.endswith(("PENDING", "IN_PROGRESS")):
                return
            yield

    def _change_tags(self, wanted: Mapping[str, str]) -> None:
        gone = [key for key in tags_of(self.properties) if key not in wanted]
        if gone:
            _performed(self._call, "UntagResource", {"resourceArn": self.arn, "tagKeys": gone})
        if wanted:
            _performed(self._call, "TagResource", {"resourceArn": self.arn, "tags": _wire_tags(wanted)})


def _wire_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"tagKey": key, "tagValue": value} for key, value in tags.items()]


def _performed(call: Call, operation_name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return call(operation_name, params)
    except OperationRefused as error:
        raise _failed(error) from error


def _failed(error: OperationRefused) -> HandlerFailed:
    facts = f"(Service: Personalize, Status Code: {error.status}, Request ID: {error.request_id})"
    return HandlerFailed(_reason(f"{error.message} {facts}", _HANDLER_CODES.get(error.code, "GeneralServiceException")))


def _reason(message: str, code: str) -> str:
    return f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})'
