"""The list of commands, and the exit codes of the process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from personalize_emu.cli.archive import add_export, add_import
from personalize_emu.cli.check import add_check
from personalize_emu.cli.environment import add_doctor, add_env
from personalize_emu.cli.init import add_init
from personalize_emu.cli.kinesis import add_kinesis
from personalize_emu.cli.options import PROGRAM, WRONG_USE, CommandFailed, Commands, failure, installed
from personalize_emu.cli.running_server.answers import add_answer, add_answers, add_calls
from personalize_emu.cli.running_server.explain import add_explain
from personalize_emu.cli.running_server.faults import add_fail, add_fail_job, add_faults
from personalize_emu.cli.running_server.log import add_log
from personalize_emu.cli.running_server.reset import add_health, add_reset
from personalize_emu.cli.running_server.usage import add_usage
from personalize_emu.cli.serve import add_serve
from personalize_emu.cli.shop import add_shop
from personalize_emu.cli.try_file import add_try
from personalize_emu.settings import DOCUMENTATION_URL, REPOSITORY_URL

INTERRUPTED = 130
BROKEN_PIPE = 141
"""As shells count them: 128 plus the number of the signal, here SIGINT and SIGPIPE."""

EXAMPLES = """\
examples:
  personalize-emu serve                      serve Personalize, S3, IAM, ... on http://127.0.0.1:4577
  personalize-emu serve --port 0             the same on a free port, which is printed
  eval "$(personalize-emu env)"              point the AWS CLI and SDKs of this shell at the server
  aws personalize list-recipes               use it like AWS
  personalize-emu reset                      delete everything on the server
  personalize-emu init start.yaml            create resources on the server from a file
  personalize-emu export state.tar.gz        write the state of the server to one file, for `import` and for tests
  personalize-emu try ratings.csv            go from a file to recommendations
  personalize-emu explain CAMPAIGN_ARN --user 42 --item 318
                                             say why an item is recommended to a user
  personalize-emu log SOLUTION_VERSION_ARN   print what a job has done, and why it has failed
  personalize-emu check views.csv --schema views.avsc
                                             say what the service would refuse in a file
  personalize-emu usage                      say what the run would have cost on AWS
  personalize-emu answer --campaign home-page a b c
                                             declare a campaign without data that answers a, b, c
  personalize-emu calls PutEvents            print the calls of an operation
  personalize-emu fail PutEvents ThrottlingException --times 2
                                             let the next two calls fail
  personalize-emu kinesis --stream clicks    send the records of a stream as events
  personalize-emu demo                       run a complete example
  personalize-emu shop --visitors 500        open a web shop with an A/B test, after 500 simulated visitors

documentation: {repository}#documentation
"""


def _add_demo(commands: Commands) -> None:
    """The demo parses its own options."""
    commands.add_parser("demo", help="run a complete example on the bundled shop data", add_help=False)


COMMANDS: Mapping[Callable[[Commands], None], str] = MappingProxyType(
    {
        add_serve: "serving.md",
        add_reset: "serving.md",
        add_export: "state.md",
        add_import: "state.md",
        add_env: "serving.md",
        add_health: "serving.md",
        add_try: "try.md",
        add_shop: "shop.md",
        add_explain: "try.md",
        add_log: "console.md",
        add_check: "data-and-schemas.md",
        add_usage: "usage-and-cost.md",
        add_answer: "test-doubles.md",
        add_answers: "test-doubles.md",
        add_calls: "test-doubles.md",
        add_fail: "test-doubles.md",
        add_fail_job: "test-doubles.md",
        add_faults: "test-doubles.md",
        add_init: "infrastructure.md",
        add_kinesis: "events.md",
        add_doctor: "errors.md",
        _add_demo: "quickstart.md",
    }
)
"""What adds a command, and the page of the documentation that tells about it.

Each adds one parser, whose default `run` is a function of the parsed options that returns the exit code.
`run` may raise CommandFailed, or ValueError for options that are not allowed.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted, 141 output not read.

    argv: the command; by default that of this process, which then exits without waiting for training threads when it is
    interrupted.
    """
    try:
        try:
            return run(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    if argv is None:
        os._exit(code)
    return code


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code, without handling of signals."""
    parser = _parser()
    if arguments[:1] == ["demo"]:
        return _demo(arguments[1:])
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except CommandFailed as error:
        return failure(str(error))
    except ValueError as error:
        return failure(str(error), WRONG_USE)
    return code


def _demo(arguments: Sequence[str]) -> int:
    from personalize_emu.demo.run import main as run_demo

    return run_demo(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="An emulator of Amazon Personalize that trains real models on your data.",
        epilog=EXAMPLES.format(repository=REPOSITORY_URL),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {installed(PROGRAM) or 'unknown'}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for add_command, page in COMMANDS.items():
        add_command(commands)
        *_, command = commands.choices.values()
        command.epilog = f"{command.epilog or ''}\ndocumentation: {DOCUMENTATION_URL}/{page}".lstrip()
        # Others break URLs at hyphens.
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser
