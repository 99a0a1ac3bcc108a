"""Entries of resources (service/state/entries.py) as JSON, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from personalize_emu.durability.encryption.locked_groups import (
    SEALED,
    SEALED_PARTS,
    LockedGroups,
    Node,
    entry_name,
    quotes_no_data,
    sealer_for,
)
from personalize_emu.durability.encryption.sealing import Sealer
from personalize_emu.durability.large_values import LargeValues, Seal
from personalize_emu.durability.records import event_of, text_of, version_node, version_of
from personalize_emu.service.core.group_keys import group_arn_of
from personalize_emu.service.state.attribution_ledger import KeptLedger, Ledger, Metric, SumKey
from personalize_emu.service.state.dataset_contents import (
    DatasetContents,
    DataVersion,
    EventJournal,
    StreamedEvent,
)
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import DueTraining, GroupKey, ImportReport
from personalize_emu.state.resources import Dataset, MetricAttribution, Resource

STREAMED = frozenset({"INTERACTIONS", "ACTION_INTERACTIONS"})
"""Types of datasets whose individual records are events."""


@dataclass(frozen=True)
class KeptEntry:
    """node: JSON. names: of the files it refers to. has_reason: of a failure, for the node only."""

    node: Node
    names: frozenset[str]
    has_reason: bool = False


@dataclass(frozen=True)
class Entries:
    """Writes and reads the entries of one state. locked: those that cannot be decrypted yet.

    Of a resource in a group with a key the parts in SEALED_PARTS, and their files, are encrypted.
    """

    state: EmulatorState
    large: LargeValues
    locked: LockedGroups

    def kept(self, arn: str, log_length: int | None = None) -> KeptEntry:
        """log_length: of individual records, of which there may be more by now. Raises OSError."""
        node: Node = {}
        names: set[str] = set()
        seal, locked = self.seal_of(arn), self.locked.kept(arn)
        self._keep_model(arn, node, names, seal)
        self._keep_small(arn, node)
        reason = None
        if seal is not None or locked is not None:
            reason = getattr(self.state.store.find(arn), "failure_reason", None)
            reason = None if reason is None or quotes_no_data(reason) else reason
        if reason is not None:
            node["failure_reason"] = reason
        contents = self.state.contents(arn)
        if locked is not None:
            kept = {key: part for key, part in node.items() if key not in SEALED_PARTS}
            return KeptEntry({**kept, SEALED: locked.text}, self.large.names_of(arn), reason is not None)
        if contents is None:
            return KeptEntry(_sealed(node, seal), frozenset(names), reason is not None)
        layer, version = self.large.layer(contents.layer, seal), contents.data_version
        length = version.log_length if log_length is None else log_length
        node["contents"] = {"layer": layer.node, "bulk_changes": version.bulk_changes, "length": length}
        return KeptEntry(_sealed(node, seal), frozenset(names) | layer.names, reason is not None)

    def seal_of(self, arn: str) -> Seal | None:
        """For the resource with that ARN; None if its group has no key."""
        if not self.state.group_keys.in_use:
            return None
        record = self.state.store.find(arn)
        sealer = None if record is None else sealer_for(self.state, group_arn_of(self.state.store, record))
        return _seal(sealer, arn)

    def _keep_model(self, arn: str, node: Node, names: set[str], seal: Seal | None) -> None:
        entry = self.state.model_entry(arn)
        if entry is None:
            return
        node["data_version"] = version_node(entry.data_version)
        if entry.trained is not None:
            trained = self.large.trained(entry.trained, seal)
            node["trained"] = trained.node
            names.update(trained.names)
        if entry.refresh is not None:
            node["refresh"] = {"data_version": version_node(entry.refresh.data_version)}

    def _keep_small(self, arn: str, node: Node) -> None:
        state = self.state
        group, job, trainable = state.groups.get(arn), state.import_jobs.get(arn), state.trainable_entry(arn)
        attribution = state.attributions.get(arn)
        if group is not None:
            node["event_schema_arn"] = group.event_schema_arn
            if group.key is not None:
                node["key"] = {"arn": group.key.key_arn, "wrapped": group.key.wrapped.hex()}
        restarts = state.restarts.get(arn)
        if restarts is not None:
            node["restarts"] = {"times": restarts.times, "log_length": restarts.log_length}
        if job is not None and job.report is not None:
            node["report"] = asdict(job.report)
        if trainable is not None:
            known, due = trainable.known_columns, trainable.due_training
            node["known_columns"] = known and {key: sorted(names) for key, names in known.items()}
            node["due_training"] = due and {"when": due.when, "unless_since": due.unless_since}
        if attribution is not None and attribution.ledger is not None:
            node["ledger"] = _ledger_node(attribution.ledger.kept())

    def restore(self, record: Resource, node: Node) -> None:
        """Fill the entries of a record, all but what may be encrypted (`restore_data`).

        Schedules are only noted: see recovery.py. Raises UnusableDirectory, ValueError, TypeError or KeyError.
        """
        state, arn = self.state, record.arn
        model, trainable, group = state.model_entry(arn), state.trainable_entry(arn), state.groups.get(arn)
        if model is not None:
            model.data_version = _data_version(node["data_version"])
        if trainable is not None:
            known, due = node["known_columns"], node["due_training"]
            trainable.known_columns = known and {key: frozenset(names) for key, names in known.items()}
            trainable.due_training = due and DueTraining(**due)
        if group is not None:
            group.event_schema_arn = node["event_schema_arn"]
            if "key" in node:
                group.key = GroupKey(node["key"]["arn"], bytes.fromhex(node["key"]["wrapped"]), None)
                state.group_keys.in_use = True
        if state.restarts.get(arn) is not None and "restarts" in node:
            vars(state.restarts[arn]).update(node["restarts"])

    def restore_data(self, record: Resource, node: Node, sealer: Sealer | None) -> None:
        """Fill the rest, all but the contents of datasets. sealer: of what is encrypted. Raises as `restore`."""
        state, arn = self.state, record.arn
        model, job, attribution = state.model_entry(arn), state.import_jobs.get(arn), state.attributions.get(arn)
        if model is not None and node.get("trained") is not None:
            model.trained = self.large.trained_of(node["trained"], arn, _seal(sealer, arn))
        if job is not None and "report" in node:
            job.report = ImportReport(**{key: _tuple(value) for key, value in node["report"].items()})
        if "failure_reason" in node:
            state.store.change(record, failure_reason=node["failure_reason"])
        if attribution is not None and isinstance(record, MetricAttribution) and "ledger" in node:
            attribution.ledger = Ledger(arn, record.dataset_group_arn)
            attribution.ledger.restore(_ledger_of(node["ledger"]))

    def restore_contents(
        self,
        dataset: Dataset,
        node: Node,
        journal: EventJournal | None,
        events: Iterator[tuple[int, str]],
        sealer: Sealer | None,
    ) -> None:
        """Fill a dataset whose group has been restored. events: positions and texts. Raises as `restore`."""
        group = self.state.groups.get(dataset.dataset_group_arn)
        contents = DatasetContents(None if group is None else group.event_ids, journal)
        version = DataVersion(node["bulk_changes"], node["length"])
        read: Iterator[tuple[int, StreamedEvent]] = ((position, event_of(text)) for position, text in events)
        layer = self.large.layer_of(node["layer"], dataset.arn, _seal(sealer, dataset.arn))
        contents.restore(layer, version, read, streamed=dataset.dataset_type in STREAMED)
        self.state.datasets[dataset.arn].contents = contents


def _seal(sealer: Sealer | None, arn: str) -> Seal | None:
    return None if sealer is None else Seal(sealer, arn)


def _sealed(node: Node, seal: Seal | None) -> Node:
    """The node with its data encrypted."""
    data = {key: part for key, part in node.items() if key in SEALED_PARTS}
    if seal is None or not data:
        return node
    text = seal.sealer.seal(entry_name(seal.owner), text_of(data)).hex()
    return {**{key: part for key, part in node.items() if key not in data}, SEALED: text}


def refreshed_version(node: Node) -> object:
    """The data version of the last refresh."""
    return version_of(node["refresh"]["data_version"])


def _data_version(node: Any) -> DataVersion | None:
    version = version_of(node)
    return version if isinstance(version, DataVersion) else None


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _ledger_node(kept: KeptLedger) -> Node:
    sums = [[asdict(key), value] for key, value in kept.sums]
    return {"sources": kept.sources, "sums": sums, "latest_report": kept.latest_report}


def _ledger_of(node: Mapping[str, Any]) -> KeptLedger:
    sums = [(SumKey(Metric(**key["metric"]), key["source"], key["window"]), value) for key, value in node["sums"]]
    return KeptLedger(tuple(node["sources"]), tuple(sums), node["latest_report"])
