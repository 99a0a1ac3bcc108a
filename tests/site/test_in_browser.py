"""The documentation site is built without a warning, and loads in a browser without a request to another host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.docs.snippets import REPOSITORY
from tests.edge.console.chromium import PHONE, THEMES, WIDE, browser, missing_browser, show, wait_for

OTHER_HOST = "http://127.0.0.1:1/nowhere.js"


class Quiet(SimpleHTTPRequestHandler):
    """Does not write a line for each request."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, of what `make site` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def url(built: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A headless Chromium. Required when CI is set."""
    missing = missing_browser()
    if missing is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with browser() as driver:
        yield driver


def requested(driver: Any) -> list[str]:
    """URLs that the browser has asked for since the log was last read."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]


def elsewhere(driver: Any, url: str) -> list[str]:
    return [each for each in requested(driver) if not each.startswith((url, "data:", "blob:", "chrome:"))]


def test_every_page_loads_without_other_hosts_and_errors(driver: Any, url: str, built: Path) -> None:
    pages = sorted(path.relative_to(built).as_posix() for path in built.rglob("*.html"))
    assert {"index.html", "quickstart.html", "api.html", "examples/node-app.html", "decisions/index.html"} <= set(pages)
    driver.get_log("browser")
    for page in pages:
        show(driver, url + page)
        wait_for(driver, "document.querySelector('h1')")
        assert driver.get_log("browser") == [], page
        assert elsewhere(driver, url) == [], page


def test_a_request_to_another_host_would_be_noticed(driver: Any, url: str) -> None:
    show(driver, url)
    elsewhere(driver, url)
    driver.execute_async_script(
        "const [source, done] = arguments; const script = document.createElement('script');"
        "script.onerror = script.onload = done; script.src = source; document.head.append(script);",
        OTHER_HOST,
    )
    assert elsewhere(driver, url) == [OTHER_HOST]
    assert driver.get_log("browser") != []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", ["index.html", "architecture.html", "comparison.html"])
def test_axe_finds_nothing_serious(driver: Any, url: str, page: str, theme: str) -> None:
    show(driver, url + page, theme=theme)
    driver.execute_script(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    serious = [fault for fault in found["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_fit_and_pictures_are_there(driver: Any, url: str, size: tuple[int, int]) -> None:
    for page in ("index.html", "console.html", "architecture.html", "coverage.html"):
        show(driver, url + page, size=size)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= size[0], page
        broken = (
            "return [...document.images].filter(each => !each.complete || !each.naturalWidth).map(each => each.src)"
        )
        assert driver.execute_script(broken) == [], page


def test_search_finds_a_page(driver: Any, url: str) -> None:
    show(driver, url)
    driver.find_element("css selector", "input[name=query]").send_keys("next best action")
    wait_for(driver, "document.querySelector('.md-search-result__link[href*=\"next-best-action.html\"]')")
    assert elsewhere(driver, url) == []


def test_links_between_files_lead_to_pages(built: Path) -> None:
    start = (built / "index.html").read_text(encoding="utf-8")
    for page in ("quickstart.html", "decisions/index.html", "examples/index.html", "LICENSE.txt", "contributing.html"):
        assert f'href="{page}"' in start
        assert (built / page).is_file()
    assert 'href="index.html"' in (built / "quickstart.html").read_text(encoding="utf-8")
    assert "](" not in start


def test_navigation_has_examples_and_decisions(built: Path) -> None:
    start = (built / "index.html").read_text(encoding="utf-8")
    examples = {f"examples/{path.parent.name}.html" for path in REPOSITORY.glob("examples/*/README.md")}
    decisions = {f"decisions/{path.stem}.html" for path in REPOSITORY.glob("docs/decisions/*.md")}
    assert len(examples) >= 4
    assert len(decisions) >= 7
    assert [page for page in examples | decisions if f'href="{page}"' not in start] == []
