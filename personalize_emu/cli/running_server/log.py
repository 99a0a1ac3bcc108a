"""`personalize-emu log`: what the jobs of a resource have done."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of

EXAMPLES = """\
examples:
  personalize-emu log IMPORT_JOB_ARN
  personalize-emu log SOLUTION_VERSION_ARN --json

Prints the newest 200 lines since the server was started: states with the time they took, rows read and left out, steps
of trainings, warnings. Times are those of the emulator's clock, in UTC.
"""


def add_log(commands: Commands) -> None:
    parser = commands.add_parser(
        "log",
        help="print the log lines of a job, with the reason if it has failed",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_endpoint(parser)
    parser.add_argument("arn", metavar="ARN", help="of an import, a solution version, a campaign, a batch job, ...")
    parser.add_argument("--json", action="store_true", help="print the log as JSON")
    parser.set_defaults(run=_log)


def _log(chosen: argparse.Namespace) -> int:
    found = call_server(endpoint_of(chosen), "GET", f"logs?{urlencode({'arn': chosen.arn})}")
    print(json.dumps(found, indent=2) if chosen.json else "\n".join(_lines(found)))
    return DONE


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['kind']} {found['arn']}: {found['status']}"
    for line in found["lines"]:
        when = datetime.fromtimestamp(line["time"], UTC)
        yield f"{when:%Y-%m-%d %H:%M:%S}  {line['level']:7}  {line['text']}"
