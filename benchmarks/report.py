"""Prints benchmark results as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print the result of `table`."""
    print(f"\n{table(title, header, rows)}")


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A title and a table in Markdown; columns after the first are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [title, ""]
    for row in (header, rule, *rows):
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("| " + " | ".join((first, *rest)) + " |")
    return "\n".join(lines)
