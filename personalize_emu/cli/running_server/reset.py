"""`personalize-emu reset` and `health`: deletes everything on a running server; whether it is ready."""

from __future__ import annotations

import argparse
import json
from urllib.parse import urlencode

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of

EXAMPLES = """\
examples:
  personalize-emu health                     exit code 0 if the server on this machine is ready, otherwise 1
  until personalize-emu health; do sleep 1; done
"""


def add_reset(commands: Commands) -> None:
    parser = commands.add_parser("reset", help="delete everything on a running server")
    parser.add_argument("--region", help="delete what is in this region only; buckets, roles and the clock stay")
    add_endpoint(parser)
    parser.set_defaults(run=_reset)


def _reset(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    query = "" if chosen.region is None else f"?{urlencode({'region': chosen.region})}"
    call_server(endpoint, "POST", f"reset{query}")
    print(f"{endpoint} was reset" if chosen.region is None else f"{chosen.region} of {endpoint} was reset")
    return DONE


def add_health(commands: Commands) -> None:
    parser = commands.add_parser(
        "health",
        help="say whether a server is ready, and what it is doing",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_endpoint(parser)
    parser.set_defaults(run=_health)


def _health(chosen: argparse.Namespace) -> int:
    """A server that is starting answers 503, which fails the command."""
    print(json.dumps(call_server(endpoint_of(chosen), "GET", "health"), indent=2))
    return DONE
