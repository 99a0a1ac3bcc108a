"""What the routes below /_emu show of dataset groups whose KMS key cannot be used: no data, wherever they are quoted.

Reasons of failures, warnings of jobs and recorded calls can quote cells of files, users and items. Reasons that tell of
the key stay, as they quote none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from personalize_emu.doubles.recorded_calls import RecordedCalls
from personalize_emu.service.core.group_keys import group_arn_of, tells_of_key_only
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import JobLogs, LogLine
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.resources import Resource, Schema
from personalize_emu.state.store import Store
from personalize_emu.wire.models import Operation

HIDDEN = "(not shown: the KMS key of the dataset group cannot be used)"
_UPDATES = tuple(f"latest_{kind}_update" for kind in ("campaign", "recommender", "solution", "dataset"))
_REASON = "failureReason"
_METRICS = "GetSolutionMetrics"


def without_data(state: EmulatorState, groups: frozenset[str]) -> EmulatorState:
    """The state, for reading only. groups: whose data are not shown."""
    hidden = Hidden(state, groups)

    def is_readable(arn: str) -> bool:
        record = state.store.find(arn)
        return record is not None and group_arn_of(state.store, record) not in groups

    return replace(
        state,
        store=_store_without_reasons(state.store, hidden),
        logs=_LogsWithoutData(state.logs, hidden),
        datasets=state.datasets.copy_of(is_readable),
        import_jobs=state.import_jobs.copy_of(lambda arn: not hidden.is_of(arn)),
        versions=state.versions.copy_of(is_readable),
        recommenders=state.recommenders.copy_of(is_readable),
        attributions=state.attributions.copy_of(is_readable),
    )


def without_calls(calls: RecordedCalls, state: EmulatorState, groups: frozenset[str]) -> RecordedCalls:
    """A copy without calls that name the groups and have data in their requests or answers."""
    hidden = Hidden(state, groups)
    return calls.without(hidden.is_call)


@dataclass(frozen=True)
class Hidden:
    """What is hidden: also what belongs to nothing that is still there, as its group cannot be told."""

    state: EmulatorState
    groups: frozenset[str]

    def is_of(self, arn: str) -> bool:
        record = self.state.store.find(arn.removesuffix("/$LATEST"))
        return record is None or self.is_record(record)

    def is_record(self, record: Resource) -> bool:
        group = group_arn_of(self.state.store, record)
        return group in self.groups or (group is None and not isinstance(record, Schema))

    def is_call(self, operation: Operation | None, body: bytes, answer: bytes) -> bool:
        try:
            asked, answered = (list(_members(json.loads(each or b"{}"))) for each in (body, answer))
        except ValueError:
            return True
        if any(name == _REASON and not tells_of_key_only(value) for name, value in answered):
            return True
        has_data = operation is None or operation.service != "personalize" or operation.name == _METRICS
        return has_data and any(self._is_named(name, value) for name, value in asked)

    def _is_named(self, name: str, value: str) -> bool:
        """Whether a member of a request names something that is hidden."""
        if name == "trackingId":
            tracked = self.state.trackers.get(value)
            return tracked is None or self.is_of(tracked)
        parsed = parse_arn(value) if name.endswith("Arn") else None
        return parsed is not None and bool(parsed.account) and ":personalize:" in value and self.is_of(value)


def _members(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Texts of a JSON value at any depth, with the names of their members."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _members(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _members(value, name)
    elif isinstance(node, str):
        yield name, node


def _store_without_reasons(store: Store, hidden: Hidden) -> Store:
    def shown(record: Resource) -> Resource:
        changes: dict[str, Any] = {}
        reason = getattr(record, "failure_reason", None)
        if reason and not tells_of_key_only(reason):
            changes["failure_reason"] = HIDDEN
        for member in _UPDATES:
            update = getattr(record, member, None)
            if update and update.get(_REASON) and not tells_of_key_only(update[_REASON]):
                changes[member] = {**update, _REASON: HIDDEN}
        return replace(record, **changes) if changes and hidden.is_record(record) else record

    return store.shown_as(shown)


class _LogsWithoutData(JobLogs):
    """For reading only."""

    def __init__(self, logs: JobLogs, hidden: Hidden) -> None:
        self._logs, self._hidden = logs, hidden

    def of(self, arn: str) -> tuple[LogLine, ...] | None:
        lines = self._logs.of(arn)
        return lines if lines is None or not self._hidden.is_of(arn) else tuple(map(_without_quotes, lines))


def _without_quotes(line: LogLine) -> LogLine:
    """Lines of the level info have counts, stages and names of files."""
    head, _, rest = line.text.partition(": ")
    if line.level == "info" or tells_of_key_only(rest):
        return line
    return replace(line, text=f"{head}: {HIDDEN}" if line.level == "error" and rest else HIDDEN)
