"""`personalize-emu init`: applies start files to a running server."""

from __future__ import annotations

import argparse

from personalize_emu.cli.options import (
    DONE,
    CommandFailed,
    Commands,
    add_endpoint,
    call_server,
    endpoint_of,
    settings_of,
)


def add_init(commands: Commands) -> None:
    parser = commands.add_parser("init", help="create resources on a running server from start files")
    parser.add_argument(
        "files", nargs="+", metavar="PATH", help="a program (.py), a declarative file (.yaml) or a folder"
    )
    add_endpoint(parser)
    parser.set_defaults(run=_init)


def _init(chosen: argparse.Namespace) -> int:
    from personalize_emu.edge.start_state.documents import InvalidStartFile
    from personalize_emu.edge.start_state.files import ServerStart, start_files
    from personalize_emu.edge.start_state.resources import StartFailed

    endpoint = endpoint_of(chosen)
    try:
        files = start_files(",".join(chosen.files))
        call_server(endpoint, "GET", "health")
        ServerStart(endpoint, settings_of(chosen)).apply(files)
    except (InvalidStartFile, StartFailed) as error:
        raise CommandFailed(str(error)) from error
    for path, _ in files:
        print(f"{endpoint}: applied {path}")
    return DONE
