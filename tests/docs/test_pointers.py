"""What the wheel says of its documentation: links and pages that exist for who has nothing but the wheel."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalize_emu.cli import main
from personalize_emu.cli.main import COMMANDS
from personalize_emu.settings import DOCUMENTATION_URL, REPOSITORY_URL
from tests.docs.snippets import REPOSITORY
from tests.test_architecture import PACKAGE, modules

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
URLS: dict[str, str] = PYPROJECT["project"]["urls"]
LINK = re.compile(r"\]\(([^)]+)\)")
POINTER = re.compile(rf"{re.escape(DOCUMENTATION_URL)}/([\w-]+\.md)")


def absolute_readme() -> str:
    """The long description, with the substitutions that the build makes."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    assert [part["path"] for part in hook["fragments"]] == ["README.md"]
    for change in hook["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    return text


def texts(tree: ast.AST) -> Iterator[str]:
    """Strings of a module that are no docstrings; the variable parts of f-strings are `{}`."""
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
            yield node.value


def pointers() -> list[tuple[str, str]]:
    """Modules, and the pages that their strings name."""
    return [
        (module.name, page)
        for module in modules(REPOSITORY / PACKAGE)
        for text in texts(ast.parse(module.text))
        for page in re.findall(r"(?:docs)?/?[\w-]+\.md\b", text)
    ]


def help_of(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([*argv, "--help"])
    return capsys.readouterr().out


def test_all_urls_of_the_project_are_below_its_repository() -> None:
    assert set(URLS) == {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert URLS["Source"] == REPOSITORY_URL
    assert all(url.startswith(REPOSITORY_URL) for url in URLS.values())
    assert f"{REPOSITORY_URL}/blob/main/docs" == DOCUMENTATION_URL
    assert URLS["Changelog"] == f"{DOCUMENTATION_URL}/changelog.md"


def test_long_description_has_no_relative_link() -> None:
    text = absolute_readme()
    targets = LINK.findall(text)
    assert len(targets) > 30
    assert [target for target in targets if not target.startswith("https://")] == []
    assert f"]({DOCUMENTATION_URL}/quickstart.md)" in text


def test_absolute_links_lead_to_files_of_the_repository() -> None:
    below = f"{REPOSITORY_URL}/blob/main/"
    paths = [target.removeprefix(below) for target in LINK.findall(absolute_readme()) if target.startswith(below)]
    assert len(paths) > 30
    assert [path for path in paths if not (REPOSITORY / path.partition("#")[0]).exists()] == []


def test_the_newest_version_of_the_changelog_is_that_of_the_project() -> None:
    """Newest first; above it there may be changes that no version has yet."""
    text = (REPOSITORY / "docs" / "changelog.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    released = headings[1:] if headings[0] == "Unreleased" else headings
    found = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", heading) for heading in released]
    assert None not in found, released
    numbers = [(tuple(map(int, each.groups()[:3])), each[4]) for each in found if each]
    assert numbers == sorted(numbers, reverse=True)
    assert ".".join(map(str, numbers[0][0])) == PYPROJECT["project"]["version"]


def test_changes_of_a_version_are_added_changed_removed_or_fixed() -> None:
    text = (REPOSITORY / "docs" / "changelog.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for version in text.split("\n## ")[1:]:
        assert version.count("\n### ") == len(set(re.findall(r"^### (.*)$", version, re.MULTILINE)))


def test_messages_name_pages_by_their_url() -> None:
    """`docs/coverage.md` alone is nothing to somebody without a clone."""
    found = pointers()
    assert ("emulator", "/coverage.md") in found
    assert [(module, page) for module, page in found if page.startswith("docs/")] == []
    assert [(module, page) for module, page in found if not (REPOSITORY / "docs" / Path(page).name).is_file()] == []


@pytest.mark.parametrize("command", [None, *(add.__name__.lstrip("_").removeprefix("add_") for add in COMMANDS)])
def test_help_of_every_command_ends_with_its_page(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([] if command is None else [command.replace("_", "-")], capsys)
    last = text.rstrip().rpartition("\n")[2]
    if command is None:
        assert last == f"documentation: {URLS['Documentation']}"
        return
    (page,) = POINTER.findall(last)
    assert (REPOSITORY / "docs" / page).is_file()


def test_unknown_operations_are_answered_with_the_url_of_the_coverage(emulator: Any) -> None:
    with pytest.raises(Exception, match=re.escape(f"{DOCUMENTATION_URL}/coverage.md")):
        emulator.call("NothingOfTheKind", {})
