"""Parses and writes JSON Lines in the format of the recorded files (spec 11 sections 2 and 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, NamedTuple

from personalize_emu.wire.java_text import double

MOST_LINE_BYTES = 1 << 20
"""Longer lines are cut and become invalid; far more than 500 item ids and filter values need."""
_LEAST_PLAIN = 1e-3
"""From this value up to 1, Java and Python write numbers identically."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadLine(Exception):
    """An invalid line; the text becomes its `error` (B-52)."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive lines that are not blank. size: bytes read, including blank lines."""

    lines: Sequence[bytes]
    size: int


class Line(NamedTuple):
    """members: None if the line is not a JSON object."""

    text: str
    members: Mapping[str, Any] | None


def chunks_of(stream: BinaryIO, most_lines: int, most_bytes: int) -> Iterator[Chunk]:
    """The lines of a file in chunks that exceed neither bound by more than one line (B-21)."""
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
    """Parse a line; never raises."""
    text = line.decode("utf-8", "replace").strip()
    try:
        members, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return Line(text, None)
    if end != len(text):
        return Line(text, None)
    return Line(text, members if isinstance(members, dict) else None)


@dataclass(frozen=True)
class Notation:
    """The format of the output of one kind of job: blanks after colons and between the top-level members."""

    encoder: json.JSONEncoder
    blank: str

    def line(self, source: Line, output: str, error: str | None = None) -> str:
        """One line of output, which repeats its input. output: JSON text (B-43, B-54)."""
        echo = self._echo(source.text if source.members is None else source.members)
        blank = self.blank
        end = "null" if error is None else self.encoder.encode(error)
        return f'{{"input":{blank}{echo},{blank}"output":{blank}{output},{blank}"error":{blank}{end}}}\n'

    def _echo(self, value: str | Mapping[str, Any]) -> str:
        """JSON text; faster for objects of strings."""
        encode = self.encoder.encode
        if isinstance(value, str) or not all(isinstance(member, str) for member in value.values()):
            return encode(value)
        colon, comma = self.encoder.key_separator, self.encoder.item_separator
        return f"{{{comma.join([f'{encode(name)}{colon}{encode(member)}' for name, member in value.items()])}}}"

    def refusal(self, source: Line, error: BadLine) -> str:
        return self.line(source, "null", str(error))


def encoded(lines: Sequence[str]) -> bytes:
    """Encode as UTF-8; unpaired surrogates, which UTF-8 cannot represent, are written as JSON escapes."""
    return "".join(lines).encode("utf-8", "backslashreplace")


def score_text(score: float | None) -> str:
    """`0.8449224`, `7.699E-4`, `null` for an item without a score. score: rounded to 7 decimals (B-49)."""
    if score is None:
        return "null"
    return repr(score) if score >= _LEAST_PLAIN else _small_score_text(score)


@cache
def _small_score_text(score: float) -> str:
    """Cached, because there are few scores of 7 decimals below 0.001."""
    return double(score)


def required_text(members: Mapping[str, Any], name: str) -> str:
    """Raises BadLine: the member is missing, empty, or no string (B-52)."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise BadLine(f"{name} is required")
    return value


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each line, cut if it is too long, and its full length."""
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
