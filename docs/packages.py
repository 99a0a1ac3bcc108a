"""The package pictures of docs/architecture.md, drawn from the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "personalize_emu"
SOURCE = Path(__file__).resolve().parents[1] / PACKAGE
Arrows = Mapping[str, frozenset[str]]
"""Part -> parts that it imports."""


def parts_of(package: str) -> dict[str, Path]:
    """The modules and packages directly below a package, by name. package: relative path, "" for personalize_emu."""
    folder = SOURCE / package
    files = {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("__")}
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("*/__init__.py"))}
    return files | folders


def arrows_of(package: str) -> Arrows:
    """The imports between the parts of a package."""
    parts, prefix = parts_of(package), ".".join([PACKAGE, *filter(None, [package])]) + "."
    arrows = {}
    for name, path in parts.items():
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        imported = {target for file in files for target in _imports(file) if target.startswith(prefix)}
        used = {target.removeprefix(prefix).partition(".")[0] for target in imported}
        arrows[name] = frozenset(used & parts.keys() - {name})
    return arrows


def _imports(file: Path) -> Iterator[str]:
    """Full dotted names of the imports of a module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(arrows: Arrows, start: str) -> frozenset[str]:
    """All parts that a part imports, directly or indirectly; including itself in a cycle."""
    found: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting += arrows[part]
    return frozenset(found)


def cycles_of(arrows: Arrows) -> list[tuple[str, ...]]:
    """Groups of parts that import each other."""
    below = {part: reached(arrows, part) for part in arrows}
    groups = {tuple(sorted(other for other in below[part] if part in below[other])) for part in arrows}
    return sorted(group for group in groups if group)


def layers_of(arrows: Arrows) -> list[list[str]]:
    """The layers, lowest first: each part imports from lower layers only and is as low as possible.

    Raises:
        ValueError: parts import each other.
    """
    cycles = cycles_of(arrows)
    if cycles:
        raise ValueError(f"these import each other: {cycles}")
    height: dict[str, int] = {}
    while len(height) < len(arrows):
        for part, used in arrows.items():
            if part not in height and used <= height.keys():
                height[part] = 1 + max((height[other] for other in used), default=-1)
    return [[part for part in sorted(arrows) if height[part] == level] for level in range(max(height.values()) + 1)]


def direct(arrows: Arrows) -> Arrows:
    """The imports without those that follow from others."""
    return {
        part: frozenset(other for other in used if not any(other in reached(arrows, via) for via in used - {other}))
        for part, used in arrows.items()
    }


def picture(package: str) -> str:
    """A diagram of the imports, and a table of the layers, highest first, with the purpose of each part."""
    parts, arrows = parts_of(package), arrows_of(package)
    lines = ["```mermaid", "flowchart TD"]
    for part, used in sorted(direct(arrows).items()):
        lines += [f"    {part} --> {other}" for other in sorted(used)]
    lines += ["```", "", "| layer | part | what it is |", "| --- | --- | --- |"]
    layers = layers_of(arrows)
    for level in range(len(layers), 0, -1):
        for part in layers[level - 1]:
            name = f"{part}.py" if parts[part].is_file() else f"{part}/"
            lines.append(f"| {level} | `{name}` | {_purpose(parts[part])} |")
    return "\n".join(lines)


def _purpose(path: Path) -> str:
    """The first sentence of the docstring."""
    file = path if path.is_file() else path / "__init__.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")
