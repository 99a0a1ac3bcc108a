"""The state of an emulator without a data directory, as one file: a directory is made of it, and archived.

Everything that can change is read under the store's lock; models and rows of imports, which do not change, are written
before. Ids of streamed events are not in the copy, as memory has only their hashes: an event that is sent again after
the file has been loaded is stored once if it is equal in every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from personalize_emu.data.records.record_log import State as LogState
from personalize_emu.data.schemas.columns import NOTED_SESSION
from personalize_emu.durability.archive import export_directory
from personalize_emu.durability.durable_state import DurableState
from personalize_emu.durability.encryption.locked_groups import sealer_for
from personalize_emu.durability.entries import STREAMED
from personalize_emu.durability.service_rows import ServiceRows
from personalize_emu.service.state.dataset_contents import Row, StreamedEvent
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.state.clock import Clock
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.resources import Dataset


@dataclass(frozen=True)
class MemoryState:
    """quotas: those that have been changed. write_services: writes what the embedded services have."""

    state: EmulatorState
    clock: Clock
    quotas: Mapping[str, int]
    write_services: Callable[[ServiceRows], None]


def export_memory(memory: MemoryState, version: str, target: Path) -> int:
    """Write an archive; returns its size in bytes. version: of this package. Raises OSError or NotWritten."""
    with TemporaryDirectory(prefix="personalize-emu-export-") as folder:
        durable = DurableState(Path(folder) / "state", version)
        try:
            _write(memory, durable)
            memory.write_services(durable.services)
        finally:
            durable.close()
        return export_directory(Path(folder) / "state", target)


def _write(memory: MemoryState, durable: DurableState) -> None:
    state, journal = memory.state, durable.journal
    _require_open(state)
    entries = journal.entries_of(state)
    for arn, held in state.datasets.items():
        if held.contents is not None:
            journal.large.layer(held.contents.layer, entries.seal_of(arn))
    for arn, entry in [*state.versions.items(), *state.recommenders.items()]:
        if entry.trained is not None:
            journal.large.trained(entry.trained, entries.seal_of(arn))
    with state.store.lock:
        logs = {each: contents.log.state for each in state.store.all(Dataset) if (contents := state.contents(each.arn))}
        journal.queue_whole(state, {dataset.arn: log.length for dataset, log in logs.items()})
        quotas = dict(memory.quotas)
    for dataset, log in logs.items():
        streamed = dataset.dataset_type in STREAMED
        writer = journal.journal_of(state.store.ordinal(dataset), dataset.dataset_group_arn)
        writer.queue(_events(log, streamed=streamed))
    durable.write_facts(memory.clock, quotas)
    durable.write_figures(state)


def _require_open(state: EmulatorState) -> None:
    """Raises NotWritten: the data key of a group is not known, so that its data could only be written in clear."""
    for arn, entry in state.groups.items():
        if entry.key is not None and sealer_for(state, arn) is None:
            raise NotWritten(f"The data key of {arn} is not decrypted, so that its data cannot be exported.")


def _events(log: LogState, *, streamed: bool) -> Iterator[tuple[int, StreamedEvent]]:
    """By position; rows that have been removed are left out."""
    for segment in log.segments:
        for position, row in zip(segment.positions.tolist(), segment.table.to_pylist(), strict=True):
            yield position, _event({name: value for name, value in row.items() if value is not None}, streamed=streamed)
    for position, row in log.entries():
        yield position, _event(row, streamed=streamed)


def _event(row: Row, *, streamed: bool) -> StreamedEvent:
    """Of PutEvents with the session that its row notes beside the user; without one the user is the session."""
    if not streamed:
        return StreamedEvent(row)
    session = row.get(NOTED_SESSION)
    plain = {name: value for name, value in row.items() if name != NOTED_SESSION}
    return StreamedEvent(plain, None, "" if session is None else session, anonymous=session is None)
