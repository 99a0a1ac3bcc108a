"""Write the notebooks from their sources: `python notebooks.py`.

A source is Markdown; its fences of Python are code cells. What is between `# SOLUTION` and `# EMPTY` is in the notebook
of solutions only; a line `# YOUR CODE` and what is between `# EMPTY` and `# END` in the exercise only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
FENCE = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
SOLVED = re.compile(r"^# SOLUTION\n(?P<solution>.*?)^# EMPTY\n(?P<empty>.*?)^# END\n", re.MULTILINE | re.DOTALL)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def written() -> dict[Path, str]:
    """The text of each notebook by its path."""
    made = {}
    for source in sorted((HERE / "sources").glob("*.md")):
        text = source.read_text(encoding="utf-8")
        made[HERE / f"{source.stem}.ipynb"] = notebook(empty(text))
        if SOLVED.search(text):
            made[HERE / "solutions" / f"{source.stem}.ipynb"] = notebook(solved(text))
    return made


def solved(text: str) -> str:
    return SOLVED.sub(lambda found: found["solution"], text)


def empty(text: str) -> str:
    return SOLVED.sub(lambda found: f"# YOUR CODE\n{found['empty']}", text)


def notebook(text: str) -> str:
    """A notebook without outputs, as JSON."""
    cells = []
    for number, (kind, source) in enumerate(_cells(text)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    document = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _cells(text: str) -> Iterator[tuple[str, str]]:
    parts = FENCE.split(text)
    for number, part in enumerate(parts):
        if source := part.strip():
            yield ("code" if number % 2 else "markdown"), source


if __name__ == "__main__":
    for path, content in written().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
