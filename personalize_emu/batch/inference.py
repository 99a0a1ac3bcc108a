"""Computes the output lines of batch inference jobs (spec 11 sections 2, 3.1 and 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalize_emu.batch.lines import INFERENCE, BadLine, Line, encoded, parsed, required_text, score_text
from personalize_emu.batch.rendering import Texts, item_texts, joined, score_texts
from personalize_emu.batch.scored_blocks import ScoredBlock, Subject, rows_at_once, scored_blocks
from personalize_emu.batch.themes import Themes
from personalize_emu.batch.transfer import Answered
from personalize_emu.filters.binding import BoundExpression
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.masks import FilterContext, admitted, settled
from personalize_emu.filters.records import Records, View
from personalize_emu.recipes.contract.base import Kind
from personalize_emu.recipes.contract.topk import top_k_rows
from personalize_emu.runtime.exploration import Explorer, scored_items
from personalize_emu.runtime.filtering import requested_filter
from personalize_emu.runtime.model_inputs import request_context
from personalize_emu.runtime.rank import MOST_ITEMS, ranked
from personalize_emu.service.core.context import Context
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.errors import AwsError


class Wanted(NamedTuple):
    """The filter of one line, with all it needs to know of the line's user and item."""

    expressions: tuple[BoundExpression, ...]
    filter_context: FilterContext


class FilteredLines(NamedTuple):
    """wanted: the filter of each line, or what is wrong with its values; None for lines that are no objects."""

    lines: Sequence[bytes]
    wanted: Sequence[Wanted | BadLine | None]


@dataclass(frozen=True, eq=False)
class LineFilter:
    """The filter of a job; parameter values, user and item are given by each line (B-27, F-86).

    It reads the current datasets, so it is applied in the server, before lines are sent to workers.
    """

    context: Context
    trained: TrainedVersion
    filter_arn: str

    def __call__(self, lines: Sequence[bytes]) -> FilteredLines:
        members = (parsed(line).members for line in lines)
        return FilteredLines(lines, [None if each is None else self._of(each) for each in members])

    def _of(self, members: Mapping[str, Any]) -> Wanted | BadLine:
        values = members.get("filterValues", {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            return BadLine("filterValues must be an object of strings")
        request = {"filterArn": self.filter_arn, "filterValues": values}
        user_id, item_id = (_text_or_none(members.get(name)) for name in ("userId", "itemId"))
        try:
            found = requested_filter(self.context, self.trained, request, user_id=user_id, item_id=item_id)
        except AwsError as error:
            return BadLine(error.message)
        if found is None:
            raise TypeError("the request names a filter")
        return Wanted(found.expressions, settled(found.expressions, found.filter_context))


@dataclass(frozen=True, eq=False)
class FilteredItems:
    """The items that filters select from. records: those of their dataset, None if there is none."""

    records: Records | None
    catalog: Sequence[str]

    def over_catalog(self, wanted: Wanted) -> Mask:
        """bool[catalog]"""
        return admitted(wanted.expressions, self._view, wanted.filter_context)

    def over(self, wanted: Wanted, ids: Sequence[str]) -> Mask:
        """bool[ids]: for distinct ids, in the catalog or not."""
        return admitted(wanted.expressions, View(self.records, ids), wanted.filter_context)

    @cached_property
    def _view(self) -> View:
        return View(self.records, self.catalog)


class Query(NamedTuple):
    """A valid line. subject: for whom scores are needed; equal subjects are scored once."""

    place: int
    line: Line
    subject: Subject
    wanted: Wanted | None
    items: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Inference:
    """Computes output lines from the data that `trained` was trained with (B-55, EV-51).

    filtered_items: for jobs with a filter, whose lines come as FilteredLines.
    """

    trained: TrainedVersion
    count: int
    filtered_items: FilteredItems | None = None
    explorer: Explorer | None = None
    themes: Themes | None = None

    def __call__(self, chunk: Sequence[bytes] | FilteredLines) -> Answered:
        lines, wanted = chunk if isinstance(chunk, FilteredLines) else (chunk, [None] * len(chunk))
        sources = [parsed(line) for line in lines]
        texts = [""] * len(sources)
        queries: dict[Subject, list[Query]] = {}
        for place, (source, of_line) in enumerate(zip(sources, wanted, strict=True)):
            try:
                query = self._query(place, source, of_line)
            except BadLine as error:
                texts[place] = INFERENCE.refusal(source, error)
            else:
                queries.setdefault(query.subject, []).append(query)
        for block in scored_blocks(self.trained, list(queries), self.explorer):
            for query, output in self._outputs(block, [queries[subject] for subject in block.subjects]):
                texts[query.place] = INFERENCE.line(query.line, output)
        return Answered(encoded(texts), sum(source.members is not None for source in sources))

    def _query(self, place: int, line: Line, wanted: Wanted | BadLine | None) -> Query:
        """Parse and validate one line. Raises BadLine (B-52)."""
        members = line.members
        if members is None:
            raise BadLine("The line is not a JSON object")
        kind = self.trained.kind
        subject = required_text(members, "itemId" if kind is Kind.RELATED else "userId")
        items = _item_list(members) if kind is Kind.RANKING else ()
        if isinstance(wanted, BadLine):
            raise wanted
        context = self._context(members) if self.trained.context_fields else ()
        return Query(place, line, Subject("" if kind is Kind.POPULAR else subject, context), wanted, items)

    def _context(self, members: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The context of a line (B-28). Raises BadLine."""
        given = members.get("context", {})
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise BadLine("context must be an object of strings")
        return tuple(request_context(self.trained, given).items())

    def _outputs(self, block: ScoredBlock, queries: Sequence[Sequence[Query]]) -> Iterator[tuple[Query, str]]:
        """queries: of each subject of the block."""
        if self.trained.kind is Kind.RANKING:
            for scores, of_subject in zip(block.scores, queries, strict=True):
                yield from ((query, self._ranking(query, scores)) for query in of_subject)
        elif self.filtered_items is None:
            rows = np.arange(len(block.subjects))
            for output, of_subject in zip(self._lists(block, rows, block.scores), queries, strict=True):
                yield from ((query, output) for query in of_subject)
        else:
            pairs = [(row, query) for row, of_subject in enumerate(queries) for query in of_subject]
            at_once = rows_at_once(len(self.trained.model.catalog))
            for start in range(0, len(pairs), at_once):
                part = pairs[start : start + at_once]
                rows = np.array([row for row, _ in part], np.int64)
                considered = block.scores[rows]
                for scores, (_, query) in zip(considered, part, strict=True):
                    if query.wanted is not None:
                        scores[~self.filtered_items.over_catalog(query.wanted)] = -np.inf
                yield from zip([query for _, query in part], self._lists(block, rows, considered), strict=True)

    def _lists(self, block: ScoredBlock, rows: NDArray[np.int64], considered: NDArray[np.float32]) -> list[str]:
        """The output of the best items of float32[n, items], scores of the block at `rows` or -inf."""
        numbers = top_k_rows(considered, self.count)
        if self.themes is not None:
            found = zip(rows.tolist(), numbers, strict=True)
            return [self._themed(self.themes, block.subjects[row].id, best[best >= 0]) for row, best in found]
        items = joined(self._names[numbers])
        if not self.trained.returns_scores:
            return [f'{{"recommendedItems":[{names}]}}' for names in items]
        shares = score_texts(block.shares(numbers, rows))
        ends = self._reasons(block, rows, numbers)
        return [
            f'{{"recommendedItems":[{names}],"scores":[{scores}]{end}}}'
            for names, scores, end in zip(items, shares, ends, strict=True)
        ]

    def _themed(self, themes: Themes, item_id: str, numbers: NDArray[np.int32]) -> str:
        """B-48: the items by their relevance to the theme."""
        number = self.trained.model.number_of.get(item_id)
        theme = themes.of((number is not None and themes.names[number]) or item_id, numbers)
        (items,) = joined(self._names[numbers[theme.order]][None])
        return f'{{"recommendedItems":[{items}],{theme.members()}}}'

    def _reasons(self, block: ScoredBlock, rows: NDArray[np.int64], numbers: NDArray[np.int32]) -> list[str]:
        """B-45."""
        if scored_items(self.trained) is None:
            return [""] * len(rows)
        reasons = np.where(numbers < 0, -1, block.is_lifted(numbers, rows))
        return [f',"reasons":[{listed}]' for listed in joined(_REASONS[reasons])]

    def _ranking(self, query: Query, scores: NDArray[np.float32]) -> str:
        """B-46, B-49, B-51."""
        item_ids: Sequence[str] = query.items
        if self.filtered_items is not None and query.wanted is not None:
            admitted_items = self.filtered_items.over(query.wanted, item_ids)
            item_ids = [item for item, kept in zip(item_ids, admitted_items, strict=True) if kept]
        ranking = ranked(self.trained.model, scores, item_ids)
        items = ",".join(INFERENCE.encoder.encode(entry["itemId"]) for entry in ranking)
        shares = ",".join(score_text(entry.get("score")) for entry in ranking)
        return f'{{"recommendedItems":[{items}],"scores":[{shares}]}}'

    @cached_property
    def _names(self) -> Texts:
        return item_texts(self.trained.model.catalog)


_REASONS: Texts = np.array([",[]", ',["Exploration"]', ""], object)


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
