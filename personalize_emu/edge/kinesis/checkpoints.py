"""How far a stream has been read, in a file that is replaced whole, so that a killed reader goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class WrongCheckpoints(ValueError):
    """The file belongs to something else."""


@dataclass
class Progress:
    """Of one shard. sequence: number of the last record that was dealt with. ended: nothing follows in it.

    since: seconds since the epoch, from which to read as long as there is no sequence; None from the beginning.
    """

    sequence: str | None = None
    since: float | None = None
    ended: bool = False


@dataclass
class Checkpoints:
    """stream: its ARN and when it was made; another stream of the name has other sequence numbers."""

    path: Path
    stream: str
    shards: dict[str, Progress] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, stream: str) -> Checkpoints:
        """An absent file is an empty one. Raises WrongCheckpoints."""
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
        """Either the old or the new content survives whatever happens."""
        document: dict[str, Any] = {"stream": self.stream, "shards": {}}
        for shard, progress in self.shards.items():
            document["shards"][shard] = {name: value for name, value in vars(progress).items() if value}
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
