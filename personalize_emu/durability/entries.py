"""Entries of resources (service/state/entries.py) as JSON, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from personalize_emu.durability.large_values import LargeValues
from personalize_emu.durability.records import event_of, version_node, version_of
from personalize_emu.service.state.attribution_ledger import KeptLedger, Ledger, Metric, SumKey
from personalize_emu.service.state.dataset_contents import (
    DatasetContents,
    DataVersion,
    EventJournal,
    ForgottenUsers,
    StreamedEvent,
)
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import DueTraining, ImportReport
from personalize_emu.state.resources import Dataset, MetricAttribution, Resource

Node = dict[str, Any]
STREAMED = frozenset({"INTERACTIONS", "ACTION_INTERACTIONS"})
"""Types of datasets whose individual records are events."""


@dataclass(frozen=True)
class KeptEntry:
    """node: JSON. names: of the files it refers to. forgotten: users whose events are to be removed with it."""

    node: Node
    names: frozenset[str]
    forgotten: tuple[ForgottenUsers, ...] = ()


@dataclass(frozen=True)
class Entries:
    """Writes and reads the entries of one state."""

    state: EmulatorState
    large: LargeValues

    def kept(self, arn: str) -> KeptEntry:
        """Raises OSError: a file cannot be written."""
        node: Node = {}
        names: set[str] = set()
        self._keep_model(arn, node, names)
        self._keep_small(arn, node)
        contents = self.state.contents(arn)
        if contents is None:
            return KeptEntry(node, frozenset(names))
        layer, version = self.large.layer(contents.layer), contents.data_version
        node["contents"] = {"layer": layer.node, "bulk_changes": version.bulk_changes, "length": version.log_length}
        # Last, because they are given once.
        return KeptEntry(node, frozenset(names) | layer.names, tuple(contents.take_forgotten()))

    def _keep_model(self, arn: str, node: Node, names: set[str]) -> None:
        entry = self.state.model_entry(arn)
        if entry is None:
            return
        node["data_version"] = version_node(entry.data_version)
        if entry.trained is not None:
            trained = self.large.trained(entry.trained)
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
        """Fill the entries of a record, all but the contents of datasets.

        Schedules are only noted: see recovery.py. Raises UnusableDirectory, ValueError, TypeError or KeyError.
        """
        state, arn = self.state, record.arn
        model, trainable = state.model_entry(arn), state.trainable_entry(arn)
        group, job, attribution = state.groups.get(arn), state.import_jobs.get(arn), state.attributions.get(arn)
        if model is not None:
            trained = node.get("trained")
            model.trained = None if trained is None else self.large.trained_of(trained, arn)
            model.data_version = _data_version(node["data_version"])
        if trainable is not None:
            known, due = node["known_columns"], node["due_training"]
            trainable.known_columns = known and {key: frozenset(names) for key, names in known.items()}
            trainable.due_training = due and DueTraining(**due)
        if group is not None:
            group.event_schema_arn = node["event_schema_arn"]
        if job is not None and "report" in node:
            job.report = ImportReport(**{key: _tuple(value) for key, value in node["report"].items()})
        if state.restarts.get(arn) is not None and "restarts" in node:
            vars(state.restarts[arn]).update(node["restarts"])
        if attribution is not None and isinstance(record, MetricAttribution) and "ledger" in node:
            attribution.ledger = Ledger(arn, record.dataset_group_arn)
            attribution.ledger.restore(_ledger_of(node["ledger"]))

    def restore_contents(
        self, dataset: Dataset, node: Node, journal: EventJournal | None, events: Iterator[tuple[int, str]]
    ) -> None:
        """Fill a dataset whose group has been restored. events: positions and texts. Raises as `restore`."""
        group = self.state.groups.get(dataset.dataset_group_arn)
        contents = DatasetContents(None if group is None else group.event_ids, journal)
        version = DataVersion(node["bulk_changes"], node["length"])
        read: Iterator[tuple[int, StreamedEvent]] = ((position, event_of(text)) for position, text in events)
        layer = self.large.layer_of(node["layer"], dataset.arn)
        contents.restore(layer, version, read, streamed=dataset.dataset_type in STREAMED)
        self.state.datasets[dataset.arn].contents = contents


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
