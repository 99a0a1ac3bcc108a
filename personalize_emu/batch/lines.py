"""JSON Lines in, JSON Lines out, in the notation of the recorded files (spec 11 sections 2 and 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

from personalize_emu.wire.java_text import double

MOST_LINE_BYTES = 1 << 20
"""A longer line is cut there, and so becomes unreadable; far more than 500 item ids and filter values."""
_LEAST_PLAIN = 1e-3
"""From here on, up to 1, Java and Python write a number alike."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadLine(Exception):
    """A line that cannot be answered; the text goes into its `error` (B-52)."""


@dataclass(frozen=True)
class Chunk:
    """Some lines that are not blank. size: bytes read for them, blank lines included."""

    lines: Sequence[bytes]
    size: int


@dataclass(frozen=True)
class Line:
    """members: None when the line is no JSON object; then there is only its text."""

    text: str
    members: Mapping[str, Any] | None


def chunks_of(stream: BinaryIO, most_lines: int, most_bytes: int) -> Iterator[Chunk]:
    """The lines of a file in order, so many at a time that neither bound is passed by more than one line (B-21)."""
    lines: list[bytes] = []
    size = 0
    for number, (found, length) in enumerate(_lines(stream)):
        line = found if number else found.removeprefix(_BYTE_ORDER_MARK)
        size += length
        if line.strip():
            lines.append(line)
        if len(lines) >= most_lines or size >= most_bytes:
            yield Chunk(lines, size)
            lines, size = [], 0
    if size:
        yield Chunk(lines, size)


def parsed(line: bytes) -> Line:
    """Never raises: what is no JSON object is kept as text."""
    text = line.decode("utf-8", "replace").strip()
    try:
        members = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return Line(text, None)
    return Line(text, members if isinstance(members, dict) else None)


@dataclass(frozen=True)
class Notation:
    """Where the files of one kind of job have blanks: after colons, and between the three top members."""

    encoder: json.JSONEncoder
    blank: str

    def line(self, source: Line, output: str, error: str | None = None) -> str:
        """One line of output, echoing its input. output: JSON text (B-43, B-54)."""
        echo = self.encoder.encode(source.text if source.members is None else source.members)
        blank = self.blank
        end = "null" if error is None else self.encoder.encode(error)
        return f'{{"input":{blank}{echo},{blank}"output":{blank}{output},{blank}"error":{blank}{end}}}\n'

    def refusal(self, source: Line, error: BadLine) -> str:
        return self.line(source, "null", str(error))


def encoded(lines: Sequence[str]) -> bytes:
    """Halves of surrogate pairs, which JSON escapes can hold and UTF-8 cannot, become such escapes again."""
    return "".join(lines).encode("utf-8", "backslashreplace")


def score_text(score: float | None) -> str:
    """`0.8449224`, `7.699E-4`, `null` for an item without a score. score: rounded to 7 decimals (B-49)."""
    if score is None:
        return "null"
    return repr(score) if score >= _LEAST_PLAIN else _small_score_text(score)


@cache
def _small_score_text(score: float) -> str:
    """There are only so many scores of 7 decimals below a thousandth."""
    return double(score)


def required_text(members: Mapping[str, Any], name: str) -> str:
    """Raises BadLine: the member is missing, empty, or no string (B-52)."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise BadLine(f"{name} is required")
    return value


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each line, cut where it is too long, and its whole length."""
    while line := stream.readline(MOST_LINE_BYTES):
        length, end = len(line), line
        while not end.endswith(b"\n") and (end := stream.readline(MOST_LINE_BYTES)):
            length += len(end)
        yield line, length


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
INFERENCE = Notation(json.JSONEncoder(ensure_ascii=False, separators=(",", ":")), "")
"""B-44."""
SEGMENTS = Notation(json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")), " ")
"""B-50a."""
