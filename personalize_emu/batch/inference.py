"""Computes the output lines of batch inference jobs (spec 11 sections 2, 3.1 and 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.batch.lines import INFERENCE, BadLine, Line, encoded, parsed, required_text, score_text
from personalize_emu.batch.themes import Themes
from personalize_emu.batch.transfer import Answered
from personalize_emu.recipes.contract.base import History, Kind
from personalize_emu.recipes.contract.topk import top_k
from personalize_emu.recipes.wrappers.exploration import Explored, nothing_explored
from personalize_emu.runtime.exploration import Explorer, scored_items
from personalize_emu.runtime.filtering import RequestFilter, requested_filter
from personalize_emu.runtime.model_inputs import request_context, single_item, trained_history
from personalize_emu.runtime.rank import MOST_ITEMS, ranked
from personalize_emu.runtime.responses import shares_of, softmax_scales
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.errors import AwsError

CELLS = 1 << 20
"""Maximum number of scores computed at once (4 MB per array)."""


@dataclass(frozen=True, eq=False)
class LineFilter:
    """The filter of a job; parameter values, user and item are given by each line (B-27, F-86)."""

    context: Context
    trained: TrainedVersion
    filter_arn: str

    def of(self, members: Mapping[str, Any]) -> RequestFilter | None:
        """The filter for one line. Raises BadLine for invalid values."""
        values = members.get("filterValues", {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise BadLine("filterValues must be an object of strings")
        request = {"filterArn": self.filter_arn, "filterValues": values}
        user_id, item_id = (_text_or_none(members.get(name)) for name in ("userId", "itemId"))
        try:
            return requested_filter(self.context, self.trained, request, user_id=user_id, item_id=item_id)
        except AwsError as error:
            raise BadLine(error.message) from error


@dataclass(frozen=True)
class Subject:
    """A user with context (column, value), or an item."""

    id: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Query:
    """A valid line. subject: for whom scores are needed; equal subjects are scored once."""

    place: int
    line: Line
    subject: Subject
    wanted: RequestFilter | None
    items: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of one subject. explored: of all items. scale: float64[2], see `softmax_scales`."""

    explored: Explored
    scale: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inference:
    """Computes output lines from the data that `trained` was trained with (B-55, EV-51)."""

    trained: TrainedVersion
    count: int
    line_filter: LineFilter | None = None
    explorer: Explorer | None = None
    themes: Themes | None = None

    def __call__(self, lines: Sequence[bytes]) -> Answered:
        sources = [parsed(line) for line in lines]
        texts = [""] * len(sources)
        queries: dict[Subject, list[Query]] = {}
        for place, source in enumerate(sources):
            try:
                query = self._query(place, source)
            except BadLine as error:
                texts[place] = INFERENCE.refusal(source, error)
            else:
                queries.setdefault(query.subject, []).append(query)
        for subject, scored in self._scored(list(queries)):
            for query in queries[subject]:
                texts[query.place] = INFERENCE.line(query.line, self._output(query, scored))
        return Answered(encoded(texts), sum(source.members is not None for source in sources))

    def _query(self, place: int, line: Line) -> Query:
        """Parse and validate one line. Raises BadLine (B-52)."""
        members = line.members
        if members is None:
            raise BadLine("The line is not a JSON object")
        kind = self.trained.kind
        subject = required_text(members, "itemId" if kind is Kind.RELATED else "userId")
        items = _item_list(members) if kind is Kind.RANKING else ()
        wanted = self.line_filter.of(members) if self.line_filter else None
        context = self._context(members)
        return Query(place, line, Subject("" if kind is Kind.POPULAR else subject, context), wanted, items)

    def _context(self, members: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The context of a line (B-28). Raises BadLine."""
        given = members.get("context", {}) if self.trained.context_fields else {}
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise BadLine("context must be an object of strings")
        return tuple(request_context(self.trained, given).items())

    def _scored(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Scored]]:
        """Yields each subject with the scores of all items, computed in blocks."""
        model = self.trained.model
        rows = max(1, CELLS // max(1, len(model.catalog)))
        for start in range(0, len(subjects), rows):
            block = subjects[start : start + rows]
            found = model.scores_many([self._history(subject) for subject in block])
            explored = [self._explored(subject.id, scores) for subject, scores in zip(block, found, strict=True)]
            scales = softmax_scales(np.stack([each.scores for each in explored]))
            yield from zip(block, map(Scored, explored, scales), strict=True)

    def _explored(self, subject: str, scores: NDArray[np.float32]) -> Explored:
        """Items that the recipe does not score are excluded unless they are explored (R-73)."""
        found = self.explorer.explored(subject, scores) if self.explorer else nothing_explored(scores)
        part = scored_items(self.trained)
        if part is None:
            return found
        part = part.copy()
        part[found.lifted] = True
        return Explored(np.where(part, found.scores, np.float32(-np.inf)), found.lifted)

    def _history(self, subject: Subject) -> History:
        """Unknown users and items have an empty history and get popular items (B-51)."""
        if self.trained.kind is Kind.RELATED:
            return single_item(self.trained, subject.id)
        return trained_history(self.trained, subject.id, dict(subject.context))

    def _output(self, query: Query, scored: Scored) -> str:
        scores = scored.explored.scores
        if self.trained.kind is Kind.RANKING:
            return self._ranking(query, scores)
        considered = scores
        if query.wanted is not None:
            considered = np.where(query.wanted.over_catalog(), scores, np.float32(-np.inf))
        numbers = top_k(considered, self.count)
        names = self._names
        if self.themes is not None:
            return self._themed(self.themes, query, numbers)
        items = ",".join([names[number] for number in numbers.tolist()])
        if not self.trained.returns_scores:
            return f'{{"recommendedItems":[{items}]}}'
        shares = ",".join(map(score_text, shares_of(scores, numbers, scored.scale)))
        return f'{{"recommendedItems":[{items}],"scores":[{shares}]{self._reasons(scored.explored, numbers)}}}'

    def _themed(self, themes: Themes, query: Query, numbers: NDArray[np.int32]) -> str:
        """B-48: the items by their relevance to the theme."""
        number = self.trained.model.number_of.get(query.subject.id)
        theme = themes.of((number is not None and themes.names[number]) or query.subject.id, numbers)
        items = ",".join([self._names[number] for number in numbers[theme.order].tolist()])
        return f'{{"recommendedItems":[{items}],{theme.members()}}}'

    def _reasons(self, explored: Explored, numbers: NDArray[np.int32]) -> str:
        """B-45."""
        if scored_items(self.trained) is None:
            return ""
        reasons = ('["Exploration"]' if lifted else "[]" for lifted in np.isin(numbers, explored.lifted))
        return f',"reasons":[{",".join(reasons)}]'

    def _ranking(self, query: Query, scores: NDArray[np.float32]) -> str:
        """B-46, B-49, B-51."""
        item_ids: Sequence[str] = query.items
        if query.wanted is not None:
            item_ids = [item for item, kept in zip(item_ids, query.wanted.over(item_ids), strict=True) if kept]
        ranking = ranked(self.trained.model, scores, item_ids)
        items = ",".join(INFERENCE.encoder.encode(entry["itemId"]) for entry in ranking)
        shares = ",".join(score_text(entry.get("score")) for entry in ranking)
        return f'{{"recommendedItems":[{items}],"scores":[{shares}]}}'

    @cached_property
    def _names(self) -> list[str]:
        """The item ids of the catalog as JSON."""
        return [INFERENCE.encoder.encode(item) for item in self.trained.model.catalog]


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _item_list(members: Mapping[str, Any]) -> tuple[str, ...]:
    """Each item once. Raises BadLine."""
    items = members.get("itemList")
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BadLine("itemList is required")
    if not 1 <= len(items) <= MOST_ITEMS:
        raise BadLine(f"itemList must contain between 1 and {MOST_ITEMS} items")
    return tuple(dict.fromkeys(items))
