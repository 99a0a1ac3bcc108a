"""The SQLite database of a data directory: its format, transactions, and what is read back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from personalize_emu.durability.directory import (
    DATABASE,
    DataDirectory,
    UnusableDirectory,
    damaged,
    make_private,
    synchronise_file,
    synchronise_folder,
)
from personalize_emu.state.commit_lock import NotWritten

APPLICATION_ID = 0x50_45_4D_55
"""Marks the file as ours, see `PRAGMA application_id`."""
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE resources (
        arn TEXT PRIMARY KEY, kind TEXT NOT NULL, ordinal INTEGER NOT NULL, record TEXT NOT NULL, tags TEXT NOT NULL,
        entry TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE blobs (arn TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (arn, name)) WITHOUT ROWID;
    CREATE TABLE events (
        dataset INTEGER NOT NULL, position INTEGER NOT NULL, user TEXT, event TEXT NOT NULL,
        PRIMARY KEY (dataset, position)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE services (name TEXT PRIMARY KEY, node TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE figures (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE recommendations (
        number INTEGER NOT NULL, region TEXT NOT NULL, lists TEXT NOT NULL, PRIMARY KEY (number, region)
    ) WITHOUT ROWID;
    """,
    """
    -- Entries, events and files of groups with a key are encrypted, and there are rows of KMS and STS.
    """,
)
"""From each format to the next. Format n is what the first n of them make; a released one is never changed."""


@dataclass(frozen=True)
class Statement:
    """rows: of parameters, one for each execution."""

    text: str
    rows: Sequence[Sequence[Any]] = ((),)


class Database:
    """Writes are queued and written in order, those of several threads in one transaction.

    full: also survive a loss of power; otherwise only the end of the process.

    Raises:
        UnusableDirectory: the database is damaged, or of a newer version.
    """

    def __init__(self, directory: DataDirectory, version: str, *, full: bool = False) -> None:
        self.path = directory.path
        self._pending: list[Statement] = []
        self._queue, self._writing = threading.Lock(), threading.Lock()
        self._generation = 0
        self._closed = False
        if not directory.database.exists():
            # SQLite gives its other files the same mode.
            try:
                make_private(directory.database)
            except OSError as error:
                raise UnusableDirectory(f"the data directory {self.path} cannot be used: {error.strerror}") from error
        self._connection = sqlite3.connect(
            directory.database, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            self._open(version, full=full)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise damaged(self.path, f"state.db cannot be read ({error})") from error
        except UnusableDirectory:
            self._connection.close()
            raise

    def _open(self, version: str, *, full: bool) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        application, file_format = self._number("application_id"), self._number("user_version")
        if application not in (0, APPLICATION_ID):
            raise damaged(self.path, "state.db is the database of another program")
        if file_format > len(MIGRATIONS):
            raise UnusableDirectory(
                f"the data directory {self.path} was written by personalize-emu {self.fact('version', 'of later')} in "
                f"format {file_format}; this is {version}, which reads formats up to {len(MIGRATIONS)}. Use that "
                "version or a newer one."
            )
        faults = [row[0] for row in run("PRAGMA quick_check(3)") if row[0] != "ok"]
        if faults:
            raise damaged(self.path, f"state.db: {'; '.join(faults)}")
        if file_format == 0 and run("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise damaged(self.path, "state.db has tables but no format")
        for number, script in enumerate(MIGRATIONS[file_format:], file_format + 1):
            self._connection.executescript(
                f"BEGIN; {script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
            )
        run("REPLACE INTO facts VALUES ('version', ?)", (version,))

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    def fact(self, name: str, default: str) -> str:
        found = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if found is None else str(found[0])

    def rows(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Raises UnusableDirectory for a database that is damaged."""
        try:
            yield from self._connection.execute(query, parameters)
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, f"state.db cannot be read ({error})") from error

    def fetched(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows, while others write."""
        with self._writing:
            return list(self._connection.execute(query, parameters))

    @property
    def generation(self) -> int:
        """How often `start_over` was called."""
        return self._generation

    def queue(self, statements: Iterable[Statement], generation: int) -> None:
        """Have statements written by the next `flush`, after those queued before; not those of an older generation."""
        with self._queue:
            if not self._closed and generation == self._generation:
                self._pending.extend(statements)

    def flush(self) -> None:
        """Write all that is queued in one transaction. Raises NotWritten; then it stays queued."""
        with self._writing:
            with self._queue:
                taken, self._pending = self._pending, []
            if not taken:
                return
            is_written = False
            try:
                self._write(taken)
                is_written = True
            except sqlite3.Error as error:
                raise self._not_written(error) from error
            finally:
                if not is_written:
                    with self._queue:
                        self._pending[:0] = taken

    def _not_written(self, error: sqlite3.Error) -> NotWritten:
        return NotWritten(
            f"The change could not be written to the data directory {self.path}: {error}. It may be there once the "
            "directory can be written to again."
        )

    def _write(self, statements: Iterable[Statement]) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                self._connection.executemany(statement.text, statement.rows)
            run("COMMIT")
        finally:
            # Whatever was raised: an open transaction would refuse all later ones.
            if self._connection.in_transaction:
                run("ROLLBACK")

    def synchronise(self) -> None:
        """Wait until the disk has all that is committed. Raises OSError."""
        log = self.path / f"{DATABASE}-wal"
        if log.exists():
            synchronise_file(log)
            synchronise_folder(self.path)

    def start_over(self, statements: Iterable[Statement]) -> None:
        """Write these statements and begin another generation; what is queued is forgotten. Raises NotWritten."""
        with self._writing, self._queue:
            try:
                self._write(statements)
            except sqlite3.Error as error:
                raise self._not_written(error) from error
            self._generation += 1
            self._pending.clear()

    def close(self) -> None:
        with self._writing:
            with self._queue:
                self._closed = True
            self._connection.close()
