"""What the service would refuse or warn about in converted files, and what to do (`personalize_emu.data_check`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from personalize_emu.data_check.check import check_files
from personalize_emu.data_check.files import DataFile
from personalize_emu.data_check.findings import Finding, Report
from personalize_emu.data_check.recipes import recipe_named
from personalize_emu.recipes.training.training import MINIMUM_INTERACTIONS, MINIMUM_USERS
from personalize_emu.tryout.columns import Guess
from personalize_emu.tryout.conversion import Upload
from personalize_emu.tryout.session import TryFailed
from personalize_emu.tryout.tables import Table

ALL_DIFFERENT = 0.99
"""Share of rows with a value of their own from which a column is taken for one that numbers the rows."""
FEW_ROWS = 20
"""Too few to say so."""


class UnsuitableData(TryFailed, ValueError):
    """The service would refuse the data; the message says what was guessed, what is wrong and what to do."""


def checked(table: Table, guess: Guess, uploads: Mapping[str, Upload], recipe: str, now: float) -> list[Finding]:
    """Warnings and figures of what is to be imported.

    Args:
        table, guess: the interactions as they were given. uploads: what is made of them, by dataset type.
        recipe: its minima are checked. now: epoch seconds.

    Raises:
        UnsuitableData: the service would refuse the data.
        ValueError: there is no such recipe, or it does not recommend items to users.
    """
    require_recipe(recipe)
    report = _report(table, uploads, recipe, now)
    if report.refused:
        raise UnsuitableData("\n".join(_explanation(table, guess, uploads["Interactions"], report)))
    return report.findings


def require_recipe(recipe: str) -> None:
    """Raises ValueError: there is no such recipe, or it does not recommend items to users."""
    facts = recipe_named(recipe)
    if facts.operation != "GetRecommendations" or "itemId" in facts.needs or facts.domain is not None:
        raise ValueError(f"{recipe} does not recommend items to users; the default is aws-user-personalization-v2")


def _report(table: Table, uploads: Mapping[str, Upload], recipe: str, now: float) -> Report:
    """Of the files as they will be imported, under the names that people know."""
    with TemporaryDirectory() as folder:
        files = []
        for kind, upload in uploads.items():
            name = Path(table.name).name if kind == "Interactions" else kind.lower()
            path = Path(folder, kind, name)
            path.parent.mkdir()
            path.write_text(upload.csv, encoding="utf-8")
            files.append(DataFile(path, upload.schema))
        return check_files(files, recipe=recipe, now=now)


def _explanation(table: Table, guess: Guess, upload: Upload, report: Report) -> Iterator[str]:
    yield f"{table.name} cannot be used ({counted_rows(table)}, {upload.rows:,} of them with all that is needed)"
    yield from (f"  wrong:   {each.text}" for each in report.findings if each.level == "refused")
    yield from (f"  note:    {note}" for note in (*table.notes, *upload.notes))
    yield f"  guessed: {', '.join(' '.join(line.split()) for line in guess.lines())}"
    yield from (f"  to do:   {text}" for text in _advice(table, guess, upload))


def _advice(table: Table, guess: Guess, upload: Upload) -> Iterator[str]:
    """What can be wrong with the guess, and what to do."""
    rows = len(table.rows)
    if guess.time is not None and not upload.rows:
        yield f"if {guess.time} is the time, write it in one of the forms that the note names"
        yield f"if {guess.time} is not the time, name another column with {_option('time')}, or '' if there is none"
    for role, column in (("user", guess.user), ("item", guess.item)):
        counts = Counter(table.column(column))
        if len(counts) == 1:
            yield f"all rows have the same {role}, {column} {min(counts)!r}: name another column with {_option(role)}"
        elif rows >= FEW_ROWS and len(counts) >= ALL_DIFFERENT * rows:
            yield (
                f"nearly every row has another {role}: if {column} numbers the rows, name the {role} with "
                f"{_option(role)}; if this is a file of {role}s, give the interactions instead"
            )
        elif role == "user" and rows >= MINIMUM_INTERACTIONS and len(counts) < MINIMUM_USERS:
            yield f"{column} has {len(counts)} different values only: if another column is the user, {_option(role)}"
    if rows < MINIMUM_INTERACTIONS:
        yield "give a file with more rows; `personalize-emu demo` shows the whole path on bundled data"


def counted_rows(table: Table) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{len(table.rows):,} row{'' if len(table.rows) == 1 else 's'}"


def _option(role: str) -> str:
    return f"--{role}-column ({role}= in Python)"
