"""A server that is killed at random moments; `make crash` does it 500 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalize_emu.state.resources import Schema
from tests.durability.crash import Answered, Lost, check, prepare, run
from tests.durability.restarts import started

TIMES = 20


def test_what_was_answered_is_there_after_each_kill(tmp_path: Path) -> None:
    known = run(TIMES, 1, str(tmp_path / "state"))
    assert known.events
    assert known.schemas
    assert known.lasting


def test_the_check_sees_what_is_lost(tmp_path: Path) -> None:
    directory = str(tmp_path / "state")
    arns = prepare(directory)
    check(directory, Answered(), arns)
    with pytest.raises(Lost, match="1 events are lost"):
        check(directory, Answered(events={("user", "item", 1)}), arns)
    with started(tmp_path / "state") as emulator:
        (schema, *_) = emulator.state.store.all(Schema)
    with pytest.raises(Lost, match="is there again"):
        check(directory, Answered(schemas={schema.arn: False}), arns)
