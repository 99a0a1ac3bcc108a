"""`personalize-emu reset`: deletes everything on a running server."""

from __future__ import annotations

import argparse

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of


def add_reset(commands: Commands) -> None:
    parser = commands.add_parser("reset", help="delete everything on a running server")
    add_endpoint(parser)
    parser.set_defaults(run=_reset)


def _reset(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    call_server(endpoint, "POST", "reset")
    print(f"{endpoint} was reset")
    return DONE
