"""The pictures of docs/architecture.md: what is read from imports, and how it is laid out in layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import packages
from docs.packages import arrows_of, cycles_of, direct, layers_of, picture

CHAIN = {"top": frozenset({"middle", "bottom"}), "middle": frozenset({"bottom"}), "bottom": frozenset[str]()}
CYCLE = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"}), "d": frozenset({"a"})}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three parts of a package: `upper` imports `lower.py` and `middle/`, which imports `lower.py`."""
    texts = {
        "__init__.py": "",
        "lower.py": '"""What is | below."""\n',
        "middle/__init__.py": '"""In between,\nin two lines.\n\nMore.\n"""\n',
        "middle/inner.py": "from personalize_emu import lower\nfrom personalize_emu.middle import other\n",
        "middle/other.py": "import json\n",
        "upper.py": "import personalize_emu.middle.inner\n\n\ndef late():\n    from personalize_emu.lower import x\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.setattr(packages, "SOURCE", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("source")
def test_arrows_are_the_imports_between_parts() -> None:
    assert arrows_of("") == {
        "lower": frozenset(),
        "middle": frozenset({"lower"}),
        "upper": frozenset({"lower", "middle"}),
    }


@pytest.mark.usefixtures("source")
def test_picture_has_direct_arrows_and_a_table_from_the_highest_layer() -> None:
    lines = picture("").splitlines()
    assert [line.strip() for line in lines if "-->" in line] == ["middle --> lower", "upper --> middle"]
    assert lines[-3:] == [
        "| 3 | `upper.py` |  |",
        "| 2 | `middle/` | In between, in two lines. |",
        "| 1 | `lower.py` | What is \\| below. |",
    ]


def test_layers_and_direct_arrows_of_a_chain() -> None:
    assert layers_of(CHAIN) == [["bottom"], ["middle"], ["top"]]
    assert direct(CHAIN)["top"] == {"middle"}
    assert cycles_of(CHAIN) == []


def test_parts_that_import_each_other_have_no_layers() -> None:
    assert cycles_of(CYCLE) == [("a", "b", "c")]
    with pytest.raises(ValueError, match="import each other"):
        layers_of(CYCLE)


@pytest.mark.parametrize("package", ["", "service", "recipes"])
def test_no_two_packages_import_each_other(package: str) -> None:
    assert cycles_of(arrows_of(package)) == []
