"""The most recent recommendations by recommendation id (RT-5), which events refer to, and the events on their items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

MOST_ITEMS = 1_000_000
"""Maximum number of items in all entries together: about 40,000 responses of usual length, within 40 MB."""
NO_EVENTS: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ServedRecommendation:
    """deployment_arn: of the campaign or recommender. items: ids in the order of the response."""

    deployment_arn: str
    user_id: str | None
    items: tuple[str, ...]


class ServedRecommendations:
    """A bounded map; the oldest entries are dropped. Any thread may call any method."""

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        self._most = most_items
        self._held = 0
        self._new: deque[tuple[str, ServedRecommendation]] | None = None
        # A dict keeps insertion order, so the first key is the oldest.
        self._answers: dict[str, ServedRecommendation] = {}
        self._events: dict[str, Mapping[str, frozenset[str]]] = {}
        self._remembered = 0
        self._since: dict[str, int] = {}
        self._counted_from = 0
        self._lock = Lock()

    def remember(self, recommendation_id: str, deployment_arn: str, user_id: str | None, items: Sequence[str]) -> None:
        answer = ServedRecommendation(deployment_arn, user_id, tuple(items))
        with self._lock:
            if self._new is not None:
                self._new.append((recommendation_id, answer))
            self._answers[recommendation_id] = answer
            self._remembered += 1
            self._held += size_of(answer)
            while self._held > self._most and len(self._answers) > 1:
                oldest = next(iter(self._answers))
                self._held -= size_of(self._answers.pop(oldest))
                self._events.pop(oldest, None)

    def note_new(self) -> None:
        """Note from now on what `take_new` returns."""
        # As many as there may be at most, for the case that nobody can take them.
        self._new = deque(maxlen=self._most)

    def take_new(self) -> list[tuple[str, ServedRecommendation]]:
        """What has been added since the last call, oldest first."""
        if not self._new:
            return []
        with self._lock:
            taken, self._new = list(self._new), deque(maxlen=self._most)
        return taken

    def items(self) -> list[tuple[str, ServedRecommendation]]:
        """All, oldest first."""
        with self._lock:
            return list(self._answers.items())

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Drop the responses of deployments. is_gone: of an ARN."""
        with self._lock:
            first = self._remembered - len(self._answers)
            places = enumerate(self._answers.items(), first)
            gone = {name: place for place, (name, answer) in places if is_gone(answer.deployment_arn)}
            # Those that stay move up to the places of newer ones that go.
            self._since = {arn: since + _newer(gone, since) for arn, since in self._since.items()}
            self._counted_from += _newer(gone, self._counted_from)
            for name in gone:
                self._held -= size_of(self._answers.pop(name))
                self._events.pop(name, None)
            if self._new is not None:
                self._new = deque((each for each in self._new if not is_gone(each[1].deployment_arn)), self._most)

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
        """The responses of the present deployments, each with the items that events followed on, by event type."""
        with self._lock:
            answers, events, since = list(self._answers.items()), dict(self._events), dict(self._since)
            first, counted_from = self._remembered - len(answers), self._counted_from
        for place, (number, answer) in enumerate(answers, first):
            if place >= max(counted_from, since.get(answer.deployment_arn, 0)):
                yield answer, events.get(number, NO_EVENTS)

    def end_restoring(self) -> None:
        """Leave the responses so far, whose events are not known, out of `with_events`."""
        self._counted_from = self._remembered

    def start_over(self, deployment_arn: str) -> None:
        """Leave the responses so far out of `with_events`: a deployment of the same ARN is created anew.

        Events can still refer to them.
        """
        with self._lock:
            self._since[deployment_arn] = self._remembered


def _newer(places: Mapping[str, int], since: int) -> int:
    return sum(place >= since for place in places.values())


def size_of(answer: ServedRecommendation) -> int:
    """An empty response also needs memory."""
    return max(len(answer.items), 1)
