"""The state of one emulator in a data directory: read at the start, written with every change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from personalize_emu.durability.archive import export_directory
from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.database import Database, Statement
from personalize_emu.durability.directory import DataDirectory, UnusableDirectory, damaged
from personalize_emu.durability.encryption.locked_groups import Node
from personalize_emu.durability.encryption.sealing import Sealer, WronglySealed
from personalize_emu.durability.entries import Entries
from personalize_emu.durability.figures import Figures
from personalize_emu.durability.records import record_of
from personalize_emu.durability.recovery import (
    Ended,
    ResumedKinds,
    end_what_was_under_way,
    go_on,
    go_on_with_data,
    resume_jobs,
)
from personalize_emu.durability.service_rows import ServiceRows
from personalize_emu.durability.state_journal import EVERYTHING, PUT_FACT, StateJournal, event_name
from personalize_emu.kms_keys import KeyUnavailable
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.emulator_state import EmulatorState, Keeping
from personalize_emu.state.clock import Clock
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.resources import Dataset, Resource

_CLOCK, _STARTS, _QUOTA = "clock", "starts", "quota"
_DROP_QUOTAS = f"DELETE FROM facts WHERE name LIKE '{_QUOTA} %'"
_DROP_ORPHANS = "DELETE FROM events WHERE dataset NOT IN (SELECT ordinal FROM resources WHERE kind = 'Dataset')"
"""Events that arrived while their dataset was being deleted."""
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OSError)
"""What damaged records raise."""


@dataclass(frozen=True)
class Loaded:
    """What was read at the start. events: individual records of datasets."""

    resources: int
    events: int
    ended: Ended
    resume_jobs: Callable[[], None]
    """Begins jobs again, once the services that they read are there."""

    def __str__(self) -> str:
        parts = [f"{self.resources} resources", f"{self.events} individual records"]
        if self.ended.failed:
            parts.append(f"{self.ended.failed} interrupted by the restart")
        if self.ended.unfinished:
            parts.append(f"{len(self.ended.unfinished)} jobs begun again")
        if self.ended.deleted:
            parts.append(f"{self.ended.deleted} deletions finished")
        return ", ".join(parts)


class DurableState:
    """A data directory in use.

    version: of this package. full: see `Database`.

    Raises:
        UnusableDirectory: the text says why, and what can be done.
    """

    def __init__(self, path: Path, version: str, *, full: bool = False) -> None:
        with ExitStack() as opened, _usable(path):
            self._directory = DataDirectory(path)
            opened.callback(self._directory.close)
            self._database = Database(self._directory, version, full=full)
            opened.callback(self._database.close)
            self._blobs = Blobs(self._directory, self._database.synchronise)
            self.start = self._counted_start()
            opened.pop_all()
        self._journal = StateJournal(self._database, self._blobs)
        self._figures: Figures | None = None
        self.services = ServiceRows(self._database, self._blobs)
        """Of the embedded AWS services."""

    @property
    def keeping(self) -> Keeping:
        """For a new state, before its first record."""
        return self._journal.keeping

    def load(
        self,
        state: EmulatorState,
        clock: Clock,
        context_of: Callable[[str, str], Context],
        resumed: ResumedKinds,
    ) -> Loaded:
        """Fill a new state, end what was under way, and write what changes from now on.

        context_of: of a region and an account. resumed: kinds of jobs that `resume_jobs` begins again.

        Raises UnusableDirectory: what was read is damaged; the directory is not in use any more.
        """
        try:
            with _usable(self._directory.path):
                return self._load(state, clock, context_of, resumed)
        except UnusableDirectory:
            self.close()
            raise

    def _load(
        self,
        state: EmulatorState,
        clock: Clock,
        context_of: Callable[[str, str], Context],
        resumed: ResumedKinds,
    ) -> Loaded:
        clock.restore(float(self._database.fact(_CLOCK, "0")))
        self._database.queue([Statement(_DROP_ORPHANS)], self._database.generation)
        self._database.flush()
        entries = self._journal.entries_of(state)
        nodes = dict(self._read_records(entries))
        self._blobs.start_over((row[0], row[1]) for row in self._database.rows("SELECT arn, name FROM blobs"))
        events = next(self._database.rows("SELECT count(*) FROM events"))[0]
        figures = self._read_figures(state, clock)

        def context(arn: str) -> Context:
            parsed = parse_arn(arn)
            if parsed is None:
                raise damaged(self._directory.path, f"{arn} is no ARN")
            return context_of(parsed.region, parsed.account)

        self._lock_groups(entries, context)
        self._journal.follow(state)
        found = [record for record in map(state.store.find, nodes) if record is not None]
        with state.store.lock:
            ended = end_what_was_under_way(context, found, resumed)
        go_on(context, nodes)
        self._begin_figures(figures)
        return Loaded(len(nodes), events, ended, partial(resume_jobs, context, ended.unfinished, resumed))

    def _read_figures(self, state: EmulatorState, clock: Clock) -> Figures:
        figures = Figures(self._database, state)
        try:
            figures.restore(clock.now())
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self._refuse("usage", error)
        return figures

    def _begin_figures(self, figures: Figures) -> None:
        self._figures = figures
        figures.begin()

    @property
    def quotas(self) -> dict[str, int]:
        """Quotas that have been changed, by name."""
        rows = self._database.rows("SELECT name, value FROM facts WHERE name LIKE ?", f"{_QUOTA} %")
        return {name.removeprefix(f"{_QUOTA} "): int(value) for name, value in rows}

    def save_quota(self, name: str, number: int) -> None:
        """Raises NotWritten."""
        self._put_fact(f"{_QUOTA} {name}", str(number))

    def save_clock(self, clock: Clock) -> None:
        """Raises NotWritten."""
        self._put_fact(_CLOCK, repr(clock.advanced))

    def _put_fact(self, name: str, value: str) -> None:
        self._database.queue([Statement(PUT_FACT, ((name, value),))], self._database.generation)
        self._database.flush()

    def reset(self) -> None:
        """Remove everything, in one transaction; the journal of the old state writes nothing any more."""
        facts = Statement(PUT_FACT, ((_CLOCK, "0"), (_STARTS, "0")))
        self._database.start_over((*EVERYTHING, Statement(_DROP_QUOTAS), facts))
        if self._figures is not None:
            self._figures.stop()
        self._journal, self.start = StateJournal(self._database, self._blobs), 0
        self._blobs.start_over(())

    def forget_region(self, region: str) -> None:
        """Have the figures of a region removed with its resources. Called under the store's lock."""
        if self._figures is not None:
            self._figures.queue_without(region)

    def export(self, target: Path) -> int:
        """Raises UnusableDirectory or OSError; see `export_directory`."""
        if self._figures is not None:
            self._figures.write()
        return export_directory(self._directory.path, target)

    @property
    def journal(self) -> StateJournal:
        """For a copy of a whole state."""
        return self._journal

    def write_facts(self, clock: Clock, quotas: Mapping[str, int]) -> None:
        """Clock and changed quotas, and what is queued in the journal. Raises NotWritten."""
        self.save_clock(clock)
        for name, number in quotas.items():
            self.save_quota(name, number)

    def write_figures(self, state: EmulatorState) -> None:
        """Of a state that nothing follows. Raises NotWritten."""
        Figures(self._database, state).write_all()

    def flush(self) -> None:
        """Write what is queued. Raises NotWritten."""
        self._database.flush()

    def follow(self, state: EmulatorState) -> None:
        """Write what changes in a new, empty state."""
        self._journal.follow(state)
        self._begin_figures(Figures(self._database, state))

    def close(self) -> None:
        if self._figures is not None:
            self._figures.close()
        self._database.close()
        self._directory.close()

    def _counted_start(self) -> int:
        number = int(self._database.fact(_STARTS, "-1")) + 1
        self._put_fact(_STARTS, str(number))
        return number

    def _lock_groups(self, entries: Entries, context_of: Callable[[str], Context]) -> None:
        """Have groups with a key opened later."""

        def restore(record: Resource, node: Node, sealer: Sealer) -> None:
            try:
                entries.restore_data(record, node, sealer)
                self._read_contents(entries, record, node, sealer)
            except _UNREADABLE as error:
                self._refuse(record.arn, error)

        def open_group(arn: str) -> None:
            try:
                entries.locked.open(context_of(arn), arn, restore, partial(go_on_with_data, context_of))
            except (UnusableDirectory, WronglySealed) as error:
                raise KeyUnavailable(str(error)) from error

        for arn, entry in entries.state.groups.items():
            if entry.key is not None:
                entries.state.group_keys.locked[arn] = partial(open_group, arn)

    def _read_records(self, entries: Entries) -> Iterator[tuple[str, Node]]:
        """Fills the state with records and entries; by ARN the entry of each, without what is encrypted."""
        state = entries.state
        query = "SELECT arn, kind, ordinal, record, tags, entry FROM resources ORDER BY ordinal"
        for arn, kind, ordinal, record_text, tags, entry in list(self._database.rows(query)):
            try:
                record, node = record_of(kind, record_text), json.loads(entry)
                state.store.restore(record, ordinal, json.loads(tags))
                entries.restore(record, node)
                if entries.locked.lock(record, node):
                    self._check_files(arn)
                else:
                    entries.restore_data(record, node, None)
                    self._read_contents(entries, record, node, None)
            except _UNREADABLE as error:
                self._refuse(arn, error)
            yield arn, node

    def _check_files(self, arn: str) -> None:
        """Refuse damaged files also while they cannot be decrypted."""
        for (name,) in list(self._database.rows("SELECT name FROM blobs WHERE arn = ?", arn)):
            self._blobs.path(name, arn)

    def _read_contents(self, entries: Entries, record: Resource, node: Node, sealer: Sealer | None) -> None:
        if not isinstance(record, Dataset) or "contents" not in node:
            return
        ordinal = entries.state.store.ordinal(record)
        query = "SELECT position, event FROM events WHERE dataset = ? ORDER BY position"

        def events() -> Iterator[tuple[int, str]]:
            # Read as a whole where others may write meanwhile.
            rows = self._database.rows(query, ordinal) if sealer is None else self._database.fetched(query, ordinal)
            for position, event in rows:
                opened = isinstance(event, bytes) and sealer is not None
                yield position, sealer.open(event_name(ordinal, position), event) if opened and sealer else event

        journal = self._journal.journal_of(ordinal, record.dataset_group_arn)
        entries.restore_contents(record, node["contents"], journal, events(), sealer)

    def _refuse(self, arn: str, error: Exception) -> NoReturn:
        what = f"{arn} in state.db cannot be read ({type(error).__name__}: {error})"
        raise damaged(self._directory.path, what) from error


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Raises UnusableDirectory for a disk that cannot be read or written to."""
    try:
        yield
    except NotWritten as error:
        raise UnusableDirectory(error.message) from error
    except OSError as error:
        raise UnusableDirectory(f"the data directory {path} cannot be used: {error.strerror}") from error
