"""`personalize_emu.try_out`: recommendations from a data frame, in this process."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import boto3

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.runtime.explanations.explanation import Explanation
from personalize_emu.tryout.advice import checked, require_recipe
from personalize_emu.tryout.columns import guess_columns, item_column
from personalize_emu.tryout.conversion import Upload, interactions_of, items_of, title_column
from personalize_emu.tryout.session import POPULAR, RELATED, TrySession
from personalize_emu.tryout.tables import Table, table_of

REGION = "us-east-1"
SERVICES = ("personalize", "personalize-runtime", "s3")
RECIPE = "aws-user-personalization-v2"


def try_out(frame: Any, items: Any = None, *, recipe: str = RECIPE, **columns: str) -> TriedOut:
    """Train on a data frame or a list of dicts and return an object that recommends.

    Args:
        frame: interactions. The columns of user, item, time, event type and rating are guessed.
        items: metadata of items, with a column of the same item ids; titles are shown.
        recipe: a recipe that recommends to users.
        columns: `user`, `item`, `time`, `event`, `rating`: names of columns that are not to be guessed.

    Raises:
        UnreadableTable, ColumnNotFound: the data have another form.
        UnsuitableData: the service would refuse them, for example because there are too few.
        ValueError: no such recipe. TryFailed: a job failed.
    """
    require_recipe(recipe)
    table = table_of(frame, "the interactions")
    guess = guess_columns(table, columns)
    uploads: dict[str, Upload] = {"Interactions": interactions_of(table, guess)}
    titles: dict[str, str] = {}
    if items is not None:
        described = table_of(items, "the items")
        key = item_column(described, table, guess)
        titles = titles_of(described, key)
        upload = items_of(described, key)
        if upload is not None:
            uploads["Items"] = upload
    findings = checked(table, guess, uploads, recipe, time.time())
    with ExitStack() as stack:
        emulator = stack.enter_context(mock_personalize())
        session = TrySession(clients(region_name=REGION))
        group = session.load("try", uploads)
        session.train(group, {"recommended": recipe, "related": RELATED, "popular": POPULAR})
        warnings = [finding.text for finding in findings if finding.level == "warning"]
        notes = (*table.notes, *uploads["Interactions"].notes, *warnings)
        return TriedOut(session, titles, emulator, stack.pop_all(), notes)


def clients(**options: str) -> dict[str, Any]:
    """The clients that a session needs, by service name. options: of `boto3.client`."""
    client: Any = boto3.client
    return {name: client(name, **options) for name in SERVICES}


def titles_of(table: Table, item: str) -> dict[str, str]:
    """Item id to title; empty if no column is one."""
    column = title_column(table, item)
    return {} if column is None else dict(zip(table.column(item), table.column(column), strict=True))


class TriedOut:
    """What `try_out` has trained. Close it, or use it as a context manager, to end its emulator."""

    def __init__(
        self,
        session: TrySession,
        titles: dict[str, str],
        emulator: Emulator,
        stack: ExitStack,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        """What was left out, made up or converted, and warnings, for people."""
        self._session = session
        self._titles = titles
        self._emulator = emulator
        self._stack = stack

    def __enter__(self) -> TriedOut:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Offline metrics of the recipe (`recommended`), of similar items (`related`) and of popularity (`popular`)."""
        return self._session.metrics

    def recommend(self, user: object, n: int = 10) -> list[str]:
        """Titles, or ids of items without title, for a user, the best first."""
        return self._named(self._session.items("recommended", n, userId=str(user)))

    def similar(self, item: object, n: int = 10) -> list[str]:
        """Titles or ids of items that are similar to an item, by its id."""
        return self._named(self._session.items("related", n, itemId=str(item)))

    def explain(self, user: object, item: object) -> Explanation:
        """Why an item, by its id, is recommended to a user: the parts of its score and the effect of known items.

        Raises:
            AwsError: no such item, or it must not be recommended.
        """
        return self._emulator.explain(self._session.campaigns["recommended"], str(user), str(item))

    def close(self) -> None:
        """End the emulator."""
        self._stack.close()

    def _named(self, items: list[str]) -> list[str]:
        return [self._titles.get(item, item) for item in items]
