"""`personalize-emu env` and `doctor`: what a shell needs to use the server, and what a bug report needs."""

from __future__ import annotations

import argparse
import platform
import re
import shlex
from typing import Any

from personalize_emu.cli.options import DONE, FAILED, Commands, add_settings, installed, settings_of
from personalize_emu.edge.endpoints import client_environment, server_url, trusting_environment
from personalize_emu.settings import SETTING_NAMES, environment_name, settings_from_environment

PACKAGES = ("personalize-emu", "boto3", "botocore", "moto", "flask", "httptools", "numpy", "pyarrow", "scipy")
_ADDRESS = ("host", "port", "region", "tls", "tls_dir", "tls_cert", "tls_key", "data_dir")


def add_env(commands: Commands) -> None:
    parser = commands.add_parser("env", help="print shell exports that point AWS clients at the server")
    add_settings(parser, _ADDRESS)
    parser.set_defaults(run=_env)


def add_doctor(commands: Commands) -> None:
    commands.add_parser("doctor", help="print versions and settings, for bug reports").set_defaults(run=_doctor)


def _env(chosen: argparse.Namespace) -> int:
    from personalize_emu.edge.tls.server_tls import authority_file, uses_tls

    settings = settings_of(chosen, *_ADDRESS)
    if settings.port == 0:
        raise ValueError("give the --port that the server printed")
    scheme = "https" if uses_tls(settings) else "http"
    exports = client_environment(server_url(settings.host, settings.port, scheme), settings.region)
    if settings.tls and not settings.tls_cert:
        exports |= trusting_environment(authority_file(settings))
    # A profile or session token of real AWS would be combined with the keys above.
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    return DONE


def _doctor(_chosen: argparse.Namespace) -> int:
    print(f"python {platform.python_version()} ({platform.python_implementation()})")
    print(f"platform {platform.platform()}")
    found = {name: installed(name) for name in PACKAGES}
    for name, number in found.items():
        print(f"{name} {number or 'is missing'}")
    settings = settings_from_environment()
    for name in SETTING_NAMES:
        print(f"{environment_name(name)}={_without_secrets(name, getattr(settings, name))}")
    return DONE if all(found.values()) else FAILED


def _without_secrets(option: str, value: Any) -> str:
    """A value for bug reports: secrets of access keys, and user and password of URLs, are replaced by `***`."""
    if option == "credentials":
        return ",".join(f"{pair.partition(':')[0]}:***" for pair in value.split(",") if pair)
    return re.sub(r"(?<=://)[^/]*@", "***@", str(value))
