"""Batch jobs of several kinds on one dataset group, to compare what different executors write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.batch.test_segments import BY_ATTRIBUTE, BY_ITEM, camps_group
from tests.batch.test_segments import output_text as segment_text
from tests.batch_requests import Query, json_lines, output_text
from tests.given import RANKING, USER_PERSONALIZATION, Given

LINES: list[Query] = [
    *({"userId": f"u{number}", "filterValues": {"C": '"odd"'}} for number in range(20)),
    {"userId": "nobody", "filterValues": {"C": '"even"'}},
    {"userId": "u3"},
    {"user": "u3"},
    {"userId": "u4", "filterValues": 5},
]
RANKED: list[Query] = [{**line, "itemList": ["i001", "i002", "i003", "new"]} for line in LINES]
ITEM_QUERIES: list[Query] = [
    *({"itemId": f"i{number:03d}", "filterValues": {"AGE": str(20 + number)}} for number in range(9)),
    {"itemId": "i001"},
    {"itemId": "i999", "filterValues": {"AGE": "30"}},
]
ATTRIBUTE_QUERIES: list[Query] = [
    {"itemAttributes": 'ITEMS.CAMP = "odd" AND ITEMS.SIZE = 1', "filterValues": {"AGE": "50"}},
    {"itemAttributes": 'ITEMS.CAMP = "first"', "filterValues": {"AGE": "x"}},
    {"itemAttributes": "ITEMS.SIZE = 2", "filterValues": {"AGE": "70"}},
]
UNSEEN = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase") | INCLUDE ItemID WHERE Items.CAMP IN ($C)'
OLDER = "INCLUDE UserID WHERE Users.AGE > $AGE"
OLDER_BUYERS = f'{OLDER} | EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")'


class Mixture:
    """Trains the versions once; `outputs` runs jobs whose names start with `prefix`."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._group = camps_group(given)
        self._versions = {
            recipe: given.version(given.solution(self._group, recipe, name=f"s{number}"))
            for number, recipe in enumerate((USER_PERSONALIZATION, RANKING, BY_ITEM, BY_ATTRIBUTE))
        }
        self._filters = [self._filter(f"f{n}", text) for n, text in enumerate((UNSEEN, OLDER, OLDER_BUYERS))]

    def outputs(self, prefix: str, *names: str) -> Mapping[str, str]:
        """The text written by each of the named jobs, by default by all."""
        unseen, older, buyers = self._filters
        jobs: Mapping[str, Callable[[str], str]] = {
            "items": lambda name: self._inference(USER_PERSONALIZATION, LINES, name, filterArn=unseen),
            "ranking": lambda name: self._inference(RANKING, RANKED, name, filterArn=unseen),
            "plain": lambda name: self._inference(USER_PERSONALIZATION, LINES, name),
            "segments": lambda name: self._segments(BY_ITEM, ITEM_QUERIES, name, filterArn=buyers),
            "attributes": lambda name: self._segments(BY_ATTRIBUTE, ATTRIBUTE_QUERIES, name, filterArn=older),
        }
        return {name: jobs[name](f"{prefix}-{name}") for name in names or jobs}

    def _filter(self, name: str, expression: str) -> str:
        arn: str = self._given.personalize.create_filter(
            name=name, datasetGroupArn=self._group, filterExpression=expression
        )["filterArn"]
        return arn

    def _inference(self, recipe: str, lines: list[Query], name: str, **extra: Any) -> str:
        return output_text(self._given, self._versions[recipe], json_lines(lines), name, numResults=7, **extra)

    def _segments(self, recipe: str, lines: list[Query], name: str, **extra: Any) -> str:
        return segment_text(self._given, self._versions[recipe], lines, name, numResults=9, **extra)
