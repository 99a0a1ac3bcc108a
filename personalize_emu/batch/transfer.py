"""Processes the files of a batch job: reads lines from S3 in chunks, computes results, and writes them to S3."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from personalize_emu.aws_services import ObjectInfo, ObjectStore, StoreError
from personalize_emu.batch.executors import Workers
from personalize_emu.batch.lines import Chunk, chunks_of
from personalize_emu.data.files.byte_streams import stream_of
from personalize_emu.recipes.contract.base import Progress
from personalize_emu.s3_locations import InvalidLocation, Location, input_objects, is_any_file
from personalize_emu.service.access.role_access import READ_AND_WRITE, recheck_access
from personalize_emu.service.access.s3_inputs import NO_WRITE_ACCESS, unreadable_at_work, unwritable_at_work
from personalize_emu.service.batch_jobs import JobLocations, job_locations
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.entries import counted
from personalize_emu.service.state.usage_ledger import NO_RECIPE, Batch
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import BatchJob, SolutionVersion

PROBE = "_CHECK"
"""An empty object that is written first to check that the folder is writable (B-41)."""
MOST_FILES = 1000
MOST_BYTES = 10**9
"""Limits of one job (B-20, Q-54, Q-55)."""
CHUNK_LINES = 512
CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class Answered:
    """The output of one chunk. readable: number of lines that are JSON objects."""

    text: bytes
    readable: int


Answer = Callable[[Any], Answered]
"""Computes the output of lines; called by workers, possibly concurrently."""
Prepare = Callable[[Sequence[bytes]], Any]
"""Makes of lines what an answer takes instead of them; called in the server."""


@dataclass
class _Tally:
    """Progress so far. total: bytes of all files."""

    total: int
    size: int = 0
    lines: int = 0
    readable: int = 0

    def add(self, chunk: Chunk, answered: Answered) -> None:
        self.size += chunk.size
        self.lines += len(chunk.lines)
        self.readable += answered.readable

    @property
    def share(self) -> float:
        return min(1.0, self.size / max(1, self.total))


def transfer(
    context: Context,
    job: BatchJob,
    answer: Answer,
    *,
    most_lines: int,
    workers: Workers,
    progress: Progress,
    prepare: Prepare | None = None,
) -> None:
    """Write `NAME.out` for every input object NAME (B-40).

    most_lines: of one file. Raises JobFailed if reading or writing fails, or a limit is exceeded (B-16).
    """
    locations = job_locations(job)
    source, folder = locations.source, locations.folder
    recheck_access(context, job.role_arn, READ_AND_WRITE, source.bucket, [source.key])
    recheck_access(context, job.role_arn, READ_AND_WRITE, folder.bucket, [folder.key], refusal=NO_WRITE_ACCESS)
    objects = context.aws_services.objects(context.region)
    key_arn = job.job_output["s3DataDestination"].get("kmsKeyArn")

    def put(name: str, body: BinaryIO | bytes) -> None:
        with _writing():
            objects.put(folder.bucket, folder.key + name, body, kms_key_arn=key_arn)

    put(PROBE, b"")
    files = _files(objects, locations)
    tally = _Tally(sum(info.size for info in files))
    answering = _Answering(workers, workers.carry(answer), prepare, most_lines)
    for number, info in enumerate(files, start=1):
        with _reading():
            content = objects.open(source.bucket, info.key)
        with content:
            lines = _answers(content, answering, tally, progress)
            ended = _require_readable(lines, tally) if number == len(files) else lines
            put(_output_name(source, info.key), stream_of(ended))
    text = f"{counted(tally.lines, 'line')} of {counted(len(files), 'file')} answered, {tally.readable:,} of them JSON"
    context.state.logs.add(job.arn, text)
    version = context.get(SolutionVersion, job.solution_version_arn)
    context.state.usage.run_batch(Batch(job.arn, version.recipe_arn or NO_RECIPE, tally.readable))


def _files(objects: ObjectStore, locations: JobLocations) -> list[ObjectInfo]:
    """The input objects, without output of earlier jobs below the input folder."""
    with _reading():
        files = input_objects(objects, locations.source, is_any_file, deep=True)
    if locations.folder.bucket == locations.source.bucket and locations.folder.key.startswith(locations.source.key):
        files = [info for info in files if not info.key.startswith(locations.folder.key)]
    size = sum(info.size for info in files)
    if not files:
        raise JobFailed(str(InvalidLocation()))
    if len(files) > MOST_FILES:
        raise JobFailed(f"Input data has {len(files)} files. A maximum of {MOST_FILES} files is allowed.")
    if size > MOST_BYTES:
        raise JobFailed(f"Input data has {size} bytes. A maximum of {MOST_BYTES} bytes is allowed.")
    return files


def _output_name(source: Location, key: str) -> str:
    """Name of an output object; objects below an input folder keep their relative path (B-40)."""
    folder = source.key if source.key.endswith("/") or not source.key else f"{source.key}/"
    name = key.removeprefix(folder) if key.startswith(folder) else key.rpartition("/")[2]
    return f"{name}.out"


@dataclass(frozen=True, eq=False)
class _Answering:
    """How the lines of a job are answered. work: as returned by `workers.carry`. most_lines: of one file."""

    workers: Workers
    work: Answer
    prepare: Prepare | None
    most_lines: int


def _answers(source: BinaryIO, answering: _Answering, tally: _Tally, progress: Progress) -> Iterator[bytes]:
    before = tally.lines
    read: deque[Chunk] = deque()

    def read_chunks() -> Iterator[Any]:
        for chunk in chunks_of(source, CHUNK_LINES, CHUNK_BYTES):
            read.append(chunk)
            yield chunk.lines if answering.prepare is None else answering.prepare(chunk.lines)

    with _reading():
        for written in answering.workers.in_order(answering.work, read_chunks()):
            tally.add(read.popleft(), written)
            if tally.lines - before > answering.most_lines:
                raise JobFailed(f"Input file has too many records. A maximum of {answering.most_lines} is allowed.")
            progress("answering", tally.share)
            yield written.text


def _require_readable(answers: Iterator[bytes], tally: _Tally) -> Iterator[bytes]:
    """Fails the last file, instead of completing it, if no line of any file could be read (B-16)."""
    yield from answers
    if not tally.lines:
        raise JobFailed("Input data is empty.")
    if not tally.readable:
        raise JobFailed("Input data has no line that is a JSON object.")


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (StoreError, InvalidLocation) as error:
        raise JobFailed(unreadable_at_work(error)) from error


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise JobFailed(unwritable_at_work(error)) from error
