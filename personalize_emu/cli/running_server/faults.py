"""`personalize-emu fail`, `fail-job` and `faults`: faults of a running server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of

FAIL_EXAMPLES = """\
examples:
  personalize-emu fail PutEvents ThrottlingException --times 2
  personalize-emu fail GetRecommendations --latency 800ms --probability 0.3
  personalize-emu fail '*' --drop --times 1
  personalize-emu fail GetRecommendations InternalFailure --where userId=u1
"""
FAIL_JOB_EXAMPLES = """\
examples:
  personalize-emu fail-job solution-version --reason "The training failed."
  personalize-emu fail-job dataset-import-job --hang
"""


def add_fail(commands: Commands) -> None:
    parser = _parser(commands, "fail", "let requests to a running server fail", FAIL_EXAMPLES)
    parser.add_argument("operation", help="such as PutEvents, or * for all")
    parser.add_argument("error", nargs="?", help="the error code, such as ThrottlingException")
    parser.add_argument("--message", help="of the error")
    parser.add_argument("--status", type=int, help="HTTP status of the error; with it, any code is allowed")
    parser.add_argument("--times", type=int, help="number of requests (default all)")
    parser.add_argument("--probability", type=float, help="that a request is hit (default 1)")
    parser.add_argument("--latency", help="by which the answer is late, such as 250ms")
    parser.add_argument("--drop", action="store_true", help="close the connection without an answer")
    parser.add_argument("--wrong-json", action="store_true", help="cut off the body of the answer")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="only requests with this member; may be repeated; a JSON object for other values than texts",
    )
    parser.add_argument("--arn", help="only requests in which this ARN occurs")
    add_endpoint(parser)
    parser.set_defaults(run=_fail)


def add_fail_job(commands: Commands) -> None:
    parser = _parser(commands, "fail-job", "let jobs of a running server fail or hang", FAIL_JOB_EXAMPLES)
    parser.add_argument("kind", help="such as solution-version, dataset-import-job or campaign-update")
    parser.add_argument("--reason", help="the failure reason")
    parser.add_argument("--hang", action="store_true", help="stay in progress until the fault is removed")
    parser.add_argument("--times", help="number of jobs, or all (default 1)")
    parser.add_argument("--name", help="only a resource of this name")
    parser.add_argument("--arn", help="only the resource with this ARN, or those that belong to it")
    add_endpoint(parser)
    parser.set_defaults(run=_fail_job)


def add_faults(commands: Commands) -> None:
    parser = commands.add_parser("faults", help="list or remove the faults of a running server")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--remove", type=int, metavar="ID", help="remove a fault of requests")
    chosen.add_argument("--remove-job", type=int, metavar="ID", help="remove a fault of jobs")
    chosen.add_argument("--clear", action="store_true", help="remove all faults")
    add_endpoint(parser)
    parser.set_defaults(run=_faults)


def _parser(commands: Commands, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def _fail(chosen: argparse.Namespace) -> int:
    names = ("operation", "error", "message", "status", "times", "probability", "latency", "drop", "arn")
    body = {name: getattr(chosen, name) for name in names}
    body |= {"wrongJson": chosen.wrong_json, "where": _members(chosen.where)}
    return _declare(chosen, "faults", body)


def _fail_job(chosen: argparse.Namespace) -> int:
    body = {name: getattr(chosen, name) for name in ("kind", "reason", "hang", "times", "name", "arn")}
    if chosen.times is not None and chosen.times.isdecimal():
        body["times"] = int(chosen.times)
    return _declare(chosen, "job-faults", body)


def _declare(chosen: argparse.Namespace, route: str, body: dict[str, Any]) -> int:
    given = {name: value for name, value in body.items() if value not in (None, {}, False)}
    print(json.dumps(call_server(endpoint_of(chosen), "POST", route, given)))
    return DONE


def _faults(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    if chosen.remove is not None:
        call_server(endpoint, "DELETE", f"faults/{chosen.remove}")
    if chosen.remove_job is not None:
        call_server(endpoint, "DELETE", f"job-faults/{chosen.remove_job}")
    if chosen.clear:
        call_server(endpoint, "DELETE", "faults")
        call_server(endpoint, "DELETE", "job-faults")
    found = call_server(endpoint, "GET", "faults") | call_server(endpoint, "GET", "job-faults")
    print(json.dumps(found, indent=2))
    return DONE


def _members(given: Sequence[str]) -> dict[str, Any]:
    """Raises ValueError: neither NAME=TEXT nor a JSON object."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if text.startswith("{"):
            found |= _object(text)
        elif equals and name:
            found[name] = value
        else:
            raise ValueError(f"--where must be NAME=TEXT or a JSON object, not {text!r}")
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        members: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ValueError(f"--where {text} is not a JSON object: {error}") from error
    return members
