"""Rows of datasets and trained models: what is small as JSON, what is large in files of the blobs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from personalize_emu.durability.blobs import Blobs
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


class LargeValues:
    """Remembers which values have been written, as long as these are used. Any thread may call any method."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._written: dict[tuple[int, ...], tuple[tuple[weakref.ref[Any], ...], str]] = {}
        self._lock = threading.Lock()

    def layer(self, layer: BulkLayer) -> Kept:
        """Raises OSError."""
        table = layer.table
        name = None if table is None else self._table(table)
        node = {"table": name, "superseded": dict(layer.superseded), "full_rows": layer.full_rows}
        return Kept(node, frozenset() if name is None else frozenset({name}))

    def layer_of(self, node: dict[str, Any], owner: str) -> BulkLayer:
        name = node["table"]
        table = None if name is None else self._read_table(name, owner)
        return BulkLayer(table, node["superseded"], node["full_rows"])

    def trained(self, trained: TrainedVersion) -> Kept:
        """Raises OSError."""
        tree = {"model": trained.model, "data": trained.data, "exposure": trained.exposure}
        parts = tuple(part for part in tree.values() if part is not None)
        name = self._once(parts, MODEL, lambda file: save_tree(tree, file))
        attributes, names = None, {name}
        if trained.attributes is not None:
            records = trained.attributes.records
            table = self._table(records.distinct_table)
            names.add(table)
            fields = {key: field_node(field) for key, field in trained.attributes.fields.items()}
            schema = schema_node(records.schema)
            attributes = {"table": table, "schema": schema, "id": records.id_column, "fields": fields}
        return Kept(_trained_node(trained) | {"tree": name, "attributes": attributes}, frozenset(names))

    def trained_of(self, node: dict[str, Any], owner: str) -> TrainedVersion:
        """Raises UnusableDirectory, or ValueError for a recipe or a format that is unknown."""
        tree = load_tree(self._blobs.path(node["tree"], owner))
        self._remember(tuple(part for part in tree.values() if part is not None), node["tree"])
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
            attributes=self._attributes_of(node["attributes"], owner),
            tuned=node["tuned"],
            exposure=tree["exposure"],
            data_version=version_of(node["data_version"]),
            arn=node["arn"],
            since=node["since"],
            context_fields=tuple(map(field_of, node["context_fields"])),
        )

    def _attributes_of(self, node: dict[str, Any] | None, owner: str) -> ItemAttributes | None:
        if node is None:
            return None
        records = Records(self._read_table(node["table"], owner), schema_of(node["schema"]), node["id"])
        return ItemAttributes(records, {key: field_of(field) for key, field in node["fields"].items()})

    def _table(self, table: pa.Table) -> str:
        return self._once((table,), ARROW, lambda file: _write_table(table, file))

    def _read_table(self, name: str, owner: str) -> pa.Table:
        table = pa.ipc.open_file(pa.memory_map(str(self._blobs.path(name, owner)))).read_all()
        self._remember((table,), name)
        return table

    def _once(self, parts: tuple[Any, ...], suffix: str, fill: Callable[[IO[bytes]], object]) -> str:
        """The name of the file with these parts, which is written unless it has been for the same objects."""
        key = tuple(map(id, parts))
        with self._lock:
            found = self._written.get(key)
        same = found is not None and all(ref() is part for ref, part in zip(found[0], parts, strict=True))
        # The file may have been removed with another resource of the same content.
        if found is not None and same and self._blobs.has(found[1]):
            return found[1]
        name = self._blobs.write(suffix, fill)
        self._remember(parts, name)
        return name

    def _remember(self, parts: tuple[Any, ...], name: str) -> None:
        with self._lock:
            used = {key: kept for key, kept in self._written.items() if all(ref() is not None for ref in kept[0])}
            self._written = {**used, tuple(map(id, parts)): (tuple(map(weakref.ref, parts)), name)}


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
