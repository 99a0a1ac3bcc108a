"""Streamed events are folded: what they take at rest, and what is read of them for one answer."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from personalize_emu.data.records.record_log import RECENT
from personalize_emu.emulator import Emulator
from personalize_emu.runtime.model_inputs import MOST_STREAMED, history_of
from personalize_emu.service.state.dataset_contents import DatasetContents, StreamedEvent
from tests.given import USER_PERSONALIZATION, Given, arn

MOST_BYTES = 150


def bytes_held(make: Callable[[], object]) -> int:
    """By Python, numpy and pyarrow for what is made."""
    gc.collect()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    made = make()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    del made
    return held


def streamed(events: int, users: int, **more: Callable[[int], Any]) -> DatasetContents:
    """Events with a session each ten of them, an id of their own, and further columns by the number of the event."""
    contents = DatasetContents()
    for first in range(0, events, 10):
        numbers = range(first, min(first + 10, events))
        user = f"user-{first // 10 % users}"
        rows = [
            {
                "USER_ID": user,
                "ITEM_ID": f"item-{number * 7 % 2000}",
                "TIMESTAMP": 1_700_000_000 + number,
                "EVENT_TYPE": "view",
                "EVENT_VALUE": 1.5,
                **{name: value(number) for name, value in more.items()},
            }
            for number in numbers
        ]
        session = f"{first:08x}-1111-4111-8111-{first:012x}"
        arrivals = [
            StreamedEvent(row, f"{number:08x}-2222-4222-8222-{number:012x}", session)
            for number, row in zip(numbers, rows, strict=True)
        ]
        contents.append_events(arrivals)
    return contents


def test_a_stored_event_takes_little_memory() -> None:
    """Design section 4: with event ids, sessions and recommendation ids, of a few users and of one user each ten."""
    recommendation = {"RECOMMENDATION_ID": lambda number: f"RID-11-4111-8111-{number // 3:012x}-CID-000000"}
    for users in (60, 10_000):
        held = bytes_held(lambda users=users: streamed(12_000, users, **recommendation))  # type: ignore[misc]
        assert held / 12_000 < MOST_BYTES


def test_most_rows_are_folded_into_tables() -> None:
    contents = streamed(3000, 7)
    state = contents.log.state
    assert state.length - state.first < RECENT + 10
    assert len(contents.log.rows()) == 3000
    assert contents.streamed(3000).num_rows == 3000


def test_reading_for_one_answer_does_not_grow_with_the_log() -> None:
    """Of each event type the newest, however many there are."""
    contents = streamed(6000, 1)
    few, more = contents.events_of("user-0", 100), contents.events_of("user-0", 100, since=3000)
    assert len(few) == len(more) == 100
    assert few.positions.tolist() == list(range(5900, 6000))
    assert len(contents.events_of("user-0", 100, since=5950)) == 50
    runs = [sum(map(len, segment.by_user.runs_of("user-0", 100))) for segment in contents.log.state.segments]
    assert max(runs) <= 100


def test_a_model_reads_the_newest_streamed_events(given: Given, events: Any, emulator: Emulator) -> None:
    """R-110, R-111: and of all that it was trained with."""
    campaign = given.deployed(USER_PERSONALIZATION, name="films")
    shown = given.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    trained = emulator.state.trained(shown["solutionVersionArn"])
    contents = emulator.state.contents(arn("dataset", "films/INTERACTIONS"))
    known = len(history_of(emulator.state, trained, "u1").items)
    for count in (MOST_STREAMED, 2 * MOST_STREAMED):
        rows = [{"USER_ID": "u1", "ITEM_ID": f"i{n % 60:03}", "TIMESTAMP": 1_700_000_000 + n} for n in range(count)]
        contents.append_events([StreamedEvent(row) for row in rows])
        history = history_of(emulator.state, trained, "u1")
        assert len(history.items) == known + MOST_STREAMED
        assert history.timestamps[-1] == 1_700_000_000 + count - 1
        assert history.timestamps[known] == 1_700_000_000 + count - MOST_STREAMED
