"""An emulator that answers the boto3 clients of this process: what an active `mock_personalize` is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from personalize_emu.aws_services import AwsServices
from personalize_emu.edge.auth.access_control import access_check_for
from personalize_emu.edge.auth.query_access import service_access_for
from personalize_emu.edge.http.faulty_response import ConnectionClosed, wait_for
from personalize_emu.edge.moto_adapter import (
    EmbeddedClients,
    EmbeddedKeys,
    InterceptedRequest,
    MockEndpoint,
    access_enforced_in_mocks,
    account_of,
    caller_of,
    connection_closed,
    mocked_personalize,
    restore_keys,
    write_keys,
)
from personalize_emu.edge.request_pipeline import answer
from personalize_emu.edge.testing.bypass_warning import bypass_warnings
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock

MOCK_KEYS: Mapping[str, str] = MappingProxyType({"FOOBARKEY": "FOOBARSECRET"})
"""What moto puts in the environment while a mock lasts: here the account's own key for IAM and STS."""


@contextmanager
def mocked_emulator(settings: Settings, clock: Clock | None, *, resumes_jobs: bool = False) -> Iterator[Emulator]:
    """A new emulator that handles all requests to Personalize inside the block; it is closed afterwards.

    resumes_jobs: see `Emulator`. A state in a file has jobs without their input in S3.
    """
    clients = EmbeddedClients(settings.account)
    services = AwsServices(clients, EmbeddedKeys())
    emulator = Emulator(settings, clock=clock, aws_services=services, resumes_jobs=resumes_jobs)
    emulator.write_services = write_keys
    with ExitStack() as stack:
        stack.callback(emulator.close)
        stack.callback(clients.close)
        stack.enter_context(mocked_personalize(_endpoint_of(emulator)))
        stack.enter_context(access_enforced_in_mocks(service_access_for(settings, caller_of, MOCK_KEYS)))
        if emulator.service_rows is not None:
            restore_keys(emulator.service_rows)
            emulator.open_groups()
        if settings.init:
            _initialise(emulator, settings)
        stack.enter_context(bypass_warnings())
        yield emulator


def import_state(file: str, folder: str) -> None:
    """Make a data directory of a file. Raises NotAnArchive or OSError."""
    # Imported lazily: most mocks start empty.
    from personalize_emu.durability.archive import import_archive

    import_archive(Path(file), Path(folder))


def _initialise(emulator: Emulator, settings: Settings) -> None:
    """Apply the start files; raises InvalidStartFile or StartFailed."""
    # Imported lazily: most mocks start empty.
    from personalize_emu.edge.start_state.files import apply_in_process, start_files

    files = start_files(settings.init)
    with emulator.starting():
        apply_in_process(files, settings)


def _endpoint_of(emulator: Emulator) -> MockEndpoint:
    access_check = access_check_for(emulator.settings, caller_of)

    def reply(request: InterceptedRequest) -> tuple[int, dict[str, str], bytes]:
        parts = (request.method, request.path, request.query, request.headers, request.body)
        response = answer(emulator, *parts, account_of=account_of, access_check=access_check)
        try:
            wait_for(response)
        except ConnectionClosed as error:
            raise connection_closed(request) from error
        return response.status, dict(response.headers), response.body

    return MockEndpoint(reply, emulator)
