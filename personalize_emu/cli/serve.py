"""`personalize-emu serve`: the server."""

from __future__ import annotations

import argparse

from personalize_emu.cli.options import CommandFailed, Commands, add_settings, failure, settings_of
from personalize_emu.settings import SETTING_NAMES

EXAMPLES = """\
examples:
  personalize-emu serve --pace instant       work is done inside the call, no polling needed
  personalize-emu serve --host 0.0.0.0       reachable from other machines and containers
  personalize-emu serve --tls                HTTPS beside HTTP, with a generated certificate
  personalize-emu serve --init start.yaml    with resources and data from the start
  personalize-emu serve --aws-endpoint http://127.0.0.1:4566
                                             use the buckets of another endpoint

Every option is also an environment variable, named in brackets; the option wins.
The server ends with Ctrl-C (exit code 130) or SIGTERM (0), within a second; a second Ctrl-C ends it at once.
"""


def add_serve(commands: Commands) -> None:
    parser = commands.add_parser(
        "serve",
        help="serve Personalize and the other AWS services on one port",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_settings(parser)
    parser.set_defaults(run=_serve)


def _check_start_files(option: str) -> None:
    """Refuse malformed start files before the port is taken."""
    from personalize_emu.edge.start_state.documents import InvalidStartFile
    from personalize_emu.edge.start_state.files import start_files

    try:
        start_files(option)
    except InvalidStartFile as error:
        raise CommandFailed(str(error)) from error


def _serve(chosen: argparse.Namespace) -> int:
    """Run the server; the process exits with the code of the signal that ends it."""
    from personalize_emu.durability.directory import UnusableDirectory
    from personalize_emu.edge.server import PortInUse, run
    from personalize_emu.edge.tls.server_tls import TlsFailed, server_tls

    settings = settings_of(chosen, *SETTING_NAMES)
    if settings.faults:
        # Here as well as by the emulator, because the port is taken before that.
        from personalize_emu.doubles.fault_files import read_fault_file

        read_fault_file(settings.faults)
    if settings.init:
        _check_start_files(settings.init)
    try:
        tls = server_tls(settings)
    except TlsFailed as error:
        raise CommandFailed(str(error)) from error
    try:
        run(settings, tls)
    except PortInUse:
        return failure(
            f"port {settings.port} of {settings.host} is in use. Stop the program that listens there, "
            "or choose another port: --port 0 takes any free one."
        )
    except UnusableDirectory as error:
        return failure(str(error))
    except OSError as error:
        return failure(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")
