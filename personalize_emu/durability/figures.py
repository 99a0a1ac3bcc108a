"""Figures that many requests change: usage, recommendations by id, and the history of metric attributions.

They are written in batches, once a second. Of groups with a KMS key only usage is, because the rest has data of users.

A request that changes them does not wait for the disk, so that the last second is lost when the process is killed.
Everything else is written before the answer (state_journal.py).
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from sys import intern
from typing import Any

from personalize_emu.durability.database import Database, Statement
from personalize_emu.durability.records import text_of
from personalize_emu.service.core.group_keys import group_arn_of
from personalize_emu.service.state.attribution_ledger import Ledger, Metric, SumKey
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.usage_ledger import Batch, Deployed, Training, Usage
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.identifiers import region_in
from personalize_emu.state.served_recommendations import MOST_ITEMS, ServedRecommendation, size_of

PERIOD = 1.0
"""Seconds of real time between two batches."""
_PUT = "REPLACE INTO figures VALUES (?, ?)"
_DROP = "DELETE FROM figures WHERE name = ?"
_PUT_LISTS = "INSERT INTO recommendations VALUES (?, ?, ?)"
_DROP_LISTS = "DELETE FROM recommendations WHERE number <= ?"
_DROP_LISTS_OF_REGION = "DELETE FROM recommendations WHERE region = ?"
_INGESTED, _REQUESTS, _DEPLOYED, _TRAINED, _BATCHED = "ingested", "requests", "deployed", "trained", "batched"
_HISTORY = "history"

log = logging.getLogger(__name__)


class Figures:
    """Of one state. Once it has begun, a thread writes what has changed; `close` writes the rest."""

    def __init__(self, database: Database, state: EmulatorState) -> None:
        self._database = database
        self._state = state
        self._generation = database.generation
        self._changes = (0, 0)
        self._written: dict[str, str] = {}
        self._batches: deque[tuple[int, int]] = deque()
        self._held = 0
        self._number = 0
        self._writing = threading.Lock()
        self._ended = threading.Event()

    def restore(self, now: float) -> None:
        """Fill a state whose records have been restored.

        Raises UnusableDirectory, ValueError, TypeError or LookupError.
        """
        self._written = dict(self._database.rows("SELECT name, value FROM figures"))
        usage = self._state.usage
        if self._written:
            usage.restore(_usage_of(self._written))
            for arn, sums in _histories_of(self._written).items():
                entry = self._state.attributions.get(arn)
                if entry is not None and entry.ledger is not None:
                    entry.ledger.restore_history(sums)
        usage.agree_with(self._state.store, now)
        for number, text in list(self._database.rows("SELECT number, lists FROM recommendations ORDER BY number")):
            answers = json.loads(text)
            for recommendation_id, deployment, items in answers:
                # Of a million items, most are of the same few thousand.
                self._state.answers.remember(recommendation_id, deployment, None, tuple(map(intern, items)))
            self._note(number, sum(max(len(items), 1) for _, _, items in answers))
        self._state.answers.end_restoring()

    def begin(self) -> None:
        self._state.answers.note_new()
        threading.Thread(target=self._write_now_and_then, name="personalize-emu-figures", daemon=True).start()

    def close(self) -> None:
        """Write what there is. What cannot be written is logged."""
        self.stop()
        self.write()

    def stop(self) -> None:
        """Write nothing any more by itself."""
        self._ended.set()

    def write_all(self) -> None:
        """Write everything to an empty database. Raises NotWritten."""
        parts = [*self._changed(), *self._lists(self._state.answers.items())]
        self._database.queue(parts, self._generation)
        self._database.flush()

    def write(self) -> None:
        """Write what has changed since the last time; what cannot be written is logged, and written the next time."""
        with self._writing:
            self._database.queue([*self._changed(), *self._recommendations()], self._generation)
            try:
                self._database.flush()
            except NotWritten as error:
                log.warning("usage and recommendation ids: %s", error)

    def queue_without(self, region: str) -> None:
        """Have the figures of a region, of which the state has none any more, removed by the next transaction."""
        with self._writing:
            parts = [*self._changed(), Statement(_DROP_LISTS_OF_REGION, ((region,),))]
            self._database.queue(parts, self._generation)

    def _write_now_and_then(self) -> None:
        while not self._ended.wait(PERIOD):
            self.write()

    def _changed(self) -> Iterator[Statement]:
        held = [entry.ledger for arn, entry in self._state.attributions.items() if self._is_in_clear(arn)]
        ledgers = [ledger for ledger in held if ledger is not None]
        changes = (self._state.usage.changes, sum(ledger.additions for ledger in ledgers))
        if changes == self._changes:
            return
        self._changes = changes
        now, before = dict(_usage_rows(self._state.usage.usage())), self._written
        for ledger in ledgers:
            now |= _history_rows(ledger)
        yield Statement(_PUT, [(name, value) for name, value in now.items() if before.get(name) != value])
        yield Statement(_DROP, [(name,) for name in before if name not in now])
        self._written = now

    def _recommendations(self) -> Iterator[Statement]:
        return self._lists(self._state.answers.take_new())

    def _lists(self, taken: Sequence[tuple[str, ServedRecommendation]]) -> Iterator[Statement]:
        """Without users, so that nothing of a user has to be removed here."""
        taken = [each for each in taken if self._is_in_clear(each[1].deployment_arn)]
        if not taken:
            return
        number = self._number + 1
        rows = [(number, region, text) for region, text in _lists_by_region(taken)]
        yield Statement(_PUT_LISTS, rows)
        self._note(number, sum(size_of(answer) for _, answer in taken))
        oldest = 0
        while len(self._batches) > 1 and self._held - self._batches[0][1] >= MOST_ITEMS:
            oldest, size = self._batches.popleft()
            self._held -= size
        if oldest:
            yield Statement(_DROP_LISTS, ((oldest,),))

    def _is_in_clear(self, arn: str) -> bool:
        """Whether a resource exists and is in a group without a key; without any keys, also if it is gone."""
        if not self._state.group_keys.in_use:
            return True
        record = self._state.store.find(arn)
        group_arn = None if record is None else group_arn_of(self._state.store, record)
        group = None if group_arn is None else self._state.groups.get(group_arn)
        return group is not None and group.key is None

    def _note(self, number: int, size: int) -> None:
        self._number = number
        self._batches.append((number, size))
        self._held += size


def _lists_by_region(taken: Iterable[tuple[str, ServedRecommendation]]) -> Iterator[tuple[str, str]]:
    by_deployment: defaultdict[str, list[Any]] = defaultdict(list)
    for recommendation_id, answer in taken:
        by_deployment[answer.deployment_arn].append((recommendation_id, answer.deployment_arn, answer.items))
    by_region: defaultdict[str, list[Any]] = defaultdict(list)
    for arn, lists in by_deployment.items():
        by_region[region_in(arn)] += lists
    for region, lists in by_region.items():
        yield region, text_of(lists)


def _history_rows(ledger: Ledger) -> dict[str, str]:
    arn = ledger.attribution_arn
    return {
        f"{_HISTORY} {text_of([arn, *astuple(key.metric), key.source, key.window])}": repr(value)
        for key, value in ledger.history().items()
    }


def _histories_of(rows: Mapping[str, str]) -> dict[str, dict[SumKey, float]]:
    """By attribution."""
    found: defaultdict[str, dict[SumKey, float]] = defaultdict(dict)
    for name, value in rows.items():
        kind, _, rest = name.partition(" ")
        if kind == _HISTORY:
            arn, event_type, metric, expression, source, window = json.loads(rest)
            found[arn][SumKey(Metric(event_type, metric, expression), source, window)] = float(value)
    return found


def _usage_rows(usage: Usage) -> Iterator[tuple[str, str]]:
    """Names and values of figures. Usage is only added to, so that most rows stay as they are."""
    for source, size in usage.ingested.items():
        yield f"{_INGESTED} {source}", str(size)
    for (arn, window), count in usage.requests.items():
        yield f"{_REQUESTS} {window} {arn}", str(count)
    lists: Mapping[str, tuple[Any, ...]] = {
        _DEPLOYED: usage.deployments, _TRAINED: usage.trainings, _BATCHED: usage.batches
    }  # fmt: skip
    for kind, entries in lists.items():
        for place, entry in enumerate(entries):
            yield f"{kind} {place:09d}", text_of(astuple(entry))


def _usage_of(rows: Mapping[str, str]) -> Usage:
    parts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, value in sorted(rows.items()):
        kind, _, rest = name.partition(" ")
        parts[kind][rest] = value
    requests = {}
    for name, value in parts[_REQUESTS].items():
        window, _, arn = name.partition(" ")
        requests[arn, int(window)] = int(value)
    return Usage(
        {source: int(size) for source, size in parts[_INGESTED].items()},
        requests,
        tuple(Deployed(*json.loads(value)) for value in parts[_DEPLOYED].values()),
        tuple(Training(*json.loads(value)) for value in parts[_TRAINED].values()),
        tuple(Batch(*json.loads(value)) for value in parts[_BATCHED].values()),
    )
