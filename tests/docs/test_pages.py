"""Every code block of the README and the documentation runs, and every link has a target."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import boto3
import pytest

from tests.docs.snippets import LANGUAGES, REPOSITORY, Reader, blocks

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
NAMES = [path.name for path in PAGES]
LINKING = [*PAGES, REPOSITORY / "CONTRIBUTING.md"]
IN_PROCESS = ("access.md", "testing-with-pytest.md", "serving.md", "test-doubles.md")
"""Pages that create resources inside mocks and tests only."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "dummy",
    "AWS_SECRET_ACCESS_KEY": "dummy",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
}


AGAIN = ("quickstart.md", "events.md", "next-best-action.md")
"""Pages that are run twice in the same folder on the same server."""


@pytest.fixture
def environment(personalize_server_session: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a reader: credentials and the URL of a server with resources of other pages."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "PERSONALIZE_"))]:
        monkeypatch.delenv(name)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": personalize_server_session}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return dict(os.environ)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path: Path, folder: Path, environment: dict[str, str]) -> None:
    """Run a page from top to bottom."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reader = Reader(folder, environment, port)
    try:
        for block in blocks(path.read_text(encoding="utf-8")):
            reader.read(block, path.name)
    finally:
        reader.close()
        for name in [name for name in os.environ if name.startswith(("AWS_", "PERSONALIZE_"))]:
            del os.environ[name]
        os.environ.update(environment)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_snippets_run_after_those_of_other_pages(path: Path, folder: Path, environment: dict[str, str]) -> None:
    """Those of AGAIN on a server with something left behind, and once more on what they leave themselves."""
    if path.name in AGAIN:
        boto3.client("personalize").create_dataset_group(name="left-behind")
        read(path, folder, environment)
    read(path, folder, environment)


@pytest.mark.parametrize("path", PAGES[1:], ids=NAMES[1:])
def test_pages_that_create_resources_reset_the_server_first(path: Path) -> None:
    """Otherwise the second run fails with ResourceAlreadyExistsException."""
    code = [block.code for block in blocks(path.read_text(encoding="utf-8"))]
    makes = [place for place, text in enumerate(code) if "create_" in text and "mock_personalize" not in text]
    if makes and path.name not in IN_PROCESS:
        assert any("personalize-emu reset" in text for text in code[: makes[0]]), path.name


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_code_blocks_have_a_language(path: Path) -> None:
    for block in blocks(path.read_text(encoding="utf-8")):
        assert block.language in LANGUAGES, f"{path.name}:{block.line}"


@pytest.mark.parametrize("path", LINKING, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_files_named_in_contributing_exist() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[`/ ]((?:\w+/)*\w+\.(?:py|tsv))\b", text)) - {"NAME.py"}
    folders = ("personalize_emu", "tests", "docs", "benchmarks")
    files = [f"/{path.relative_to(REPOSITORY)}" for folder in folders for path in (REPOSITORY / folder).rglob("*.*")]
    assert len(named) > 20
    for name in named - {"personalize_emu/recipes/NAME.py"}:
        assert any(file.endswith(f"/{name}") for file in files), name


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for path in PAGES[1:]:
        assert f"(docs/{path.name})" in readme
