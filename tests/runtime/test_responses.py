"""Scores of responses, rounded as on the wire (RT-33)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.runtime.responses import SCORE_PLACES, rounded

HALVES = st.integers(0, 10**7 - 1).map(lambda whole: (whole + 0.5) / 10**7)
NEXT_TO_HALVES = st.builds(lambda half, up: float(np.nextafter(half, 1 if up else 0)), HALVES, st.booleans())


@settings(max_examples=500)
@given(st.lists(st.one_of(st.floats(0, 1), st.floats(0, 1e-5), HALVES, NEXT_TO_HALVES), max_size=20))
def test_rt33_shares_are_rounded_to_seven_places(shares: list[float]) -> None:
    assert rounded(np.array(shares, np.float64)) == [round(share, SCORE_PLACES) for share in shares]
