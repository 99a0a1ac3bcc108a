"""Lists of a response whose JSON text is kept, so that later responses with the same list need not render it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RenderedOnce(list[Any]):
    """A list that is never changed. text: its JSON by the output shape it is for; None before its first use."""

    __slots__ = ("text",)

    def __init__(self, *items: Any) -> None:
        super().__init__(*items)
        self.text: str | None = None

    def rendered(self, render: Callable[[list[Any]], str]) -> str:
        """The text, made by `render` at the first use."""
        if self.text is None:
            self.text = render(self)
        return self.text
