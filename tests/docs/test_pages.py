"""Every snippet of the README and the documentation runs, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.docs.snippets import LANGUAGES, REPOSITORY, Reader, blocks

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
NAMES = [path.name for path in PAGES]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "dummy",
    "AWS_SECRET_ACCESS_KEY": "dummy",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
}


@pytest.fixture
def environment(personalize_server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a reader has set: nothing but the URL of an empty server and dummy credentials."""
    request = urllib.request.Request(f"{personalize_server}/_emu/reset", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    for name in [name for name in os.environ if name.startswith(("AWS_", "PERSONALIZE_"))]:
        monkeypatch.delenv(name)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": personalize_server}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return dict(os.environ)


@pytest.fixture
def reader(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    made = Reader(tmp_path, environment, port)
    yield made
    made.close()
    for name in [name for name in os.environ if name.startswith(("AWS_", "PERSONALIZE_"))]:
        del os.environ[name]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_snippets_run(path: Path, reader: Reader) -> None:
    for block in blocks(path.read_text(encoding="utf-8")):
        reader.read(block, path.name)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_blocks_say_their_language(path: Path) -> None:
    for block in blocks(path.read_text(encoding="utf-8")):
        assert block.language in LANGUAGES, f"{path.name}:{block.line}"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for path in PAGES[1:]:
        assert f"(docs/{path.name})" in readme
