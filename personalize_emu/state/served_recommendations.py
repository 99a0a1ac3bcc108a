"""The most recent recommendations by recommendation id (RT-5), which events refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

MOST_ITEMS = 1_000_000
"""Maximum number of items in all entries together: about 40,000 responses of usual length, within 40 MB."""


@dataclass(frozen=True)
class ServedRecommendation:
    """deployment_arn: of the campaign or recommender. items: ids in the order of the response."""

    deployment_arn: str
    user_id: str | None
    items: tuple[str, ...]


class ServedRecommendations:
    """A bounded map; the oldest entries are dropped."""

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        self._most = most_items
        self._held = 0
        # A dict keeps insertion order, so the first key is the oldest.
        self._answers: dict[str, ServedRecommendation] = {}
        self._lock = Lock()

    def remember(self, recommendation_id: str, deployment_arn: str, user_id: str | None, items: Sequence[str]) -> None:
        answer = ServedRecommendation(deployment_arn, user_id, tuple(items))
        with self._lock:
            self._answers[recommendation_id] = answer
            self._held += _size(answer)
            while self._held > self._most and len(self._answers) > 1:
                oldest = self._answers.pop(next(iter(self._answers)))
                self._held -= _size(oldest)

    def find(self, recommendation_id: str) -> ServedRecommendation | None:
        return self._answers.get(recommendation_id)


def _size(answer: ServedRecommendation) -> int:
    """An empty response also needs memory."""
    return max(len(answer.items), 1)
