"""A server that is killed at random moments; `make crash` does it 500 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalize_emu.state.resources import Schema
from tests.durability.crash.answered import Answered, Lost
from tests.durability.crash.rounds import prepare, run
from tests.durability.crash.state_checks import check
from tests.durability.restarts import started

TIMES = 20


def test_what_was_answered_is_there_after_each_kill(tmp_path: Path) -> None:
    known = run(TIMES, 1, tmp_path)
    assert known.events
    assert known.exists
    assert known.lasting
    assert known.outputs
    assert known.exports


def test_the_check_sees_what_is_lost(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    arns = prepare(directory)
    check(directory, Answered(), arns)
    with pytest.raises(Lost, match="1 events are lost"):
        check(directory, Answered(events={("user", "item", 1)}), arns)
    with started(directory) as emulator:
        (schema, *_) = emulator.state.store.all(Schema)
    with pytest.raises(Lost, match="is there again"):
        check(directory, Answered(exists={schema.arn: False}), arns)
