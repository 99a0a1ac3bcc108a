"""Hooks of the documentation site (mkdocs.yml): files outside docs/ become pages, and links lead to pages.

The texts are written for people who read them in the repository. Here README.md is the start page, CONTRIBUTING.md and
the README.md of each example are pages, and links to any of them, which lead out of docs/, lead to the page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from pymdownx.slugs import slugify

from docs.flowcharts import as_svg
from personalize_emu.settings import REPOSITORY_URL

REPOSITORY = Path(__file__).resolve().parents[1]
DECISIONS = "decisions/index.md"
OUTSIDE: Mapping[str, str] = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "LICENSE.txt",
    "examples/README.md": "examples/index.md",
    **{
        f"examples/{path.parent.name}/README.md": f"examples/{path.parent.name}.md"
        for path in sorted(REPOSITORY.glob("examples/*/README.md"))
    },
}
"""Path in the repository -> path on the site, of what is not in docs/."""
LISTED: Mapping[str, tuple[str, ...]] = {
    "examples/index.md": tuple(place for place in OUTSIDE.values() if re.fullmatch(r"examples/(?!index).*", place)),
    DECISIONS: tuple(f"decisions/{path.name}" for path in sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))),
}
"""Pages by the page that lists them."""
WIDE = ("comparison.md",)
"""Pages whose tables need the whole width."""
_SOURCES = {place: source for source, place in OUTSIDE.items()}
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)
_NESTED = re.compile(r"^ {2,3}(?=(?:-|\d+\.) )", re.MULTILINE)
_LIST_AFTER_TEXT = re.compile(r"^(?!\s*(?:[-*|]|\d+\.) ?)(\S.*)\n(?=(?:-|\d+\.) )", re.MULTILINE)


def on_config(config: Any) -> Any:
    """Settings that are functions, which YAML cannot hold."""
    # Headings have the anchors that they have in the repository.
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    fence = {"name": "mermaid", "class": "flowchart", "format": flowchart}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    config.nav = with_all(config.nav)
    return config


def with_all(entries: Any) -> Any:
    """The navigation with all examples and decisions after the pages that list them."""
    if isinstance(entries, dict):
        return {title: with_all(below) for title, below in entries.items()}
    if isinstance(entries, list):
        return [page for entry in entries for page in (with_all(entry), *LISTED.get(str(entry), ()))]
    return entries


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside docs/, and the list of decisions."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, content=(REPOSITORY / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, DECISIONS, content=decisions()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links lead to pages of the site, and lists are what they are in the repository."""
    place = page.file.src_uri
    if place in WIDE:
        page.meta["hide"] = ["navigation", "toc"]
    parts = _FENCE.split(markdown)
    # Odd parts are blocks of code.
    parts[::2] = [as_lists(with_links(text, place)) for text in parts[::2]]
    return "".join(parts)


def as_lists(text: str) -> str:
    """Python-Markdown wants an empty line before a list, and lists in lists indented by four."""
    return _LIST_AFTER_TEXT.sub(r"\1\n\n", _NESTED.sub(" " * 4, text))


def on_post_page(output: str, **_: Any) -> str:
    """The search of the theme is a dialog without a name, which screen readers would not announce."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )


def with_links(text: str, place: str) -> str:
    """The text of the page at a place of the site, with the links of the file that it is from."""
    return _LINK.sub(lambda link: link[1] + _moved(link[2], place) + link[3], text)


def _moved(target: str, place: str) -> str:
    if "://" in target or target.startswith(("mailto:", "/")):
        return target
    source = _SOURCES.get(place, f"docs/{place}")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    found = site_path(wanted)
    if found is None:
        return f"{REPOSITORY_URL}/blob/main/{wanted}"
    return posixpath.relpath(found, posixpath.dirname(place) or ".")


def site_path(path: str) -> str | None:
    """Where a file or folder of the repository is on the site; None if it is in the repository only."""
    if path == "docs/decisions":
        return DECISIONS
    for known in (path, f"{path}/README.md"):
        if known in OUTSIDE:
            return OUTSIDE[known]
    is_outside = (REPOSITORY / path).exists() and not path.startswith("docs/")
    return None if is_outside else path.removeprefix("docs/")


def decisions() -> str:
    """The page that lists the decisions by their titles."""
    titles = {
        path.name: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for path in sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
    }
    return "# Decisions\n\n" + "".join(f"- [{title}]({name})\n" for name, title in titles.items())


def flowchart(source: str, *_arguments: Any, **_options: Any) -> str:
    """A formatter of superfences: the picture that GitHub draws of a block, without a script."""
    return f'<div class="flowchart" tabindex="0">{as_svg(source)}</div>'
