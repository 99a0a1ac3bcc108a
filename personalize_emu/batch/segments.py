"""Computes the output lines of batch segment jobs (spec 11 sections 2 and 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personalize_emu.batch.attribute_queries import items_with
from personalize_emu.batch.lines import INFERENCE, SEGMENTS, BadLine, Line, encoded, parsed, required_text
from personalize_emu.batch.segment_users import UserFilter, Users
from personalize_emu.batch.transfer import Answered
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.records import View
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.segments import SegmentModel
from personalize_emu.service.state.trained_version import ItemAttributes

CELLS = 1 << 22
"""Maximum number of scores computed at once (16 MB per array)."""


@dataclass(frozen=True, eq=False)
class Segments:
    """attributes: for versions that are queried by item attributes, None for those queried by item."""

    model: SegmentModel
    users: Users
    count: int
    attributes: ItemAttributes | None = None
    user_filter: UserFilter | None = None

    def __call__(self, lines: Sequence[bytes]) -> Answered:
        sources = [parsed(line) for line in lines]
        texts = [""] * len(sources)
        queries: list[tuple[int, NDArray[np.int32], Mask | None]] = []
        for place, source in enumerate(sources):
            try:
                queries.append((place, *self._query(source)))
            except BadLine as error:
                texts[place] = SEGMENTS.refusal(source, error)
        at_once = max(1, CELLS // max(1, len(self.users.user_ids)))
        for start in range(0, len(queries), at_once):
            block = queries[start : start + at_once]
            scores = self.model.user_scores(self.users.matrix, [items for _, items, _ in block])
            for row, (place, _, admitted) in zip(scores, block, strict=True):
                texts[place] = SEGMENTS.line(sources[place], self._output(row, admitted))
        return Answered(encoded(texts), sum(source.members is not None for source in sources))

    def _query(self, line: Line) -> tuple[NDArray[np.int32], Mask | None]:
        """The items of a query and the mask of users. Raises BadLine (B-52)."""
        if line.members is None:
            raise BadLine("The line is not a JSON object")
        if self.attributes is None:
            items = self._item(required_text(line.members, "itemId"))
        else:
            items = items_with(self._view, self.attributes.fields, required_text(line.members, "itemAttributes"))
        return items, self.user_filter.of(line.members) if self.user_filter else None

    def _item(self, item_id: str) -> NDArray[np.int32]:
        number = self.model.number_of.get(item_id)
        if number is None:
            raise BadLine("The item was not there when the solution version was created")
        return np.array([number], np.int32)

    def _output(self, scores: NDArray[np.float32], admitted: Mask | None) -> str:
        """B-50a, B-50c."""
        if admitted is not None:
            scores = np.where(admitted, scores, np.float32(-np.inf))
        best = top_k(scores, self.count)
        names = ",".join([INFERENCE.encoder.encode(self.users.user_ids[user]) for user in best.tolist()])
        return f'{{"usersList": [{names}]}}'

    @cached_property
    def _view(self) -> View:
        if self.attributes is None:
            raise ValueError("there are no attributes to ask by")
        return self.attributes.along(self.model.catalog)
