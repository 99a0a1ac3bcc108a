"""The notebooks of examples/teaching run from beginning to end (issue 17 E)."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.teaching.conftest import TEACHING

EXERCISES = {"cold-start": 3, "filters": 3, "exploration": 3}
"""Number of checks by exercise."""


def executed(name: str) -> list[str]:
    """The results and printed texts of all cells, of a kernel as the student's."""
    path = TEACHING / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.execute(env=os.environ | {"IPYTHONDIR": os.devnull})
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [each["text"] if each.output_type == "stream" else each["data"]["text/plain"] for each in outputs]


def cells(name: str) -> list[str]:
    document = json.loads((TEACHING / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def test_notebooks_are_those_of_their_sources() -> None:
    """After a change: `python examples/teaching/notebooks.py`."""
    written = importlib.import_module("notebooks").written()
    assert {path: path.read_text(encoding="utf-8") for path in TEACHING.rglob("*.ipynb")} == written
    for text in written.values():
        nbformat.validate(nbformat.reads(text, as_version=4))


def test_the_notebook_from_beginning_to_end_agrees_with_its_text() -> None:
    lines = "".join(executed("lesson")).splitlines()
    (values,) = [line.split()[1:] for line in lines if line.startswith("mean_reciprocal_rank_at_25")]
    personal, popular = map(float, values)
    assert personal > 2 * popular
    (rank,) = [line for line in lines if line.endswith("has rank 1")]
    assert rank
    (heading,) = [number for number, line in enumerate(lines) if line.startswith("before  ")]
    assert any("Tent" in line[45:] for line in lines[heading + 1 : heading + 4])
    assert all("Tent" not in line[:45] for line in lines[heading + 1 : heading + 9])
    prices = [float(line.split()[0]) for line in lines[heading + 9 :]]
    assert len(prices) == 8
    assert max(prices) < 20


@pytest.mark.parametrize("name", EXERCISES)
def test_solutions_pass_all_checks(name: str) -> None:
    verdicts = [text for text in executed(f"solutions/{name}") if text.startswith(("RIGHT", "NOT YET"))]
    assert [text.split(":")[0] for text in verdicts] == ["RIGHT"] * EXERCISES[name], verdicts


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_that_are_not_solved_say_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cells run without a traceback, those of the checks too."""
    monkeypatch.chdir(TEACHING)
    monkeypatch.setattr("sys.path", list(sys.path))
    names: dict[str, Any] = {}
    verdicts = []
    for source in cells(name):
        assert "SOLUTION" not in source
        if source.startswith("checks."):
            verdicts.append(eval(source, names))
        else:
            exec(source, names)
    assert len(verdicts) == EXERCISES[name]
    for verdict in verdicts:
        assert not verdict.is_right
        assert repr(verdict).startswith("NOT YET: there is no answer yet. Fill in the cell above")
