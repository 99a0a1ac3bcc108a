"""Handles of what is declared in an emulator: removed by a call, or at the end of a `with` block."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

H = TypeVar("H", bound="RemovableHandle")


class RemovableHandle:
    """As a context manager it is removed at the end of the block."""

    def remove(self) -> None:
        """Has no effect on what has been removed."""
        raise NotImplementedError

    def __enter__(self: H) -> H:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
