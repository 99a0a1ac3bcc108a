"""The command line interface: commands and their options."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.error import HTTPError, URLError

from personalize_emu.edge.endpoints import client_environment, reset_server, server_url
from personalize_emu.edge.kinesis.options import add_options
from personalize_emu.settings import Settings, environment_name, settings_from_environment

PROGRAM = "personalize-emu"
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""As shells count them: 128 plus the number of the signal, here SIGINT and SIGPIPE."""
PACKAGES = ("personalize-emu", "boto3", "botocore", "moto", "flask", "httptools", "numpy", "pyarrow", "scipy")

EXAMPLES = """\
examples:
  personalize-emu serve                      serve Personalize, S3, IAM, ... on http://127.0.0.1:4577
  personalize-emu serve --port 0             the same on a free port, which is printed
  eval "$(personalize-emu env)"              point the AWS CLI and SDKs of this shell at the server
  aws personalize list-recipes               use it like AWS
  personalize-emu reset                      delete everything on the server
  personalize-emu kinesis --stream clicks    send the records of a stream as events
  personalize-emu demo                       run a complete example
"""

SERVE_EXAMPLES = """\
examples:
  personalize-emu serve --pace instant       work is done inside the call, no polling needed
  personalize-emu serve --host 0.0.0.0       reachable from other machines and containers
  personalize-emu serve --aws-endpoint http://127.0.0.1:4566
                                             use the buckets of another endpoint

Every option is also an environment variable, named in brackets; the option wins.
The server ends with Ctrl-C (exit code 130) or SIGTERM (0), within a second; a second Ctrl-C ends it at once.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted, 141 output not read.

    argv: the command; by default that of this process, which then exits without waiting for training threads when it is
    interrupted.
    """
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    if argv is None:
        os._exit(code)
    return code


def _run(arguments: list[str]) -> int:
    parser = _parser()
    # The demo parses its own options.
    if arguments[:1] == ["demo"]:
        return _demo(arguments[1:])
    chosen = parser.parse_args(arguments)
    try:
        return COMMANDS[chosen.command](chosen)
    except ValueError as error:
        return _failure(str(error), WRONG_USE)


def _serve(chosen: argparse.Namespace) -> int:
    """Run the server; the process exits with the code of the signal that ends it."""
    from personalize_emu.edge.server import PortInUse, run

    settings = _settings(chosen, *(option.name for option in fields(Settings)))
    try:
        run(settings)
    except PortInUse:
        return _failure(
            f"port {settings.port} of {settings.host} is in use. Stop the program that listens there, "
            "or choose another port: --port 0 takes any free one."
        )
    except OSError as error:
        return _failure(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")


def _reset(chosen: argparse.Namespace) -> int:
    settings = _settings(chosen, "host", "port")
    addressed = chosen.host is not None or chosen.port is not None
    pointed_at = None if addressed else os.environ.get("AWS_ENDPOINT_URL")
    endpoint = (chosen.endpoint or pointed_at or server_url(settings.host, settings.port)).rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        raise ValueError(f"--endpoint must be a URL such as http://127.0.0.1:4577, not {endpoint!r}")
    try:
        reset_server(endpoint)
    except HTTPError as error:
        error.close()
        return _failure(f"{endpoint} refused: {error.code} {error.reason}. Is it a personalize-emu?")
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return _failure(f"nothing to reset at {endpoint}: {reason}. Start it with: {PROGRAM} serve")
    print(f"{endpoint} was reset")
    return 0


def _env(chosen: argparse.Namespace) -> int:
    settings = _settings(chosen, "host", "port", "region")
    if settings.port == 0:
        raise ValueError("give the --port that the server printed")
    exports = client_environment(server_url(settings.host, settings.port), settings.region)
    # A profile or session token of real AWS would be combined with the keys above.
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _kinesis(chosen: argparse.Namespace) -> int:
    from personalize_emu.edge.kinesis.command import consume
    from personalize_emu.edge.kinesis.consumer import Refused

    try:
        return consume(chosen, _settings(chosen))
    except Refused as error:
        return _failure(str(error))
    except OSError as error:
        return _failure(f"cannot keep checkpoints in {error.filename}: {error.strerror or error}")


def _doctor(_chosen: argparse.Namespace) -> int:
    print(f"python {platform.python_version()} ({platform.python_implementation()})")
    print(f"platform {platform.platform()}")
    found = {name: _installed(name) for name in PACKAGES}
    for name, number in found.items():
        print(f"{name} {number or 'is missing'}")
    settings = settings_from_environment()
    for option in fields(Settings):
        print(f"{environment_name(option.name)}={_without_secrets(option.name, getattr(settings, option.name))}")
    return 0 if all(found.values()) else FAILED


def _without_secrets(option: str, value: Any) -> str:
    """A value for bug reports: secrets of access keys, and user and password of URLs, are replaced by `***`."""
    if option == "credentials":
        return ",".join(f"{pair.partition(':')[0]}:***" for pair in value.split(",") if pair)
    return re.sub(r"(?<=://)[^/]*@", "***@", str(value))


def _demo(arguments: Sequence[str]) -> int:
    from personalize_emu.demo.run import main as run_demo

    return run_demo(arguments)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = MappingProxyType(
    {"serve": _serve, "reset": _reset, "env": _env, "kinesis": _kinesis, "doctor": _doctor}
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="An emulator of Amazon Personalize that trains real models on your data.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {_installed(PROGRAM) or 'unknown'}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    serve = commands.add_parser(
        "serve",
        help="serve Personalize and the other AWS services on one port",
        epilog=SERVE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option in fields(Settings):
        _add_option(serve, option)
    reset = commands.add_parser("reset", help="delete everything on a running server")
    reset.add_argument("--endpoint", metavar="URL", help="the server; default: AWS_ENDPOINT_URL, else host and port")
    for option in fields(Settings):
        if option.name in ("host", "port"):
            _add_option(reset, option)
    env = commands.add_parser("env", help="print shell exports that point AWS clients at the server")
    for option in fields(Settings):
        if option.name in ("host", "port", "region"):
            _add_option(env, option)
    kinesis = commands.add_parser(
        "kinesis",
        help="send the records of a Kinesis stream as events, continuing from its checkpoints",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(kinesis)
    commands.add_parser("doctor", help="print versions and settings, for bug reports")
    commands.add_parser("demo", help="run a complete example on the bundled shop data", add_help=False)
    return parser


def _add_option(parser: argparse.ArgumentParser, option: Field[Any]) -> None:
    kind = get_type_hints(Settings)[option.name]
    flag = "--" + option.name.replace("_", "-")
    if kind is bool:
        text = f"{option.metadata['help']} ([{environment_name(option.name)}])"
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        return
    choices = get_args(kind) if get_origin(kind) is Literal else None
    shown = "" if option.default == "" else f"default {option.default}; "
    parser.add_argument(
        flag,
        dest=option.name,
        type=str if choices else kind,
        choices=choices,
        metavar=None if choices else option.name.upper(),
        help=f"{option.metadata['help']} ({shown}[{environment_name(option.name)}])".replace("%", "%%"),
    )


def _settings(chosen: argparse.Namespace, *given: str) -> Settings:
    return settings_from_environment(**{name: getattr(chosen, name) for name in given})


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _failure(message: str, code: int = FAILED) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code
