"""The list of facts and tests in docs/fidelity.md. After adding tests or facts: `make pages`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from docs.facts import (
    FACTS,
    NOT_OBSERVABLE,
    SPECIFICATION,
    TESTS,
    citations,
    cited_in,
    facts_of,
    facts_table,
    read_facts,
)

PAGE = FACTS.with_name("fidelity.md")
ADVICE = "docs/fidelity.md is older than the tests: run `make pages` and commit docs/fidelity.md and docs/facts.tsv"
KNOWN = {f"{stem}-{number}": "decided" for stem in ("P", "R-CMP", "D") for number in range(1, 10)}
KNOWN |= {"R-72": "documented", "R-72a": "documented", "R-72b": "documented", "R-73": "documented"}


@cache
def cited() -> Mapping[str, list[str]]:
    return citations(TESTS, read_facts())


@cache
def table() -> str:
    return facts_table()


def test_fidelity_page_is_up_to_date() -> None:
    """Compared as sets of rows, so that a failure lists the rows only."""
    shown = set(PAGE.read_text(encoding="utf-8").splitlines())
    missing = [line for line in table().splitlines() if line not in shown]
    assert missing == [], ADVICE


def test_the_list_follows_the_specification() -> None:
    known = read_facts()
    assert known == (facts_of(SPECIFICATION) if SPECIFICATION.is_dir() else known), ADVICE
    assert len(known) > 1000


def test_tests_cite_facts_that_exist() -> None:
    known = read_facts()
    unknown = {number: files for number, files in cited().items() if number not in known}
    assert unknown == {}


def test_unobservable_facts_exist_and_have_no_test() -> None:
    known = read_facts()
    assert set(NOT_OBSERVABLE) <= set(known)
    assert set(NOT_OBSERVABLE).isdisjoint(cited())
    assert "| Q-22 | documented | not observable: nothing is refused" in table()


def test_the_list_holds_numbers_and_grounds_and_no_sentences() -> None:
    grounds = {"recorded", "documented", "decided", "derived"}
    for line in FACTS.read_text(encoding="utf-8").splitlines():
        number, ground = line.split("\t")
        assert set(ground.split(", ")) <= grounds, number
        assert " " not in number


def function(name: str = "test_x", doc: str = "") -> str:
    return f"def {name}():\n    '''{doc}'''\n"


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        (function(doc="P-1, R-CMP-2."), "P-1 R-CMP-2"),
        (function(doc="R-CMP-2 to R-CMP-4: and D-1."), "R-CMP-2 R-CMP-3 R-CMP-4 D-1"),
        (function(doc="R-CMP-2 to\n    R-CMP-4"), "R-CMP-2 R-CMP-3 R-CMP-4"),
        (function(doc="P-2 to 4, D-7..D-9"), "P-2 P-3 P-4 D-7 D-8 D-9"),
        (function(doc="R-72 to R-73; R-72a"), "R-72 R-72a R-72b R-73"),
        (function(doc="1.5E-1, UTF-8, xP-1, P-1x1, SHA-2"), ""),
        (function("test_d2_d4_names"), "D-2 D-4"),
        (function("test_d2_to_d4"), "D-2 D-3 D-4"),
        (function("test_r_cmp_2_and_r72a_and_p9"), "R-CMP-2 R-72a P-9"),
        (function("test_reads_from_s3"), ""),
        (function("helper", doc="P-1"), ""),
        ("class Cases:\n    '''P-1'''\n", "P-1"),
        ("cases = ['P-1', 'not P-2']\n", "P-1"),
        ("'''Of the module: P-1.'''\n", ""),
    ],
)
def test_citations_are_found(source: str, numbers: str) -> None:
    assert cited_in(source, KNOWN) == set(numbers.split())


def test_facts_are_found_with_their_grounds(tmp_path: Path) -> None:
    page = (
        "- P-1 [T] One. P-9 is not here.\n"
        "- P-2 [M] Two; else [E] that. P-3 [inf] Three on the same line.\n"
        "| R-4 | `[0.0, 1.0]` | an example |\n"
        "| E-5 | any | text | public issue 7 (2021) |\n"
        "| Q-6 | schemas | 500 |\n"
        "R-72a [doc, later] Four.\n"
        "Text about [P-8] and P-7.\n"
    )
    (tmp_path / "01-x.md").write_text(page, encoding="utf-8")
    (tmp_path / "README.md").write_text("- P-10 [T] Not a page of facts.\n", encoding="utf-8")
    assert facts_of(tmp_path) == {
        "P-1": "recorded",
        "P-2": "documented, decided",
        "P-3": "decided",
        "R-4": "derived",
        "E-5": "recorded",
        "Q-6": "documented",
        "R-72a": "documented",
    }
