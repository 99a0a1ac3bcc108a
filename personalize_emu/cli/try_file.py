"""`personalize-emu try`: from a file of interactions to recommendations in one command."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalize_emu.cli.options import DONE, CommandFailed, Commands

if TYPE_CHECKING:
    from personalize_emu.tryout.columns import Guess
    from personalize_emu.tryout.session import TrySession
    from personalize_emu.tryout.tables import Table

EXAMPLES = """\
examples:
  personalize-emu try ratings.csv
  personalize-emu try ratings.csv --items movies.csv --user 42
  personalize-emu try clicks.csv --user-column visitor --item-column sku --no-serve

Columns are guessed from their names, times also from their values; times may be seconds, milliseconds or dates. Prints
what was guessed, offline metrics beside popularity, and lists for some users; then a server stays with everything
loaded, until Ctrl-C.
"""
ROLES = ("user", "item", "time", "event", "rating")
RECIPE = "aws-user-personalization-v2"
SHOWN_USERS = 3
SHOWN_ITEMS = 8
METRICS = ("precision_at_10", "normalized_discounted_cumulative_gain_at_10", "mean_reciprocal_rank_at_25", "coverage")


def add_try(commands: Commands) -> None:
    parser = commands.add_parser(
        "try",
        help="go from a file of interactions to recommendations in one command",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV with users, items and, if known, times")
    parser.add_argument("--items", type=Path, metavar="FILE", help="CSV with metadata and titles of the items")
    parser.add_argument("--recipe", default=RECIPE, help="default: %(default)s")
    parser.add_argument("--user", action="append", help="show the list of this user; may be repeated")
    for role in ROLES:
        none = "" if role in ("user", "item") else "; '' if there is none"
        text = f"the column of the {role}, instead of a guess{none}"
        parser.add_argument(f"--{role}-column", metavar="NAME", help=text)
    parser.add_argument("--port", default="0", help="of the server that stays; default: a free one")
    parser.add_argument("--no-serve", action="store_true", help="end instead of leaving the server running")
    parser.set_defaults(run=_try)


def _try(chosen: argparse.Namespace) -> int:
    from personalize_emu.edge.testing.server_process import ServerFailed, ServerProcess
    from personalize_emu.tryout.session import TryFailed

    uploads, titles, interactions = _prepared(chosen)
    try:
        with ServerProcess("--port", chosen.port) as server:
            session = _trained(server.url, uploads, chosen.recipe)
            _show_metrics(session, chosen.recipe)
            users = chosen.user or [user for user, _ in Counter(interactions).most_common(SHOWN_USERS)]
            for user in users:
                _show_list(session, user, titles, is_known=user in interactions)
            if not chosen.no_serve:
                _stay(server.url, session, server)
    except (TryFailed, ServerFailed) as error:
        raise CommandFailed(str(error).strip()) from error
    return DONE


def _prepared(chosen: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Files to import by dataset type, titles by item id, and the user of each interaction.

    Raises:
        ValueError: the files cannot be used; the message says what was guessed, what is wrong and what to do.
    """
    from personalize_emu.tryout.advice import checked, counted_rows, require_recipe
    from personalize_emu.tryout.columns import item_column
    from personalize_emu.tryout.conversion import interactions_of, items_of, title_column
    from personalize_emu.tryout.in_process import titles_of

    require_recipe(chosen.recipe)
    table = _read(chosen.file)
    guess = _guess(chosen, table)
    print(f"{table.name}: {counted_rows(table)}")
    print("\n".join(f"  {line}" for line in guess.lines()))
    uploads, titles = {"Interactions": interactions_of(table, guess)}, {}
    if chosen.items is not None:
        described = _read(chosen.items)
        key = item_column(described, table, guess)
        titles, upload = titles_of(described, key), items_of(described, key)
        named = f" in {title_column(described, key)}" if titles else ""
        print(f"{described.name}: {counted_rows(described)}, item {key}, {len(titles):,} titles{named}")
        if upload is not None:
            uploads["Items"] = upload
    findings = checked(table, guess, uploads, chosen.recipe, time.time())
    for note in (*table.notes, *uploads["Interactions"].notes):
        print(f"  {note}")
    for finding in findings:
        print(f"  {'warning: ' if finding.level == 'warning' else ''}{finding.text}")
    return uploads, titles, table.column(guess.user)


def _guess(chosen: argparse.Namespace, table: Table) -> Guess:
    """Raises ColumnNotFound: columns are undecided; the message ends with a command in which they can be filled in."""
    from personalize_emu.tryout.columns import ColumnNotFound, guess_columns

    try:
        return guess_columns(table, {role: getattr(chosen, f"{role}_column") for role in ROLES})
    except ColumnNotFound as error:
        if not error.columns:
            raise
        raise ColumnNotFound(f"{error}\n  {_command(chosen, error.columns)}") from error


def _command(chosen: argparse.Namespace, columns: Mapping[str, str]) -> str:
    """What was called, with these columns. columns: role to name."""
    words = ["personalize-emu", "try", str(chosen.file)]
    words += ["--items", str(chosen.items)] if chosen.items is not None else []
    words += ["--recipe", chosen.recipe] if chosen.recipe != RECIPE else []
    words += [word for user in chosen.user or () for word in ("--user", user)]
    names = {role: columns.get(role, getattr(chosen, f"{role}_column")) for role in ROLES}
    words += [word for role, name in names.items() if name is not None for word in (f"--{role}-column", name)]
    words += ["--port", chosen.port] if chosen.port != "0" else []
    return shlex.join([*words, *(["--no-serve"] if chosen.no_serve else [])])


def _read(path: Path) -> Table:
    from personalize_emu.tryout.tables import read_csv

    try:
        return read_csv(path)
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror or error}") from error


def _trained(url: str, uploads: Mapping[str, Any], recipe: str) -> TrySession:
    from personalize_emu.edge.endpoints import KEY, admin_call
    from personalize_emu.tryout.in_process import REGION, clients
    from personalize_emu.tryout.session import POPULAR, TrySession

    def share(arn: str) -> float:
        running = {job.get("arn"): job["percent"] for job in admin_call(url, "GET", "health")["running"]}
        return float(running.get(arn, 0)) / 100

    access = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "region_name": REGION, "endpoint_url": url}
    session = TrySession(clients(**access), _Bar().show, share)
    group = session.load("try", uploads)
    session.train(group, {"recommended": recipe, "popular": POPULAR})
    return session


class _Bar:
    """A line on a terminal that shows what is being done; on anything else, a line at each end."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def show(self, what: str, share: float) -> None:
        if share >= 1:
            sys.stderr.write(f"{self._back()}{what}: done\n")
        elif sys.stderr.isatty():
            filled = round(30 * share)
            sys.stderr.write(f"{self._back()}{what} [{'#' * filled}{' ' * (30 - filled)}] {100 * share:3.0f} %")
        sys.stderr.flush()

    def _back(self) -> str:
        return "\r\x1b[K" if sys.stderr.isatty() else ""


def _show_metrics(session: TrySession, recipe: str) -> None:
    print(f"\n{'offline metric':45} {recipe:>28} {'popularity':>12}")
    ours, popular = session.metrics["recommended"], session.metrics["popular"]
    for name in METRICS:
        if name in ours:
            print(f"{name:45} {ours[name]:28.4f} {popular.get(name, float('nan')):12.4f}")


def _show_list(session: TrySession, user: str, titles: Mapping[str, str], *, is_known: bool) -> None:
    print(f"\nuser {user}{'' if is_known else ', of whom the file has no rows'}")
    for item in session.items("recommended", SHOWN_ITEMS, userId=user):
        print(f"  {item:>12}  {titles.get(item, '')}".rstrip())


def _stay(url: str, session: TrySession, server: Any) -> None:
    print(f"\nThe server stays at {url}; Ctrl-C ends it. In another terminal:")
    print(f'  eval "$(personalize-emu env --port {url.rpartition(":")[2]})"')
    arn = session.campaigns["recommended"]
    print(f"  aws personalize-runtime get-recommendations --campaign-arn {arn} --user-id ...")
    print(f"  open {url}/_emu/console", flush=True)
    server.process.wait()
