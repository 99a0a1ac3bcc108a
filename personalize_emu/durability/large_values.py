"""Rows of datasets and trained models: what is small as JSON, what is large in files of the blobs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from personalize_emu.durability.blobs import Blobs
from personalize_emu.durability.encryption.sealing import Sealer
from personalize_emu.durability.records import (
    field_node,
    field_of,
    schema_node,
    schema_of,
    version_node,
    version_of,
)
from personalize_emu.filters.records import Records
from personalize_emu.recipes.contract.base import Kind
from personalize_emu.recipes.contract.saving import load_tree, save_tree
from personalize_emu.service.catalog.recipe_catalog import recipe_by_arn
from personalize_emu.service.state.dataset_contents import BulkLayer
from personalize_emu.service.state.trained_version import ItemAttributes, TrainedVersion
from personalize_emu.service.state.training_selection import EventSelection

ARROW, MODEL = ".arrow", ".model"


@dataclass(frozen=True)
class Kept:
    """node: JSON that refers to the files. names: of these files."""

    node: dict[str, Any]
    names: frozenset[str]


@dataclass(frozen=True)
class Seal:
    """Encrypts the files of one resource. owner: its ARN, to which they are bound."""

    sealer: Sealer
    owner: str

    def filling(self, suffix: str, fill: Callable[[IO[bytes]], object]) -> Callable[[IO[bytes]], object]:
        def filled(file: IO[bytes]) -> None:
            sealing = self.sealer.writer(self._name(suffix), file)
            # Any: a raw stream is what it is used as.
            target: Any = sealing
            fill(target)
            sealing.finish()

        return filled

    def read(self, suffix: str, path: Path) -> bytes:
        """Raises WronglySealed."""
        return self.sealer.read(self._name(suffix), path.read_bytes())

    def _name(self, suffix: str) -> str:
        return f"file {suffix} of {self.owner}"


class LargeValues:
    """Of values with a seal, the files are encrypted.

    Remembers which values have been written, as long as these are used. Any thread may call any method.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._written: dict[tuple[Hashable, ...], tuple[tuple[weakref.ref[Any], ...], str]] = {}
        self._lock = threading.Lock()

    def names_of(self, owner: str) -> frozenset[str]:
        """The files to which a resource refers."""
        return self._blobs.names_of(owner)

    def layer(self, layer: BulkLayer, seal: Seal | None) -> Kept:
        """Raises OSError."""
        table = layer.table
        name = None if table is None else self._table(table, seal)
        node = {"table": name, "superseded": dict(layer.superseded), "full_rows": layer.full_rows}
        return Kept(node, frozenset() if name is None else frozenset({name}))

    def layer_of(self, node: dict[str, Any], owner: str, seal: Seal | None) -> BulkLayer:
        name = node["table"]
        table = None if name is None else self._read_table(name, owner, seal)
        return BulkLayer(table, node["superseded"], node["full_rows"])

    def trained(self, trained: TrainedVersion, seal: Seal | None) -> Kept:
        """Raises OSError."""
        tree = {"model": trained.model, "data": trained.data, "exposure": trained.exposure}
        parts = tuple(part for part in tree.values() if part is not None)
        name = self._once(parts, MODEL, seal, lambda file: save_tree(tree, file))
        attributes, names = None, {name}
        if trained.attributes is not None:
            records = trained.attributes.records
            table = self._table(records.distinct_table, seal)
            names.add(table)
            fields = {key: field_node(field) for key, field in trained.attributes.fields.items()}
            schema = schema_node(records.schema)
            attributes = {"table": table, "schema": schema, "id": records.id_column, "fields": fields}
        return Kept(_trained_node(trained) | {"tree": name, "attributes": attributes}, frozenset(names))

    def trained_of(self, node: dict[str, Any], owner: str, seal: Seal | None) -> TrainedVersion:
        """Raises UnusableDirectory, or ValueError for a recipe or a format that is unknown."""
        path = self._blobs.path(node["tree"], owner)
        tree = load_tree(path if seal is None else BytesIO(seal.read(MODEL, path)))
        self._remember(tuple(part for part in tree.values() if part is not None), seal, node["tree"])
        facts = recipe_by_arn(node["recipe"])
        if facts is None:
            raise ValueError(f"there is no recipe {node['recipe']}")
        selection = node["selection"]
        types = selection["event_types"]
        selection["event_types"] = types and {name: tuple(terms) for name, terms in types.items()}
        return TrainedVersion(
            recipe=facts,
            kind=Kind[node["kind"]],
            model=tree["model"],
            metrics=node["metrics"],
            data=tree["data"],
            interactions_arn=node["interactions_arn"],
            log_length=node["log_length"],
            selection=EventSelection(**selection),
            attributes=self._attributes_of(node["attributes"], owner, seal),
            tuned=node["tuned"],
            exposure=tree["exposure"],
            data_version=version_of(node["data_version"]),
            arn=node["arn"],
            since=node["since"],
            context_fields=tuple(map(field_of, node["context_fields"])),
        )

    def _attributes_of(
        self, node: dict[str, Any] | None, owner: str, seal: Seal | None
    ) -> ItemAttributes | None:
        if node is None:
            return None
        records = Records(self._read_table(node["table"], owner, seal), schema_of(node["schema"]), node["id"])
        return ItemAttributes(records, {key: field_of(field) for key, field in node["fields"].items()})

    def _table(self, table: pa.Table, seal: Seal | None) -> str:
        return self._once((table,), ARROW, seal, lambda file: _write_table(table, file))

    def _read_table(self, name: str, owner: str, seal: Seal | None) -> pa.Table:
        path = self._blobs.path(name, owner)
        source = pa.memory_map(str(path)) if seal is None else pa.BufferReader(seal.read(ARROW, path))
        table = pa.ipc.open_file(source).read_all()
        self._remember((table,), seal, name)
        return table

    def _once(
        self, parts: tuple[Any, ...], suffix: str, seal: Seal | None, fill: Callable[[IO[bytes]], object]
    ) -> str:
        """The name of the file with these parts, which is written unless it has been for the same objects."""
        key = _key(parts, seal)
        with self._lock:
            found = self._written.get(key)
        same = found is not None and all(ref() is part for ref, part in zip(found[0], parts, strict=True))
        # The file may have been removed with another resource of the same content.
        if found is not None and same and self._blobs.has(found[1]):
            return found[1]
        name = self._blobs.write(suffix, fill if seal is None else seal.filling(suffix, fill))
        self._remember(parts, seal, name)
        return name

    def _remember(self, parts: tuple[Any, ...], seal: Seal | None, name: str) -> None:
        with self._lock:
            used = {key: kept for key, kept in self._written.items() if all(ref() is not None for ref in kept[0])}
            self._written = {**used, _key(parts, seal): (tuple(map(weakref.ref, parts)), name)}


def _key(parts: tuple[Any, ...], seal: Seal | None) -> tuple[Hashable, ...]:
    """What is encrypted is bound to its owner, so that each owner has files of its own."""
    return (*map(id, parts), seal and seal.owner)


def _trained_node(trained: TrainedVersion) -> dict[str, Any]:
    selection = trained.selection
    return {
        "recipe": trained.recipe.arn,
        "kind": trained.kind.name,
        "metrics": dict(trained.metrics),
        "interactions_arn": trained.interactions_arn,
        "log_length": trained.log_length,
        "selection": {
            "event_types": selection.event_types and {key: list(terms) for key, terms in selection.event_types.items()},
            "threshold": selection.threshold,
            "any_case": selection.any_case,
            "weighted": selection.weighted,
        },
        "tuned": dict(trained.tuned),
        "data_version": version_node(trained.data_version),
        "arn": trained.arn,
        "since": trained.since,
        "context_fields": [field_node(field) for field in trained.context_fields],
    }


def _write_table(table: pa.Table, file: IO[bytes]) -> None:
    with pa.ipc.new_file(file, table.schema) as writer:
        # One dictionary a column: the format has no way to replace it.
        writer.write_table(table.unify_dictionaries())
