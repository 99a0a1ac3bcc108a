"""Positions of a stream reader in a file that is replaced atomically, so that reading continues after a kill."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class WrongCheckpoints(ValueError):
    """The file belongs to another stream or is no checkpoint file."""


@dataclass
class Progress:
    """Position in one shard. sequence: number of the last processed record. ended: the shard has been read completely.

    since: epoch seconds from which to read while there is no sequence; None for the beginning.
    """

    sequence: str | None = None
    since: float | None = None
    ended: bool = False


@dataclass
class Checkpoints:
    """stream: ARN and creation time, because another stream of that name has other sequence numbers."""

    path: Path
    stream: str
    shards: dict[str, Progress] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, stream: str) -> Checkpoints:
        """Load checkpoints; a missing file has none. Raises WrongCheckpoints."""
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return cls(path, stream)
        try:
            document = json.loads(text)
            shards = {shard: Progress(**progress) for shard, progress in document["shards"].items()}
            found = document["stream"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WrongCheckpoints(f"{path} holds no checkpoints") from error
        if found != stream:
            raise WrongCheckpoints(f"{path} holds checkpoints of {found}, not of {stream}; name another file")
        return cls(path, stream, shards)

    def save(self) -> None:
        """Write atomically: after a crash the file has either the old or the new content."""
        document: dict[str, Any] = {"stream": self.stream, "shards": {}}
        for shard, progress in self.shards.items():
            document["shards"][shard] = {name: value for name, value in vars(progress).items() if value}
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
