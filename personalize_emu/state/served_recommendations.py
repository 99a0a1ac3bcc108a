"""The most recent recommendations by recommendation id (RT-5), which events refer to, and the events on their items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

MOST_ITEMS = 1_000_000
"""Maximum number of items in all entries together: about 40,000 responses of usual length, within 40 MB."""
NO_EVENTS: Mapping[str, frozenset[str]] = MappingProxyType({})


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
        self._events: dict[str, Mapping[str, frozenset[str]]] = {}
        self._lock = Lock()

    def remember(self, recommendation_id: str, deployment_arn: str, user_id: str | None, items: Sequence[str]) -> None:
        answer = ServedRecommendation(deployment_arn, user_id, tuple(items))
        with self._lock:
            self._answers[recommendation_id] = answer
            self._held += _size(answer)
            while self._held > self._most and len(self._answers) > 1:
                oldest = next(iter(self._answers))
                self._held -= _size(self._answers.pop(oldest))
                self._events.pop(oldest, None)

    def find(self, recommendation_id: str) -> ServedRecommendation | None:
        return self._answers.get(recommendation_id)

    def note_event(self, recommendation_id: str, event_type: str, item_id: str | None) -> None:
        """Note an event that names a response. Without effect if the item was not in it, or it was dropped."""
        with self._lock:
            answer = self._answers.get(recommendation_id)
            if answer is None or item_id is None or item_id not in answer.items:
                return
            known = self._events.get(recommendation_id, NO_EVENTS)
            items = known.get(event_type, frozenset()) | {item_id}
            # Replaced whole, so that readers take no lock.
            self._events[recommendation_id] = {**known, event_type: items}

    def with_events(self) -> Iterator[tuple[ServedRecommendation, Mapping[str, frozenset[str]]]]:
        """The responses of now, each with the items that events followed on, by event type."""
        with self._lock:
            answers, events = list(self._answers.items()), dict(self._events)
        return ((answer, events.get(number, NO_EVENTS)) for number, answer in answers)


def _size(answer: ServedRecommendation) -> int:
    """An empty response also needs memory."""
    return max(len(answer.items), 1)
