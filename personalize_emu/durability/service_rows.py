"""What embedded AWS services have: one row of JSON for each part, by name, and files for what is large."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.database import Database, Statement
from personalize_emu.durability.directory import UnusableDirectory, damaged
from personalize_emu.durability.records import text_of
from personalize_emu.durability.state_journal import DROP_BLOBS, PUT_BLOB
from personalize_emu.state.commit_lock import NotWritten

_PUT = "REPLACE INTO services VALUES (?, ?)"
_DROP = "DELETE FROM services WHERE name = ?"
_OBJECT = ".object"


@dataclass(frozen=True)
class ServiceRow:
    """node: JSON. names: of the files that it refers to."""

    node: Any
    names: frozenset[str] = frozenset()


class ServiceRows:
    """Any thread may call any method."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._unsaved: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def rows(self) -> Iterator[tuple[str, Any]]:
        """By name in its order. Raises UnusableDirectory."""
        for name, node in list(self._database.rows("SELECT name, node FROM services ORDER BY name")):
            yield name, json.loads(node)

    def names(self, prefix: str) -> list[str]:
        """Of the rows whose name begins so, in their order."""
        query = "SELECT name FROM services WHERE substr(name, 1, ?) = ? ORDER BY name"
        return [str(row[0]) for row in self._database.fetched(query, len(prefix), prefix)]

    def put(self, rows: Mapping[str, ServiceRow | None]) -> None:
        """Write rows in one transaction; None removes one. Raises NotWritten."""
        statements = []
        for name, row in rows.items():
            statements.append(Statement(DROP_BLOBS, ((name,),)))
            if row is None:
                statements.append(Statement(_DROP, ((name,),)))
                continue
            statements.append(Statement(_PUT, ((name, text_of(row.node)),)))
            statements.append(Statement(PUT_BLOB, [(name, file) for file in row.names]))
        with self._lock:
            # What cannot be flushed stays queued, and is there with a later flush.
            self._database.queue(statements, self._database.generation)
            self._unsaved |= {name: frozenset() if row is None else row.names for name, row in rows.items()}
            self._database.flush()
            self._blobs.refer(self._unsaved)
            self._unsaved = {}

    def write(self, content: bytes) -> str:
        """The name of a file with this content, for a row that is put next. Raises NotWritten."""
        try:
            return self._blobs.write(_OBJECT, lambda file: file.write(content))
        except OSError as error:
            _refuse(error)

    def damaged(self, name: str, error: Exception) -> UnusableDirectory:
        """The error for a row that cannot be read."""
        return damaged(self._database.path, f"{name} in state.db cannot be read ({type(error).__name__}: {error})")

    def read(self, name: str, owner: str) -> bytes:
        """Raises UnusableDirectory."""
        return self._blobs.path(name, owner).read_bytes()


def _refuse(error: OSError) -> NoReturn:
    raise NotWritten(f"The change could not be written to the data directory: {error.strerror}.") from error
