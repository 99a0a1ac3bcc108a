"""Notebooks of examples/teaching, and the classroom that their exercises start from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TEACHING = Path(__file__).parents[2] / "examples/teaching"


@pytest.fixture(scope="session", autouse=True)
def class_modules() -> Iterator[None]:
    """The modules beside the notebooks can be imported, as in a notebook; bytecode would be left beside them."""
    before, sys.path[:0] = list(sys.path), [str(TEACHING)]
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def checks(class_modules: None) -> ModuleType:
    return importlib.import_module("checks")


@pytest.fixture(scope="session")
def new_classroom(class_modules: None) -> Any:
    """The class Classroom."""
    return importlib.import_module("classroom").Classroom
