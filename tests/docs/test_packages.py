"""docs/architecture.md: its pictures, read from imports and laid out in layers, and the names in its text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import packages
from docs.packages import arrows_of, cycles_of, direct, layers_of, picture
from personalize_emu.edge.request_pipeline import STEPS

REPOSITORY = Path(__file__).parents[2]
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


def test_files_and_names_in_the_text_exist() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    text = re.sub(r"<!-- .*? -->.*?<!-- end -->", "", page, flags=re.DOTALL)
    paths = [path for folder in ("personalize_emu", "tests") for path in (REPOSITORY / folder).rglob("*")]
    files = {f"/{path.relative_to(REPOSITORY).as_posix()}" for path in paths}
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.suffix == ".py")
    words = set(re.findall(r"\w+", code))
    quoted = {name.strip("/") for name in re.findall(r"`([A-Za-z_/][\w./]*)`", text)}
    listed = set(re.findall(r"^(?:bytes|  +) [─▶◀]+ ([\w/]+\.py)", text, re.MULTILINE))
    assert {"edge/one_port.py", "TrainingJob.run"} <= quoted | listed
    missing = [
        name
        for name in sorted(quoted | listed)
        if not name.startswith("_emu/")
        and not any(file.endswith(f"/{name}") for file in files) and not words.issuperset(name.split("."))
    ]
    assert missing == []


def test_steps_of_a_request_are_those_of_the_code() -> None:
    page = " ".join((REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    assert f"STEPS: {', '.join(step.__name__ for step in STEPS)}" in page
