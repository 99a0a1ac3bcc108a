"""Shared by the commands: exit codes, settings as options, the server that a command talks to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.error import HTTPError, URLError

from personalize_emu.edge.endpoints import UnusableAuthorities, admin_call, refusal_reason, server_url
from personalize_emu.settings import Settings, environment_name, settings_from_environment

PROGRAM = "personalize-emu"
DONE = 0
FAILED = 1
WRONG_USE = 2

Commands = Any
"""The object on which `add_parser` adds a command (argparse does not name its class)."""


class CommandFailed(Exception):
    """A command that cannot do its work; the message goes to standard error, the exit code is FAILED."""


class _Joined(argparse.Action):
    """Joins the values of an option that is given several times with commas."""

    def __call__(self, _parser: Any, chosen: argparse.Namespace, value: Any, _flag: str | None = None) -> None:
        before = getattr(chosen, self.dest)
        setattr(chosen, self.dest, value if before is None else f"{before},{value}")


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str] | None = None) -> None:
    """Add options for the named settings, or for all."""
    wanted = None if names is None else set(names)
    kinds = get_type_hints(Settings)
    for option in fields(Settings):
        if wanted is not None and option.name not in wanted:
            continue
        kind, flag = kinds[option.name], "--" + option.name.replace("_", "-")
        variable = environment_name(option.name)
        if kind is bool:
            text = f"{option.metadata['help']} ([{variable}])"
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
            continue
        if option.metadata["repeatable"]:
            text = f"{option.metadata['help']} ([{variable}])"
            parser.add_argument(flag, action=_Joined, metavar="PATH", help=text)
            continue
        choices = get_args(kind) if get_origin(kind) is Literal else None
        shown = "" if option.default == "" else f"default {option.default}; "
        parser.add_argument(
            flag,
            dest=option.name,
            type=str if choices else kind,
            choices=choices,
            metavar=None if choices else option.name.upper(),
            help=f"{option.metadata['help']} ({shown}[{variable}])".replace("%", "%%"),
        )


def settings_of(chosen: argparse.Namespace, *given: str) -> Settings:
    """The settings: those given as options, the others from the environment or by default.

    Raises:
        ValueError: a value that is not allowed.
    """
    return settings_from_environment(**{name: getattr(chosen, name) for name in given})


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that talks to a running server; see `endpoint_of`."""
    parser.add_argument("--endpoint", metavar="URL", help="the server; default: AWS_ENDPOINT_URL, else host and port")
    add_settings(parser, ("host", "port"))


def endpoint_of(chosen: argparse.Namespace) -> str:
    """The URL of the server, without a slash at its end.

    Raises:
        ValueError: not a URL of HTTP.
    """
    settings = settings_of(chosen, "host", "port")
    addressed = chosen.host is not None or chosen.port is not None
    pointed_at = None if addressed else os.environ.get("AWS_ENDPOINT_URL")
    endpoint = (chosen.endpoint or pointed_at or server_url(settings.host, settings.port)).rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        raise ValueError(f"--endpoint must be a URL such as http://127.0.0.1:4577, not {endpoint!r}")
    return str(endpoint)


def call_server(endpoint: str, method: str, route: str, body: Any = None) -> Any:
    """The JSON answer of `/_emu/<route>` of the server.

    Raises:
        CommandFailed: the server refused, or there is none; the message says what to do.
    """
    with failures_of(endpoint):
        return admin_call(endpoint, method, route, body)


@contextmanager
def failures_of(endpoint: str) -> Iterator[None]:
    """Raises CommandFailed for what calls of a server raise inside the block."""
    try:
        yield
    except HTTPError as error:
        with error:
            text = error.read().decode(errors="replace").strip()
        reason = refusal_reason(text)
        if reason is not None:
            raise CommandFailed(reason) from error
        raise CommandFailed(f"{endpoint} refused: {error.code} {text or error.reason}. Is it a {PROGRAM}?") from error
    except UnusableAuthorities as error:
        raise CommandFailed(str(error)) from error
    except (URLError, OSError, ValueError) as error:
        unreachable = error.reason if isinstance(error, URLError) else error
        distrusted = getattr(unreachable, "verify_message", None)
        if distrusted is not None:
            advice = f'Trust it with: eval "$({PROGRAM} env --tls)"'
            raise CommandFailed(f"the certificate of {endpoint} is not trusted: {distrusted}. {advice}") from error
        raise CommandFailed(f"no server at {endpoint}: {unreachable}. Start it with: {PROGRAM} serve") from error


def installed(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def failure(message: str, code: int = FAILED) -> int:
    """Print a message to standard error and return the exit code."""
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code
