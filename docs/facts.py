"""Maps the facts of the specification to the tests that cite them, for docs/fidelity.md.

    specification  ─facts_of─▶  facts.tsv: number and grounds of every fact, without its text
    tests          ─citations─▶  numbers in names and docstrings of tests, and strings that are a number

The specification is not part of the project; where it is missing, facts.tsv is used.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SPECIFICATION = PROJECT.parent / "shared" / "spec"
FACTS = PROJECT / "docs" / "facts.tsv"
TESTS = PROJECT / "tests"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Protocol": ("P",),
    "Resources": ("R-",),
    "Datasets and schemas": ("D",),
    "Quotas and errors": ("Q", "E"),
    "Security": ("S",),
    "Recipes": ("R",),
    "Training and metrics": ("T", "M"),
    "Filters": ("F",),
    "Recommendations": ("RT",),
    "Events and records": ("EV",),
    "Batch jobs": ("B",),
    "Metric attribution": ("MA", "CW"),
}
"""Title -> prefixes of fact numbers; "R-" stands for R-GEN, R-CMP and others."""

RECORDED, DOCUMENTED, DECIDED, DERIVED = "recorded", "documented", "decided", "derived"

_GROUND_OF_TAG = {
    **dict.fromkeys(("T", "I", "Q", "K", "rec"), RECORDED),
    **dict.fromkeys(("M", "G", "G2", "S", "model", "doc"), DOCUMENTED),
    **dict.fromkeys(("E", "C", "dec", "inf"), DECIDED),
}
_GROUND_OF_WORD = {
    "public issue": RECORDED,
    "public project notes": RECORDED,
    "guide": DOCUMENTED,
    "sample": DOCUMENTED,
    "service model": DOCUMENTED,
    "pattern of": DECIDED,
}
_PREFIX = r"(?:R-[A-Z]{2,3}|RT|EV|MA|CW|[PDQESRTMFB])"
_NUMBER = rf"{_PREFIX}-\d+[a-z]?"
_AT_START = re.compile(rf"(?:- |\| )?\**({_NUMBER})\**(?= )")
_IN_MIDDLE = re.compile(rf"(?<![\w-])({_NUMBER})(?= \[)")
_TAG = re.compile(r"\[(\w+)[^\]]*\]")
_CITED = re.compile(rf"(?<![\w.-])({_NUMBER})(?!\w)(?:(?: to |\.\.)({_NUMBER}|\d+[a-z]?)(?!\w))?")
_IN_NAME = re.compile(r"_(r_[a-z]{2,3}_|rt|ev|ma|cw|[pdqesrtmfb])_?(\d+[a-z]?)(?:_to_(?:\1_?)?(\d+[a-z]?))?(?=_|$)")
_NOT_A_FACT = "_s3"
"""Prefixes that are names of the object store."""

NOT_OBSERVABLE: Mapping[str, str] = {
    "Q-22": "nothing is refused or left out, and so many interactions are out of reach of a test",
    "Q-36": "nothing is refused or left out; benchmarks train on as many items, tests do not",
    "Q-40": "nothing is refused or left out, and so many interactions are out of reach of a test",
    "Q-59": "nothing is refused, and 5 GB of users and items are out of reach of a test",
    "M-55": "recorded on data of groceries that the project does not have",
    "M-56": "recorded on made data of a shop that the project does not have",
}
"""Facts that cannot be tested, with the reason. Every other fact should be cited by a test."""

Facts = Mapping[str, str]
"""Number of a fact -> its grounds, in the order of the specification."""


def facts_of(specification: Path) -> dict[str, str]:
    """All facts of the specification, in order of first occurrence."""
    facts: dict[str, str] = {}
    for page in sorted(specification.glob("[0-9]*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            for number, text in _facts_of_line(line):
                facts.setdefault(number, _grounds(number, text))
    return facts


def read_facts() -> dict[str, str]:
    lines = FACTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def write_facts() -> None:
    """Update the table from the specification, if present."""
    if SPECIFICATION.is_dir():
        lines = (f"{number}\t{grounds}\n" for number, grounds in facts_of(SPECIFICATION).items())
        FACTS.write_text("".join(lines), encoding="utf-8")


def citations(tests: Path, facts: Facts) -> dict[str, list[str]]:
    """Cited number -> the test files that cite it, as paths below `tests`, including unknown numbers.

    Tests of this module cite invented facts.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(set(tests.rglob("*.py")) - set(tests.glob("docs/*.py"))):
        for number in cited_in(path.read_text(encoding="utf-8"), facts):
            found[number].add(path.relative_to(tests).as_posix())
    return {number: sorted(files) for number, files in found.items()}


def cited_in(source: str, facts: Facts) -> set[str]:
    """Numbers cited by the tests of a file: in names and docstrings of tests and classes, and as strings."""
    cited: set[str] = set()
    tree = ast.parse(source)
    plain = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            cited.update(_in_name(node.name, facts), _in_text(ast.get_docstring(node) or "", facts))
        elif isinstance(node, ast.ClassDef):
            cited.update(_in_text(ast.get_docstring(node) or "", facts))
        elif isinstance(node, ast.Constant) and node not in plain and re.fullmatch(_NUMBER, str(node.value)):
            cited.add(str(node.value))
    return cited


def facts_table() -> str:
    """The number of tested facts of each group, then every fact with its grounds and test files."""
    facts = read_facts()
    tests = citations(TESTS, facts)
    shown = sum(number in tests for number in facts)
    parts = [
        f"{shown} of {len(facts)} facts have a test that names them; {len(NOT_OBSERVABLE)} can have none, "
        "and the table says why."
    ]
    for title, prefixes in GROUPS.items():
        group = [number for number in facts if _prefix(number) in prefixes]
        done = sum(number in tests for number in group)
        rows = "\n".join(f"| {number} | {facts[number]} | {_shown_by(number, tests.get(number))} |" for number in group)
        parts.append(f"### {title}: {done} of {len(group)}\n\n| fact | ground | tests |\n| --- | --- | --- |\n{rows}")
    return "\n\n".join(parts)


def _shown_by(number: str, paths: Iterable[str] | None) -> str:
    if paths:
        return ", ".join(f"`{path}`" for path in paths)
    return f"not observable: {NOT_OBSERVABLE[number]}" if number in NOT_OBSERVABLE else "no test yet"


def _prefix(number: str) -> str:
    """The prefix of a number: P for `P-45`, R- for `R-CMP-3`."""
    first, second = number.split("-")[:2]
    return f"{first}-" if second.isalpha() else first


def _facts_of_line(line: str) -> Iterator[tuple[str, str]]:
    """The facts that begin in a line, each with its text up to the next one."""
    places = {match.start(1): match[1] for match in _IN_MIDDLE.finditer(line)}
    if start := _AT_START.match(line):
        places[start.start(1)] = start[1]
    ends = [*sorted(places)[1:], len(line)]
    for (place, number), end in zip(sorted(places.items()), ends, strict=False):
        yield number, line[place:end]


def _grounds(number: str, text: str) -> str:
    """The grounds of a fact. Without a tag it is a worked example or derived from others."""
    found = {_GROUND_OF_TAG[tag] for tag in _TAG.findall(text) if tag in _GROUND_OF_TAG}
    if not found and number.startswith("E-"):
        found = {ground for words, ground in _GROUND_OF_WORD.items() if words in text}
    if not found and number.startswith("Q-"):
        found = {DOCUMENTED}
    return ", ".join(ground for ground in (RECORDED, DOCUMENTED, DECIDED) if ground in found) or DERIVED


def _in_text(text: str, facts: Facts) -> Iterator[str]:
    for first, last in _CITED.findall(" ".join(text.split())):
        yield from _range(first, last, facts)


def _in_name(name: str, facts: Facts) -> Iterator[str]:
    for prefix, first, last in _IN_NAME.findall(name.replace(_NOT_A_FACT, "")):
        stem = prefix.upper().replace("_", "-").rstrip("-")
        yield from _range(f"{stem}-{first}", last, facts)


def _range(first: str, last: str, facts: Facts) -> Iterator[str]:
    """One number, or a range of facts, whose end may lack the prefix."""
    yield first
    if last:
        stem, low = _parts(first)
        _, high = _parts(last if "-" in last else f"{stem}-{last}")
        yield from (number for number in facts if _parts(number)[0] == stem and low < _parts(number)[1] < high)
        yield last if "-" in last else f"{stem}-{last}"


def _parts(number: str) -> tuple[str, tuple[int, str]]:
    """A sort key: `R-72h` is R and (72, "h"), so numbers are compared numerically."""
    stem, _, place = number.rpartition("-")
    digits = place.rstrip("abcdefghijklmnopqrstuvwxyz")
    return stem, (int(digits), place[len(digits) :])
