"""JSON text of blocks of items and scores (B-44, B-49)."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st

from personalize_emu.batch.lines import score_text
from personalize_emu.batch.rendering import item_texts, joined, rounded, score_texts
from personalize_emu.runtime.responses import SCORE_PLACES

SHARES = st.floats(0, 1) | st.integers(0, 10**8).map(lambda number: number / 10**8)


@drawn(st.lists(SHARES, min_size=1, max_size=6))
@example([0.0, 1.0, 0.001, 0.0009999, 0.00099999999, 5e-8, 0.1, 0.1234567])
@example([0.00000015, 0.9999999500000001, 0.99999995, 0.12345675, 0.5000000499999999])
def test_scores_of_a_block_are_written_as_single_scores_are(shares: list[float]) -> None:
    (text,) = score_texts(np.array([shares]))
    assert text == ",".join(score_text(round(share, SCORE_PLACES)) for share in shares)


@drawn(st.lists(SHARES, min_size=1, max_size=20))
def test_rounding_is_that_of_the_decimal_fraction(shares: list[float]) -> None:
    units = rounded(np.array(shares))
    assert (units / 10**SCORE_PLACES).tolist() == [round(share, SCORE_PLACES) for share in shares]


def test_rows_end_where_there_is_nothing_more() -> None:
    assert score_texts(np.array([[0.5, math.nan], [math.nan, math.nan], [0.25, 1e-7]])) == ["0.5", "", "0.25,1.0E-7"]
    texts = item_texts(["a", 'b"'])
    assert joined(texts[np.array([[1, 0], [0, -1], [-1, -1]])]) == ['"b\\"","a"', '"a"', ""]


@drawn(st.lists(st.text(), min_size=1, max_size=5))
def test_ids_are_json(ids: list[str]) -> None:
    (text,) = joined(item_texts(ids)[np.arange(len(ids))[None]])
    assert json.loads(f"[{text}]") == ids
