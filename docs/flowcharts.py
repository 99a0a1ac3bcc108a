"""Draws the flow charts of the pages as SVG: the site would otherwise load a script of 3 MB from another host.

Knows what the pages use of Mermaid: `flowchart TD` or `LR`, and lines such as `a & b --> c["label"] --> d`.
Layers, places for edges that cross layers, and an order by the mean of the neighbours (Sugiyama et al. 1981).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

SWEEPS = 12
CHARACTER, PADDING, HEIGHT = 7.4, 20, 28
"""Of a box, in pixels, at a font size of 13."""
GAP = 18
"""Between boxes of a layer."""
BETWEEN_LAYERS = 34
ARROW = (7, 3)
"""Length and half of the width of the point of an edge."""
_NODE = re.compile(r'(\w+)(?:\["([^"]*)"\])?')

Node = str | tuple[str, str, int]
"""A name, or the place in a layer where an edge passes: its ends, and the layer."""


@dataclass(frozen=True)
class Chart:
    """labels: of each node by name. edges: pairs of names."""

    downwards: bool
    labels: dict[str, str]
    edges: list[tuple[str, str]]


def parsed(source: str) -> Chart:
    """Raises ValueError: not a flow chart of the kinds above."""
    first, *lines = source.strip().splitlines()
    if first.split() not in (["flowchart", "TD"], ["flowchart", "LR"]):
        raise ValueError(f"not a flow chart: {first}")
    labels: dict[str, str] = {}
    edges = []
    for line in lines:
        groups = [[_node(text, labels) for text in part.split("&")] for part in line.split("-->")]
        edges += [(a, b) for left, right in pairwise(groups) for a in left for b in right]
    return Chart(first.endswith("TD"), labels, edges)


def _node(text: str, labels: dict[str, str]) -> str:
    found = _NODE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a node: {text}")
    if found[2] or found[1] not in labels:
        labels[found[1]] = found[2] or found[1]
    return found[1]


def layers(chart: Chart) -> list[list[Node]]:
    """Nodes by their longest path from a node without edges to it, with the places where edges pass, in an order."""
    before: dict[str, list[str]] = defaultdict(list)
    for start, end in chart.edges:
        before[end].append(start)
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            depth[name] = max((deep(each) + 1 for each in before[name]), default=0)
        return depth[name]

    rows: list[list[Node]] = [[] for _ in range(max(map(deep, chart.labels)) + 1)]
    for name in chart.labels:
        rows[depth[name]].append(name)
    for start, end in chart.edges:
        for layer in range(depth[start] + 1, depth[end]):
            rows[layer].append((start, end, layer))
    return _ordered(rows, _neighbours(chart, depth))


def _steps(start: str, end: str, depth: dict[str, int]) -> list[Node]:
    """The nodes and places that an edge leads through."""
    return [start, *((start, end, layer) for layer in range(depth[start] + 1, depth[end])), end]


def _neighbours(chart: Chart, depth: dict[str, int]) -> dict[Node, list[Node]]:
    found: dict[Node, list[Node]] = defaultdict(list)
    for start, end in chart.edges:
        steps = _steps(start, end, depth)
        for a, b in pairwise(steps):
            found[a].append(b)
            found[b].append(a)
    return found


def _ordered(rows: list[list[Node]], neighbours: dict[Node, list[Node]]) -> list[list[Node]]:
    place = {node: index / len(row) for row in rows for index, node in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda node: _mean([place[each] for each in neighbours[node]], place[node]))
            place |= {node: (index + 0.5) / len(row) for index, node in enumerate(row)}
    return rows


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def as_svg(source: str) -> str:
    """The chart as an element `svg`, with its edges as the text for those who cannot see it."""
    chart = parsed(source)
    rows = layers(chart)
    depth = {node: index for index, row in enumerate(rows) for node in row if isinstance(node, str)}
    sizes = {name: (len(label) * CHARACTER + PADDING, HEIGHT) for name, label in chart.labels.items()}
    points, width, height = _points(rows, sizes, chart.downwards)
    edges = "".join(
        _edge(
            [
                _beside(points[a], sizes[a], 1, chart.downwards),
                *(points[step] for step in _steps(a, b, depth)[1:-1]),
                _beside(points[b], sizes[b], -1, chart.downwards),
            ],
            chart.downwards,
        )
        for a, b in chart.edges
    )
    boxes = "".join(_box(points[name], sizes[name], chart.labels[name]) for name in chart.labels)
    described = "; ".join(f"{chart.labels[a]} to {chart.labels[b]}" for a, b in chart.edges)
    return (
        f'<svg role="img" aria-label="Flow chart: {escape(described)}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}"><g class="edges">{edges}</g><g class="boxes">{boxes}</g></svg>'
    )


def _points(
    rows: list[list[Node]], sizes: dict[str, tuple[float, float]], downwards: bool
) -> tuple[dict[Node, tuple[float, float]], float, float]:
    """The middle of each node, and width and height of the picture. Layers are centred."""
    along, across = (0, 1) if downwards else (1, 0)
    extents = [[sizes[node][along] if isinstance(node, str) else 0 for node in row] for row in rows]
    lengths = [sum(row) + GAP * (len(row) - 1) for row in extents]
    depths = [max(sizes[node][across] for node in row if isinstance(node, str)) for row in rows]
    total, points, level = max(lengths), {}, GAP / 2
    for row, widths, length, deep in zip(rows, extents, lengths, depths, strict=True):
        position = GAP / 2 + (total - length) / 2
        for node, extent in zip(row, widths, strict=True):
            middle = (position + extent / 2, level + deep / 2)
            points[node] = middle if downwards else (middle[1], middle[0])
            position += extent + GAP
        level += deep + BETWEEN_LAYERS
    ends = (total + GAP, level - BETWEEN_LAYERS + GAP / 2)
    return points, *(ends if downwards else (ends[1], ends[0]))


def _edge(points: list[tuple[float, float]], downwards: bool) -> str:
    (x, y), (end_x, end_y) = points[0], points[-1]
    back, side = ARROW
    if downwards:
        tip = f"M{end_x - side:.0f} {end_y - back:.0f}L{end_x:.0f} {end_y:.0f}L{end_x + side:.0f} {end_y - back:.0f}z"
    else:
        tip = f"M{end_x - back:.0f} {end_y - side:.0f}L{end_x:.0f} {end_y:.0f}L{end_x - back:.0f} {end_y + side:.0f}z"
    return f'<path d="M{x:.0f} {y:.0f}{"".join(_curves(points, downwards))}"/><path class="tip" d="{tip}"/>'


def _curves(points: list[tuple[float, float]], downwards: bool) -> Iterator[str]:
    for (x, y), (end_x, end_y) in pairwise(points):
        half_x, half_y = (x + end_x) / 2, (y + end_y) / 2
        first, second = ((x, half_y), (end_x, half_y)) if downwards else ((half_x, y), (half_x, end_y))
        yield f"C{first[0]:.0f} {first[1]:.0f} {second[0]:.0f} {second[1]:.0f} {end_x:.0f} {end_y:.0f}"


def _beside(point: tuple[float, float], size: tuple[float, float], side: int, downwards: bool) -> tuple[float, float]:
    """The middle of the border of a box that edges leave (side 1) or reach (-1)."""
    (x, y), (width, height) = point, size
    return (x, y + side * height / 2) if downwards else (x + side * width / 2, y)


def _box(middle: tuple[float, float], size: tuple[float, float], label: str) -> str:
    (x, y), (width, height) = middle, size
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - height / 2:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5"/>'
        f'<text x="{x:.0f}" y="{y + 4.5:.0f}">{escape(label)}</text>'
    )
