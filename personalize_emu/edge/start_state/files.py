"""Start files: which there are, and running them on a server or in this process.

*.py            a program, with the environment pointed at the server; inside a mock it is run in the process
*.yaml, *.yml   a declarative file (documents.py)
a folder        all of these in it, in order of their names
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from personalize_emu.edge.endpoints import client_environment
from personalize_emu.edge.start_state.documents import Document, InvalidStartFile, read_document
from personalize_emu.edge.start_state.resources import ClientOf, Creation, StartFailed
from personalize_emu.settings import Settings, account_keys, environment_name

SCRIPT = ".py"
DECLARATIVE = (".yaml", ".yml")
SUFFIXES = (SCRIPT, *DECLARATIVE)
READ_SECONDS = 300
"""Time-out of calls: with pace instant, a training is done inside one."""

STANDARD_ERROR = 2
"""File descriptor."""

StartFile = tuple[Path, Document | None]
"""A file with its content, if it is declarative."""


def start_files(option: str) -> tuple[StartFile, ...]:
    """The files that the option `init` names: paths of files and folders, separated by commas. All are checked.

    Raises:
        InvalidStartFile: one is missing, of another kind, or malformed.
    """
    paths = [path for part in option.split(",") if part.strip() for path in _files_of(Path(part.strip()))]
    return tuple((path, None if path.suffix == SCRIPT else read_document(path)) for path in paths)


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix in SUFFIXES and each.is_file())
    if not path.is_file():
        raise InvalidStartFile(f"there is no start file or folder {path}")
    if path.suffix not in SUFFIXES:
        raise InvalidStartFile(f"{path}: a start file ends in {', '.join(SUFFIXES)}")
    return [path]


class ServerStart:
    """Applies files to the server at `url`. Another thread may call `stop`."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._program: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def apply(self, files: Sequence[StartFile]) -> None:
        """Apply files in order.

        Raises:
            StartFailed: one failed; the text names it.
        """
        for path, document in files:
            if document is None:
                self._run(path)
            else:
                with _named(path):
                    Creation(self._clients_in(document.region or self._settings.region)).create(document)

    def stop(self) -> None:
        """End the program that is running."""
        self._stopped.set()
        if self._program is not None:
            self._program.terminate()

    def _run(self, path: Path) -> None:
        if self._stopped.is_set():
            return
        # The first line of standard output is the URL of the server, so programs write to standard error.
        self._program = subprocess.Popen(
            [sys.executable, path.name],
            cwd=path.resolve().parent,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=2,
        )
        code = self._program.wait()
        if code != 0 and not self._stopped.is_set():
            raise StartFailed(f"{path}: the program ended with exit code {code}")

    def _environment(self) -> dict[str, str]:
        """Of a program: the server's own, pointed at the server, and at `aws_endpoint` for the other services."""
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_PROGRAMS}
        remote = self._settings.aws_endpoint
        if remote:
            ours = dict.fromkeys(_PERSONALIZE_ENDPOINTS, self._url)
            return {**client_environment(remote, self._settings.region), **kept, "AWS_ENDPOINT_URL": remote, **ours}
        key, secret = _first_key(self._settings)
        keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        return {**kept, **client_environment(self._url, self._settings.region), **keys}

    def _clients_in(self, region: str) -> ClientOf:
        key, secret = _first_key(self._settings)
        ours: Any = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=secret)
        remote = self._settings.aws_endpoint
        config = Config(s3={"addressing_style": "path"}, read_timeout=READ_SECONDS)

        def client_of(service: str) -> Any:
            if remote and service != "personalize":
                theirs: Any = boto3.session.Session()
                return theirs.client(service, endpoint_url=remote, region_name=region, config=config)
            return ours.client(service, endpoint_url=self._url, region_name=region, config=config)

        return client_of


_PERSONALIZE_ENDPOINTS = tuple(f"AWS_ENDPOINT_URL_PERSONALIZE{service}" for service in ("", "_RUNTIME", "_EVENTS"))
_NOT_FOR_PROGRAMS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", environment_name("init"))


def apply_in_process(files: Sequence[StartFile], settings: Settings) -> None:
    """Apply files in this process, inside a mock.

    Raises:
        StartFailed: one failed; the text names it.
    """
    for path, document in files:
        with _named(path):
            if document is None:
                _run_here(path, settings.region)
            else:
                region = document.region or settings.region
                session: Any = boto3.session.Session(region_name=region)
                Creation(session.client).create(document)


def _run_here(path: Path, region: str) -> None:
    folder = path.resolve().parent
    with chdir(folder), _environment({"AWS_DEFAULT_REGION": region}), _importing_from(folder):
        try:
            runpy.run_path(path.name, run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise StartFailed(f"the program ended with exit code {end.code}") from end


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let the program import the modules beside it, as if it were the main program."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set variables inside the block that are not set."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in the text of a failure."""
    try:
        yield
    except StartFailed as error:
        raise StartFailed(f"{path}: {error}") from error


def _first_key(settings: Settings) -> tuple[str, str]:
    """A key with all permissions, and its secret."""
    keys = account_keys(settings.credentials)
    return next(iter(keys.items())) if keys else ("personalize-emu", "personalize-emu")
