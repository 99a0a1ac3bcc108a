"""The log of individually put rows (D-90)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.data.records.live_events import has_events, live_events
from personalize_emu.data.records.record_log import GROWTH, RecordLog


def test_d90_rows_stay_in_order_of_arrival() -> None:
    log = RecordLog()
    assert len(log) == 0
    assert log.rows() == []
    assert log.append([{"ITEM_ID": "a"}, {"ITEM_ID": "a"}]) == 2
    assert log.append([{"ITEM_ID": "b"}]) == 3
    assert [row["ITEM_ID"] for row in log.rows()] == ["a", "a", "b"]
    assert [row["ITEM_ID"] for row in log.rows(1, 2)] == ["a"]
    assert log.rows(3) == []
    assert len(log.rows(0, 99)) == 3


def test_views_do_not_change_after_appends() -> None:
    log = RecordLog()
    log.append([{"ITEM_ID": "a"}])
    seen = log.rows()
    log.append([{"ITEM_ID": "b"}])
    assert len(seen) == 1


def test_concurrent_readers_see_complete_appends() -> None:
    log = RecordLog()

    def write(writer: int) -> None:
        for number in range(200):
            log.append([{"W": writer, "N": number, "HALF": half} for half in (0, 1)])

    def read() -> bool:
        whole = True
        for _ in range(200):
            rows = log.rows()
            pairs = zip(rows[::2], rows[1::2], strict=True)
            whole &= all((a["W"], a["N"], a["HALF"], b["HALF"]) == (b["W"], b["N"], 0, 1) for a, b in pairs)
        return whole

    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        readers = [pool.submit(read) for _ in range(2)]
        for future in writers:
            future.result()
        assert all(future.result() for future in readers)
    assert len(log) == 1600
    for writer in range(4):
        assert [row["N"] for row in log.rows() if row["W"] == writer][::2] == list(range(200))


@pytest.mark.parametrize("folded", [False, True])
def test_d110_removed_rows_leave_gaps_and_positions_stay(folded: bool) -> None:
    log = RecordLog()
    log.append([event("u", 0), event("v", 1), event("u", 2)])
    if folded:
        log.fold(1)
    seen = log.rows()
    assert log.remove("USER_ID", {"u"}) == 2
    assert log.append([event("v", 3)]) == 4
    assert (len(log), log.held) == (4, 2)
    assert [row["TIMESTAMP"] for row in log.rows()] == [1, 3]
    assert [row["TIMESTAMP"] for row in log.rows(0, 3)] == [1]
    assert [row["TIMESTAMP"] for row in log.rows(3)] == [3]
    assert log.remove("USER_ID", {"u"}) == 0
    assert len(seen) == 3


def test_d110_removed_rows_leave_no_data() -> None:
    """Removed values are also removed from the dictionaries of folded columns."""
    log = RecordLog()
    log.append([event("gone", 0, item="only theirs"), event("v", 1)])
    log.fold(1)
    log.remove("USER_ID", {"gone"})
    assert log.table().column("USER_ID").chunk(0).dictionary.to_pylist() == ["v"]
    assert log.table().column("ITEM_ID").chunk(0).dictionary.to_pylist() == ["i"]
    log.remove("USER_ID", {"v"})
    assert (log.rows(), log.held, len(log)) == ([], 0, 2)


def event(user: str, time: int, **more: Any) -> dict[str, Any]:
    return {"USER_ID": user, "ITEM_ID": more.pop("item", "i"), "TIMESTAMP": time, **more}


VALUES = st.fixed_dictionaries(
    {
        "USER_ID": st.sampled_from("uvwxyz"),
        "ITEM_ID": st.sampled_from(("i", "j", "ü", "")),
        "TIMESTAMP": st.integers(0, 9),
    },
    optional={
        "EVENT_TYPE": st.sampled_from(("view", "buy")),
        "EVENT_VALUE": st.floats(allow_nan=False),
        "COUNT": st.integers(-(2**31), 2**31 - 1),
        "KIND": st.booleans(),
    },
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(VALUES, max_size=9)),
        st.tuples(st.just("fold"), st.just(())),
        st.tuples(st.just("remove"), st.sets(st.sampled_from("uvwxyz"), max_size=2)),
    ),
    max_size=20,
)


@given(STEPS, st.integers(0, 40), st.integers(0, 40))
def test_folding_does_not_change_the_rows(steps: list[tuple[str, Any]], start: int, stop: int) -> None:
    """Rows, positions, columns and events of each user equal those of a plain list."""
    log, plain = RecordLog(), list[dict[str, Any] | None]()
    for step, given_rows in steps:
        if step == "append":
            plain.extend(given_rows)
            assert log.append(given_rows) == len(plain)
        elif step == "fold":
            log.fold(1)
        else:
            gone = [row for row in plain if row is not None and row["USER_ID"] in given_rows]
            plain = [None if row is None or row["USER_ID"] in given_rows else row for row in plain]
            assert log.remove("USER_ID", given_rows) == len(gone)
    kept = [row for row in plain if row is not None]
    assert list(log.rows()) == kept
    assert list(log.rows(start, stop)) == [row for row in plain[start:stop] if row is not None]
    listed = log.table(start, stop).to_pylist()
    assert [{k: v for k, v in row.items() if v is not None} for row in listed] == list(log.rows(start, stop))
    assert (len(log), log.held) == (len(plain), len(kept))
    for user in "uvwxyz":
        check_user(log, plain, user, start)


def check_user(log: RecordLog, plain: list[dict[str, Any] | None], user: str, since: int) -> None:
    held = [(place, row) for place, row in enumerate(plain) if row is not None]
    own = [(row["TIMESTAMP"], place, row) for place, row in held if row["USER_ID"] == user]
    expected = sorted(entry for entry in own if entry[1] >= since)
    now = log.state
    found = live_events(now.segments, now.entries(), user, 1000, since)
    assert found.positions.tolist() == [place for _, place, _ in expected]
    assert found.timestamps.tolist() == [time for time, _, _ in expected]
    assert [found.item_ids[item] for item in found.items] == [row["ITEM_ID"] for *_, row in expected]
    assert [found.event_types[kind] for kind in found.types] == [row.get("EVENT_TYPE") for *_, row in expected]
    assert np.array_equal(found.values, [row.get("EVENT_VALUE", np.nan) for *_, row in expected], equal_nan=True)
    assert has_events(now.segments, now.entries(), user) == bool(own)


def test_the_newest_of_each_type_are_enough() -> None:
    """F-51: rare events are found however many others came later."""
    log = RecordLog()
    for first in range(0, 4000, 100):
        kinds = ["buy" if number < 3 else "view" for number in range(first, first + 100)]
        log.append([event("u", first + place, EVENT_TYPE=kind) for place, kind in enumerate(kinds)])
        log.append([event("v", first)])
        log.fold(100)
    now = log.state
    found = live_events(now.segments, now.entries(), "u", 10, 0)
    bought, viewed = (
        found.timestamps[found.types == found.event_types.index(kind)].tolist() for kind in ("buy", "view")
    )
    assert bought == [0, 1, 2]
    assert viewed[-10:] == list(range(3990, 4000))
    assert len(viewed) <= 10 * len(now.segments)


def test_number_of_segments_is_logarithmic() -> None:
    """Each segment is several times as long as the next, so readers search few segments."""
    log = RecordLog()
    for step in range(300):
        log.append([event(f"u{step % 7}", step, item=f"i{number}") for number in range(20)])
        log.fold(20)
    lengths = [len(segment) for segment in log.state.segments]
    assert sum(lengths) == 6000
    assert len(lengths) <= 5
    assert all(before >= GROWTH * after for before, after in pairwise(lengths))


def test_folded_events_need_little_memory() -> None:
    """At most 150 bytes per row, including its share of dictionaries and index."""
    log = RecordLog()
    for step in range(400):
        log.append([event(f"u{(step + number) % 300}", step, item=f"i{number * step % 500}") for number in range(50)])
        log.fold()
    segments = log.state.segments
    parts = [part for segment in segments for part in vars(segment.by_user).values()]
    indexes = sum(part.nbytes for part in parts if hasattr(part, "nbytes"))
    assert indexes > 0
    assert sum(len(segment) for segment in segments) >= 19_500
    assert sum(segment.table.nbytes for segment in segments) + indexes <= 150 * 20_000


def test_columns_that_change_their_type_become_texts() -> None:
    """D-96: after a change of the schema."""
    log = RecordLog()
    for value in (1, "two", 2.5, True):
        log.append([event("u", 0, OTHER=value)])
        log.fold(1)
    assert [row["OTHER"] for row in log.rows()] == ["1", "two", "2.5", "true"]
    log.append([event("u", 1, OTHER=7)])
    assert log.table().column("OTHER").to_pylist()[-1] == "7"
