"""The log of individually put rows (D-90)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from personalize_emu.data.record_log import RecordLog


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


def test_what_was_read_does_not_grow() -> None:
    log = RecordLog()
    log.append([{"ITEM_ID": "a"}])
    seen = log.rows()
    log.append([{"ITEM_ID": "b"}])
    assert len(seen) == 1


def test_readers_beside_writers_see_whole_appends() -> None:
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


def test_d110_removed_rows_leave_gaps_and_positions_stay() -> None:
    log = RecordLog()
    log.append([{"USER_ID": "u"}, {"USER_ID": "v", "N": 1}, {"USER_ID": "u"}])
    seen = log.rows()
    assert log.remove(lambda row: row["USER_ID"] == "u") == [{"USER_ID": "u"}, {"USER_ID": "u"}]
    assert log.append([{"USER_ID": "v", "N": 2}]) == 4
    assert (len(log), log.held) == (4, 2)
    assert [row["N"] for row in log.rows()] == [1, 2]
    assert [row["N"] for row in log.rows(0, 3)] == [1]
    assert [row["N"] for row in log.rows(3)] == [2]
    assert log.remove(lambda row: row["USER_ID"] == "u") == []
    assert len(seen) == 3


def test_positions_stay_beside_gaps() -> None:
    log = RecordLog()
    log.append([{"N": number} for number in range(4)])
    log.remove(lambda row: row["N"] == 1)
    assert log.entries() == [(0, {"N": 0}), (2, {"N": 2}), (3, {"N": 3})]
    assert log.entries(1, 3) == [(2, {"N": 2})]
