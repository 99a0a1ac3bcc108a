"""docs/api.md has every public name of the Python surface."""

from __future__ import annotations

import inspect
import re

import pytest

import personalize_emu as package
from docs import api_reference
from docs.api_reference import EXCEPTIONS, GROUPS, INNER, public
from personalize_emu.edge import pytest_plugin
from personalize_emu.edge.testing.server_control import ServerControl
from personalize_emu.emulator import Emulator
from personalize_emu.tryout.in_process import TriedOut
from tests.test_architecture import REPOSITORY

PAGE = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", package.__all__)
def test_page_has_the_names_of_the_package(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_page_has_every_member_of_an_emulator_once() -> None:
    named = [*(name for names in GROUPS.values() for name in names), *INNER]
    without_value = {"settings", "clock"}
    annotated = {name for kind in Emulator.__mro__ for name in vars(kind).get("__annotations__", {}) if name[0] != "_"}
    assert sorted(named) == sorted({*public(Emulator), *annotated} - without_value)
    assert all(f"`emulator.{name}`" in PAGE for name in without_value)
    assert all(PAGE.count(f"#### `Emulator.{name}`") == 1 for names in GROUPS.values() for name in names)


def test_page_has_every_member_of_a_server_control_and_of_what_is_tried() -> None:
    part = PAGE.partition("## `ServerControl`")[2].partition("## `try_out`")[0]
    assert all(f"`{name}`" in part or f"`ServerControl.{name}`" in part for name in public(ServerControl))
    assert all(f"#### `TriedOut.{name}`" in PAGE for name in public(TriedOut))


def test_page_has_every_fixture_with_its_scope() -> None:
    source = inspect.getsource(pytest_plugin)
    fixtures = re.findall(r"@pytest\.fixture(?:\(scope=\"(\w+)\"\))?\ndef (\w+)", source)
    assert len(fixtures) == source.count("@pytest.fixture") >= 7
    for scope, name in fixtures:
        assert f"### `{name}`\n\nA fixture of scope *{scope or 'function'}* that gives" in PAGE
    assert f"The marker `{pytest_plugin.MARKER}`" in PAGE


def test_page_has_every_exception_that_it_names() -> None:
    raised = {name for names in re.findall(r"- raises (.+?): ", PAGE) for name in re.findall(r"\w+", names)}
    known = {each.__name__ for each in EXCEPTIONS} | {"ValueError", "RuntimeError", "OSError"}
    assert "NotWritten" in raised
    assert raised <= known
    assert all(f"| `{each.__name__}` | `{each.__module__}` |" in PAGE for each in EXCEPTIONS)


def test_page_has_every_argument_of_a_function() -> None:
    for target in (package.mock_personalize, package.try_out, Emulator.fail, Emulator.fail_job):
        shown = PAGE.partition(f"{target.__name__}(\n")[2].partition(")\n")[0]
        names = [name for name in inspect.signature(target).parameters if name != "self"]
        assert all(re.search(rf"^    \**{name}: ", shown, re.MULTILINE) for name in names)


def test_docstrings_become_lists_without_numbers_of_the_specification() -> None:
    docstring = """Do it (P-12).

    It is done.

    Args:
        first, second: of the
            call.

    Raises:
        ValueError: it cannot be done.
    """
    assert api_reference.prose(inspect.cleandoc(docstring)) == (
        "Do it.\n\nIt is done.\n\n- `first`, `second`: of the call.\n- raises `ValueError`: it cannot be done."
    )
