"""JSON Lines of batch jobs with arbitrary content (spec 11 sections 2 and 3)."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st

from personalize_emu.batch import lines as lines_module
from personalize_emu.batch.lines import (
    INFERENCE,
    SEGMENTS,
    BadLine,
    Line,
    chunks_of,
    encoded,
    parsed,
    required_text,
    score_text,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(content: bytes, most_lines: int = 3, most_bytes: int = 1000) -> list[list[bytes]]:
    return [list(chunk.lines) for chunk in chunks_of(io.BytesIO(content), most_lines, most_bytes)]


def test_blank_lines_are_skipped_and_the_last_line_may_end_without_a_break() -> None:
    """B-21."""
    assert read(b"\xef\xbb\xbfa\r\n\n  \nb\nc\nd") == [[b"a\r\n", b"b\n", b"c\n"], [b"d"]]
    assert read(b"") == []
    assert read(b"\n\n") == [[]]


def test_chunks_are_bounded_in_bytes_too() -> None:
    assert read(b"aaaa\nbbbb\ncccc\n", most_bytes=6) == [[b"aaaa\n", b"bbbb\n"], [b"cccc\n"]]


def test_long_lines_use_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """B-16, B-54: long lines are cut and the next one is read normally."""
    monkeypatch.setattr(lines_module, "MOST_LINE_BYTES", 8)
    assert read(b'{"a":"' + b"x" * 50 + b'"}\n{"b":1}\n') == [[b'{"a":"xx', b'{"b":1}\n']]


@drawn(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 4), st.integers(1, 60))
def test_every_line_is_read_once(found: list[bytes], most_lines: int, most_bytes: int) -> None:
    """B-70."""
    chunks = list(chunks_of(io.BytesIO(b"\n".join(found)), most_lines, most_bytes))
    lines = [line.strip() for chunk in chunks for line in chunk.lines]
    expected = [line.strip() for line in b"\n".join(found).removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    assert lines == [line for line in expected if line]
    assert sum(chunk.size for chunk in chunks) == len(b"\n".join(found))


@pytest.mark.parametrize(
    "text",
    ["nope", "5", "[1]", '"x"', '{"a": NaN}', '{"a": Infinity}', "{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"],
)
def test_non_object_line_is_kept_as_text(text: str) -> None:
    """B-54."""
    line = parsed(text.encode())
    assert (line.members, line.text) == (None, text)
    written = json.loads(INFERENCE.refusal(line, BadLine("no")))
    assert written == {"input": text, "output": None, "error": "no"}


@drawn(st.dictionaries(st.text(), JSON_VALUES, max_size=4), st.sampled_from([INFERENCE, SEGMENTS]))
@example({"x": "\ud800"}, INFERENCE)
def test_output_repeats_its_input(members: dict[str, object], notation: lines_module.Notation) -> None:
    """B-43, B-70: including unpaired surrogates."""
    line = parsed(json.dumps(members).encode())
    written = encoded([notation.line(line, "[]")])
    assert json.loads(written.decode()) == {"input": members, "output": [], "error": None}
    assert written.count(b"\n") == 1


@drawn(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """B-16, B-54."""
    written = encoded([INFERENCE.line(parsed(content), "null", "error")])
    assert json.loads(written)["error"] == "error"


def test_the_notations_of_both_kinds_of_job() -> None:
    """B-44, B-50a."""
    line = Line("", {"userId": "4016", "x": [1, 2]})
    assert INFERENCE.line(line, "null") == '{"input":{"userId":"4016","x":[1,2]},"output":null,"error":null}\n'
    segment = Line("", {"itemAttributes": 'ITEMS.CATEGORY_L1 = "tools"'})
    assert SEGMENTS.line(segment, '{"usersList": ["2131","2504"]}') == (
        '{"input": {"itemAttributes": "ITEMS.CATEGORY_L1 = \\"tools\\""}, '
        '"output": {"usersList": ["2131","2504"]}, "error": null}\n'
    )


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.8449224, "0.8449224"),
        (0.5, "0.5"),
        (0.001, "0.001"),
        (0.0007699, "7.699E-4"),
        (0.0000717, "7.17E-5"),
        (0.000031, "3.1E-5"),
        (None, "null"),
    ],
)
def test_scores_are_written_as_recorded(score: float | None, text: str) -> None:
    """B-49."""
    assert score_text(score) == text


@drawn(st.floats(0, 1))
def test_every_reader_of_json_reads_a_score(score: float) -> None:
    """B-49, RT-33."""
    assert json.loads(score_text(round(score, 7))) == round(score, 7)


@pytest.mark.parametrize("members", [{}, {"userId": ""}, {"userId": None}, {"userId": 5}, {"userId": ["u"]}])
def test_ids_are_strings(members: dict[str, object]) -> None:
    """B-52."""
    with pytest.raises(BadLine, match="userId is required"):
        required_text(members, "userId")
