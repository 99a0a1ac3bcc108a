"""The documentation site has every page, and its flow charts are drawn. `make slow` builds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from docs.flowcharts import as_svg, layers, parsed
from tests.docs.snippets import REPOSITORY, blocks

DOCS = REPOSITORY / "docs"
SITE = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
MADE = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "decisions/index.md": "docs/decisions"}
MADE["examples/index.md"] = "examples/README.md"
CHARTS = [
    block.code
    for path in sorted(DOCS.glob("*.md"))
    for block in blocks(path.read_text(encoding="utf-8"))
    if block.language == "mermaid"
]


def pages(entries: Any) -> Iterator[str]:
    """The paths in the navigation of mkdocs.yml."""
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from pages([below] if isinstance(below, str) else below)


def test_navigation_has_every_page_once() -> None:
    """Decisions and examples are added when the site is built; a page that were left out would be a warning then."""
    assert sorted(pages(SITE["nav"])) == sorted({path.name for path in DOCS.glob("*.md")} | set(MADE))
    assert all((REPOSITORY / source).exists() for source in MADE.values())


def test_nothing_is_configured_from_other_hosts() -> None:
    assert SITE["theme"]["font"] is False
    assert "://" not in str({name: SITE.get(name) for name in ("extra_css", "extra_javascript", "extra")})


@pytest.mark.parametrize("source", CHARTS, ids=[f"{number}" for number in range(len(CHARTS))])
def test_every_chart_of_the_pages_is_drawn(source: str) -> None:
    chart, svg = parsed(source), as_svg(source)
    assert len(chart.edges) >= 10
    assert svg.count("<rect") == len(chart.labels)
    assert svg.count('class="tip"') == len(chart.edges)
    width, height = (float(found) for found in re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    xs, ys = zip(*((float(x), float(y)) for x, y in re.findall(r'<text x="(\d+)" y="(\d+)"', svg)), strict=True)
    assert 0 < min(xs) < max(xs) < width
    assert 0 < min(ys) < max(ys) < height


def test_edges_lead_from_layer_to_layer() -> None:
    chart = parsed('flowchart TD\n  a & b --> c["the end"]\n  a --> d --> c\n')
    assert chart.edges == [("a", "c"), ("b", "c"), ("a", "d"), ("d", "c")]
    assert chart.labels["c"] == "the end"
    assert [{node for node in row if isinstance(node, str)} for row in layers(chart)] == [{"a", "b"}, {"d"}, {"c"}]
    assert ("a", "c", 1) in layers(chart)[1], "the place that the long edge passes"


@pytest.mark.parametrize("source", ["sequenceDiagram\n a->>b: x\n", "flowchart TD\n  a{question} --> b\n"])
def test_other_charts_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        as_svg(source)
