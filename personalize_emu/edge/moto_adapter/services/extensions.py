"""What is done when moto imports a service: each extension once per process, at the first request to its service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import getattr_static
from types import MappingProxyType
from typing import Any

from personalize_emu.edge.http.error_responses import FORM, refusal
from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use

_PACKAGE = __package__
EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "cloudformation": "cloudformation",
        "cloudwatch": "cloudwatch",
        "cloudtrail": "cloudtrail",
        "resourcegroupstaggingapi": "tagging",
        "servicequotas": "service_quotas",
    }
)
"""moto's name of a service -> the module here whose `extend` is called; imported only then."""
EXTRAS: Mapping[str, str] = MappingProxyType({"cloudformation": "personalize-emu[cloudformation]"})
"""moto's name of a service -> what to install for it, where that is not an extra of moto."""


_extending = threading.Lock()
"""So that no function is replaced twice."""


def extend(service: str | None) -> None:
    """Extend a service of moto that has been imported, if there is anything to extend."""
    module = EXTENSIONS.get(service or "")
    if module is not None:
        with _extending:
            import_module(f"{_PACKAGE}.{module}").extend()


def missing_package(service: str | None, error: ImportError) -> str:
    """The message for clients of a service whose packages are not installed."""
    wanted = EXTRAS.get(service or "", f"moto[{service}]")
    return f'This AWS service needs further packages: pip install "{wanted}" ({error}).'


def replace_while_in_use(owner: Any, name: str, ours: Any) -> None:
    """Replace a function or property of moto by ours, while an emulator is in use; otherwise moto's own is called.

    A function that moto lacks is added.
    """
    original = getattr(owner, name, _lacking)
    if isinstance(original, property):
        setattr(owner, name, property(_chosen(ours, original.fget)))
        return

    chosen = _chosen(ours, original)
    is_static = isinstance(getattr_static(owner, name, None), staticmethod)
    setattr(owner, name, staticmethod(chosen) if is_static else chosen)


def _lacking(*_args: Any, **_named: Any) -> Any:
    raise NotImplementedError("moto does not implement this operation")


def _chosen(ours: Any, original: Any) -> Any:
    def chosen(*args: Any, **named: Any) -> Any:
        return (ours if emulator_in_use() else original)(*args, **named)

    return chosen


def backend_or_refusal(get_backend: Any) -> Callable[[str], Any]:
    """moto's function that imports a service, for requests inside a mock: extends it, and refuses what is missing."""

    def backend_of(service: str) -> Any:
        try:
            found = get_backend(service)
        except ImportError as error:
            return {"global": _Missing(service, error)}
        extend(service)
        return found

    return backend_of


class _Missing:
    """Stands for a service whose packages are not installed: every request is refused with what to install."""

    def __init__(self, service: str, error: ImportError) -> None:
        self._service = service
        self._error = error
        self.urls = {"": self._refuse}

    @property
    def flask_paths(self) -> Any:
        """Asked for by a server in the process of the mock, which refuses in its own way."""
        raise self._error

    def _refuse(self, _request: Any, _url: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        sent = {name.lower(): str(value) for name, value in dict(headers).items()}
        # Clients of query services expect XML; botocore sends their content type, whatever moto makes of the request.
        content_type = sent.get("content-type", "")
        answer = refusal(
            self._service,
            {**sent, "content-type": FORM if content_type.startswith(FORM) else content_type},
            status=501,
            code="NotImplementedException",
            message=missing_package(self._service, self._error),
        )
        return answer.status, dict(answer.headers), answer.body
