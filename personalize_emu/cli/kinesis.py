"""`personalize-emu kinesis`: sends the records of a stream as events (edge/kinesis)."""

from __future__ import annotations

import argparse

from personalize_emu.cli.options import CommandFailed, Commands, settings_of
from personalize_emu.edge.kinesis.options import add_options


def add_kinesis(commands: Commands) -> None:
    parser = commands.add_parser(
        "kinesis",
        help="send the records of a Kinesis stream as events, continuing from its checkpoints",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.set_defaults(run=_kinesis)


def _kinesis(chosen: argparse.Namespace) -> int:
    from personalize_emu.edge.kinesis.command import consume
    from personalize_emu.edge.kinesis.consumer import Refused

    try:
        return consume(chosen, settings_of(chosen))
    except Refused as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"cannot keep checkpoints in {error.filename}: {error.strerror or error}") from error
