"""Objects of moto's stores as JSON, and back: their attributes, each shared object once.

Only classes of moto's models, of our sessions, the mappings they use, and private keys of the cryptography package are
written and read; nothing in a node can name other code.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from importlib import import_module
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto.iam.models import AWSManagedPolicy

MODELS = (
    "moto.s3.models", "moto.iam.models", "moto.kms.models", "moto.sts.models", "moto.s3.utils", "moto.kms.utils",
    "moto.core.utils", "moto.utilities.utils", "personalize_emu.edge.moto_adapter.sessions",
)  # fmt: skip
MAPPINGS = ("requests.structures", "botocore.compat", "collections", "builtins")


class NotATree(TypeError):
    """An object that cannot be written, or a node that was not written here."""


class TreeWriter:
    """large: given bytes, the name of a file with them, or None for those that belong in the node."""

    def __init__(self, large: Callable[[bytes], str | None] = lambda _: None) -> None:
        self._large = large
        self._written: dict[int, tuple[int, object]] = {}
        self.names: set[str] = set()

    def node(self, value: Any) -> Any:
        """Raises NotATree."""
        if isinstance(value, Enum):
            return {"choice": _name_of(type(value), MODELS), "name": value.name}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if isinstance(value, datetime) or hasattr(value, "private_bytes"):
            return _text(value)
        if id(value) in self._written:
            return {"same": self._written[id(value)][0]}
        # The value is kept so that its id stays its own. Numbered before its parts, which may refer to it.
        self._written[id(value)] = (len(self._written), value)
        return self._fresh(value)

    def _bytes(self, value: bytes) -> Any:
        name = self._large(value)
        if name is None:
            return {"bytes": b64encode(value).decode()}
        self.names.add(name)
        return {"file": name}

    def _fresh(self, value: Any) -> Any:
        if type(value) in (list, tuple, set, frozenset):
            parts = sorted(value) if isinstance(value, set | frozenset) else value
            return {type(value).__name__: [self.node(part) for part in parts]}
        if isinstance(value, AWSManagedPolicy):
            return {"policy": value.arn}
        if isinstance(value, Mapping):
            items = dict.items(value) if isinstance(value, dict) else value.items()
            nodes = [[self.node(key), self.node(part)] for key, part in items]
            return {"map": nodes, "of": _name_of(type(value), (*MODELS, *MAPPINGS))}
        state: Mapping[str, Any] = value.__getstate__() if hasattr(type(value), "__setstate__") else vars(value)
        return {"is": _name_of(type(value), MODELS), "state": [[key, self.node(part)] for key, part in state.items()]}


class TreeReader:
    """file: the content of a file by its name. policy: the AWS managed policy with an ARN."""

    def __init__(self, file: Callable[[str], bytes], policy: Callable[[str], Any] = lambda _: None) -> None:
        self._file = file
        self._policy = policy
        self._made: list[Any] = []

    def value(self, node: Any) -> Any:
        """Raises NotATree, or LookupError for a node with other members."""
        if not isinstance(node, dict):
            return node
        if "bytes" in node or "file" in node:
            return b64decode(node["bytes"]) if "bytes" in node else self._file(node["file"])
        if "choice" in node:
            return _class_named(node["choice"], MODELS)[node["name"]]
        if "time" in node or "private key" in node:
            return _of_text(node)
        if "same" in node:
            return self._made[node["same"]]
        place = len(self._made)
        self._made.append(None)
        return self._fresh(node, place)

    def _fresh(self, node: dict[str, Any], place: int) -> Any:
        for kind in (list, tuple, set, frozenset):
            if kind.__name__ in node:
                self._made[place] = made = kind(self.value(part) for part in node[kind.__name__])
                return made
        if "policy" in node:
            self._made[place] = made = self._policy(node["policy"])
            return made
        if "map" in node:
            self._made[place] = made = _class_named(node["of"], (*MODELS, *MAPPINGS))()
            put = dict.__setitem__ if isinstance(made, dict) else type(made).__setitem__
            for key, part in node["map"]:
                put(made, self.value(key), self.value(part))
            return made
        kind = _class_named(node["is"], MODELS)
        self._made[place] = made = kind.__new__(kind)
        state = {key: self.value(part) for key, part in node["state"]}
        if hasattr(kind, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        return made


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return {"private key": value.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()}


def _of_text(node: Mapping[str, str]) -> Any:
    if "time" in node:
        return datetime.fromisoformat(node["time"])
    return load_pem_private_key(node["private key"].encode(), None)


def _name_of(kind: type, modules: tuple[str, ...]) -> str:
    if kind.__module__ not in modules:
        raise NotATree(f"a {kind.__module__}.{kind.__qualname__} cannot be kept")
    return f"{kind.__module__}:{kind.__qualname__}"


def _class_named(name: str, modules: tuple[str, ...]) -> Any:
    module, _, qualname = name.partition(":")
    if module not in modules:
        raise NotATree(f"{name} is no class of a store")
    return getattr(import_module(module), qualname)
