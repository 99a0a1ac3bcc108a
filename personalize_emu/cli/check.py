"""`personalize-emu check`: what the service would refuse in data files, or warn about."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from personalize_emu.cli.options import DONE, FAILED, PROGRAM, CommandFailed, Commands

EXAMPLES = """\
examples:
  personalize-emu check interactions.csv --schema interactions.avsc
  personalize-emu check views.csv films.csv --schema views.avsc --schema films.avsc --recipe aws-similar-items
  personalize-emu check events/ --schema ecommerce/interactions --domain ECOMMERCE

A schema is a file, or the name of a bundled one such as custom/interactions. Its name (Interactions, Items, Users, ...)
says of which dataset type the file is. The exit code is 1 if the service would refuse anything.
"""


def add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="say what the service would refuse in data files, or warn about",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or Parquet file, or a folder of them")
    parser.add_argument("--schema", action="append", default=[], help="of each file, in the same order")
    parser.add_argument("--recipe", help="name or ARN of a recipe or use case, to check its minima")
    parser.add_argument("--domain", choices=("ECOMMERCE", "VIDEO_ON_DEMAND"), help="of the dataset group")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=_check)


def _check(chosen: argparse.Namespace) -> int:
    from personalize_emu.data_check.check import check_files
    from personalize_emu.data_check.files import DataFile

    if chosen.schema and len(chosen.schema) != len(chosen.files):
        raise ValueError(f"{len(chosen.files)} files and {len(chosen.schema)} schemas: give one --schema for each file")
    try:
        if not chosen.schema:
            _refuse_without_schema(chosen.files)
        pairs = zip(chosen.files, map(_schema_text, chosen.schema), strict=True)
        files = [DataFile(path, text) for path, text in pairs]
        report = check_files(files, domain=chosen.domain, recipe=chosen.recipe, now=time.time())
    except OSError as error:
        raise CommandFailed(f"cannot read {error.filename}: {error.strerror or error}") from error
    if chosen.json:
        print(json.dumps(report.members(), indent=2))
    else:
        for line in report.lines():
            print(line)
    return FAILED if report.refused else DONE


def _refuse_without_schema(files: Sequence[Path]) -> NoReturn:
    from personalize_emu.schema_files import schema_names

    for path in files:
        path.stat()  # A misspelt file is what its user has to know first.
    raise ValueError(
        f"give --schema for each file: a schema file, or one of the bundled {', '.join(schema_names())}; "
        f"without a schema, this guesses the columns: {PROGRAM} try {shlex.quote(str(files[0]))}"
    )


def _schema_text(name: str) -> str:
    """The text of a schema file, or of a bundled schema."""
    from personalize_emu.schema_files import schema_names, schema_text

    if name in schema_names() and not Path(name).exists():
        return schema_text(name)
    try:
        return Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        bundled = ", ".join(schema_names())
        raise CommandFailed(f"cannot read {name}: No such file or directory; bundled schemas are {bundled}") from None
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{name} is not a text file in UTF-8") from error
