"""A fitted model as a file, and back: arrays as they are, everything else as JSON.

The file is a zip archive of `model.json` and one `.npy` member for each array. Models are trees of frozen
dataclasses of this package, so what is written is the fields, each shared part once. Nothing in a file can name code
outside this package, and the same model always gives the same bytes.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from personalize_emu.lazy_imports import sparse as sp
from personalize_emu.recipes.contract.base import Model

FORMAT = 1
DOCUMENT = "model.json"
PACKAGE = __name__.removesuffix(".contract.saving")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SPARSE = ("data", "indices", "indptr")


class NotAModelFile(ValueError):
    """The file was not written by `save_model`, or by another version of the format."""


def save_model(model: Model, target: Path | IO[bytes]) -> None:
    """Write `model`. Raises TypeError for a field that is neither plain data nor a dataclass of ours."""
    save_tree(model, target)


def load_model(source: Path | IO[bytes]) -> Model:
    """Read what `save_model` wrote. Raises NotAModelFile."""
    model = load_tree(source)
    if not isinstance(model, Model):
        raise NotAModelFile(f"{type(model).__name__} is no model")
    return model


def save_tree(value: object, target: Path | IO[bytes]) -> None:
    """Write any tree of plain data and dataclasses of ours. Raises TypeError for anything else in it."""
    writer = _Writer()
    document = {"format": FORMAT, "model": writer.node(value)}
    text = json.dumps(document, separators=(",", ":"), sort_keys=True, allow_nan=False)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(DOCUMENT, _EPOCH), text)
        for number, array in enumerate(writer.arrays):
            with archive.open(zipfile.ZipInfo(_member(number), _EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_tree(source: Path | IO[bytes]) -> Any:
    """Read what `save_tree` wrote. Raises NotAModelFile."""
    try:
        with zipfile.ZipFile(source) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, KeyError, IndexError, TypeError, ValueError, ImportError, AttributeError) as error:
        raise NotAModelFile(f"not a model of format {FORMAT}: {error}") from error


def saved(model: Model) -> bytes:
    """The bytes of the file."""
    target = BytesIO()
    save_model(model, target)
    return target.getvalue()


def _read(archive: zipfile.ZipFile) -> object:
    document = json.loads(archive.read(DOCUMENT))
    if document["format"] != FORMAT:
        raise NotAModelFile(f"format {document['format']} is not {FORMAT}")

    def array(number: int) -> np.ndarray[Any, Any]:
        with archive.open(_member(number)) as member:
            return cast("np.ndarray[Any, Any]", np.lib.format.read_array(member, allow_pickle=False))

    return _Reader(array).value(document["model"])


def _member(number: int) -> str:
    return f"arrays/{number}.npy"


class _Writer:
    """Turns values into JSON nodes; a value written before becomes a reference to its place in the order of writing."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self._written: dict[int, tuple[int, object]] = {}

    def node(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))}
        if id(value) in self._written:
            return {"same": self._written[id(value)][0]}
        node = self._fresh(value)
        # The value is kept so that its id stays its own until all is written.
        self._written[id(value)] = (len(self._written), value)
        return node

    def _fresh(self, value: object) -> dict[str, object]:
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, Enum):
            return {"choice": _name_of(type(value)), "name": value.name}
        if sp.issparse(value):
            return self._sparse(value)
        if isinstance(value, tuple):
            return {"tuple": [self.node(part) for part in value]}
        if isinstance(value, Mapping):
            return {"map": [[self.node(key), self.node(part)] for key, part in value.items()]}
        if is_dataclass(value) and not isinstance(value, type):
            parts = {each.name: self.node(getattr(value, each.name)) for each in fields(value)}
            return {"is": _name_of(type(value)), "fields": [[name, part] for name, part in parts.items()]}
        raise TypeError(f"a {type(value).__name__} cannot be part of a saved model")

    def _sparse(self, matrix: Any) -> dict[str, object]:
        if matrix.format not in ("csr", "csc"):
            raise TypeError(f"a {matrix.format} matrix cannot be part of a saved model")
        parts = [self._array(getattr(matrix, name)) for name in _SPARSE]
        return {matrix.format: parts, "shape": list(matrix.shape)}

    def _array(self, array: np.ndarray[Any, Any]) -> int:
        if array.dtype.hasobject:
            raise TypeError("an array of objects cannot be part of a saved model")
        self.arrays.append(array)
        return len(self.arrays) - 1


class _Reader:
    """The inverse; parts are numbered in the order in which the writer finished them."""

    def __init__(self, array: Callable[[int], np.ndarray[Any, Any]]) -> None:
        self._array = array
        self._made: list[object] = []

    def value(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if "same" in node:
            return self._made[node["same"]]
        if "float" in node:
            return float(node["float"])
        if "scalar" in node:
            return self._array(node["scalar"])[()]
        made = self._fresh(node)
        self._made.append(made)
        return made

    def _fresh(self, node: dict[str, Any]) -> object:
        if "array" in node:
            return self._array(node["array"])
        if "choice" in node:
            return _class_named(node["choice"])[node["name"]]
        if "tuple" in node:
            return tuple(self.value(part) for part in node["tuple"])
        if "map" in node:
            return {self.value(key): self.value(part) for key, part in node["map"]}
        if "is" in node:
            parts = {name: self.value(part) for name, part in node["fields"]}
            return _class_named(node["is"])(**parts)
        kind = "csr" if "csr" in node else "csc"
        make = sp.csr_matrix if kind == "csr" else sp.csc_matrix
        return make(tuple(self._array(number) for number in node[kind]), shape=tuple(node["shape"]))


def _name_of(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not name.startswith(PACKAGE + "."):
        raise TypeError(f"a {kind.__name__} cannot be part of a saved model")
    return name


def _class_named(name: str) -> Any:
    """A dataclass or an enumeration of this package, nothing else."""
    module, _, qualname = name.partition(":")
    if not module.startswith(PACKAGE + "."):
        raise NotAModelFile(f"{name} is not ours")
    kind: Any = import_module(module)
    for part in qualname.split("."):
        kind = getattr(kind, part)
    if not (isinstance(kind, type) and kind.__module__ == module and (is_dataclass(kind) or issubclass(kind, Enum))):
        raise NotAModelFile(f"{name} is no part of a model")
    return kind
