"""Scores the subjects of batch inference, users or items, in blocks whose size depends on the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Kind
from personalize_emu.runtime.exploration import Explorer, scored_items
from personalize_emu.runtime.model_inputs import single_item, trained_history
from personalize_emu.runtime.responses import softmax_scales
from personalize_emu.service.state.trained_version import TrainedVersion

CELLS = 1 << 20
"""Maximum number of scores computed at once (4 MB per array)."""


class Subject(NamedTuple):
    """A user with context (column, value), or an item."""

    id: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class ScoredBlock:
    """scores: float32[subjects, items], -inf for items that must not be recommended.

    lifted: by row, the numbers of the items that rank higher than by relevance alone; rows without any are left out.
    """

    subjects: Sequence[Subject]
    scores: NDArray[np.float32]
    lifted: dict[int, NDArray[np.int64]]

    def shares(self, numbers: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n, k]: shares of the softmax of each row at `numbers`, int32[n, k]; NaN where those are -1."""
        scales = softmax_scales(self.scores)[rows]
        chosen = self.scores[rows[:, None], numbers].astype(np.float64)
        shares: NDArray[np.float64] = np.exp(chosen - scales[:, :1]) / scales[:, 1:]
        shares[numbers < 0] = np.nan
        return shares

    def is_lifted(self, numbers: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n, k], along the same arguments."""
        found = np.zeros(numbers.shape, np.bool_)
        for place, row in enumerate(rows.tolist()):
            if row in self.lifted:
                found[place] = np.isin(numbers[place], self.lifted[row])
        return found


def rows_at_once(item_count: int) -> int:
    return max(1, CELLS // max(1, item_count))


def scored_blocks(
    trained: TrainedVersion, subjects: Sequence[Subject], explorer: Explorer | None
) -> Iterator[ScoredBlock]:
    """Yields every subject once, in order. Subjects unknown to the version get popular items (B-51)."""
    rows = rows_at_once(len(trained.model.catalog))
    for start in range(0, len(subjects), rows):
        block = subjects[start : start + rows]
        scores = trained.model.scores_many([_history(trained, subject) for subject in block])
        lifted = {} if explorer is None else _explored(explorer, block, scores)
        _leave_out_unscored(trained, scores, lifted)
        yield ScoredBlock(block, scores, lifted)


def _history(trained: TrainedVersion, subject: Subject) -> History:
    if trained.kind is Kind.RELATED:
        return single_item(trained, subject.id)
    return trained_history(trained, subject.id, dict(subject.context))


def _explored(
    explorer: Explorer, subjects: Sequence[Subject], scores: NDArray[np.float32]
) -> dict[int, NDArray[np.int64]]:
    """Lifts the items to explore in the memory of `scores`; see ScoredBlock."""
    lifted = {}
    for row, subject in enumerate(subjects):
        found = explorer.explored(subject.id, scores[row])
        if len(found.lifted):
            scores[row], lifted[row] = found.scores, found.lifted
    return lifted


def _leave_out_unscored(
    trained: TrainedVersion, scores: NDArray[np.float32], lifted: dict[int, NDArray[np.int64]]
) -> None:
    """Items that the recipe does not score are excluded unless they are explored (R-73)."""
    part = scored_items(trained)
    if part is None or part.all():
        return
    explored = {row: scores[row, numbers] for row, numbers in lifted.items()}
    scores[:, ~part] = -np.inf
    for row, values in explored.items():
        scores[row, lifted[row]] = values
