"""Generated tables are up to date; `make pages` writes them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = _generator()


@pytest.mark.parametrize("page", sorted({page for page, _ in generator.TABLES}))
def test_generated_tables_are_fresh(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert generator.rendered(page, text) == text, "make pages"


def test_coverage_names_every_operation_of_the_service_model() -> None:
    table = generator.coverage_table()
    assert table.count("| implemented |") + table.count("| 501 |") == 79


def test_settings_table_has_every_option_once() -> None:
    table = generator.settings_table()
    assert table.count("`PERSONALIZE_EMU_") == len(generator.fields(generator.Settings))


def test_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for"):
        generator.rendered("settings.md", "# Settings\n")
