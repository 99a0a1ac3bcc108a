"""Which event ids a dataset group has heard, whichever of its datasets keeps the events (EV-40)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection


class EventIds:
    """Each id belongs to the dataset and the user of its first event, and is free again when one of them goes."""

    def __init__(self) -> None:
        self._owners: dict[str, tuple[object, str]] = {}
        self._lock = threading.Lock()

    def claim(self, event_id: str, dataset: object, user_id: str) -> bool:
        """False when the id was heard before."""
        owner = (dataset, user_id)
        with self._lock:
            return self._owners.setdefault(event_id, owner) is owner

    def forget_users(self, dataset: object, user_ids: Collection[str]) -> None:
        self._keep(lambda owner, user_id: owner is not dataset or user_id not in user_ids)

    def forget_dataset(self, dataset: object) -> None:
        self._keep(lambda owner, _: owner is not dataset)

    def _keep(self, stays: Callable[[object, str], bool]) -> None:
        with self._lock:
            gone = [event_id for event_id, owner in self._owners.items() if not stays(*owner)]
            for event_id in gone:
                del self._owners[event_id]
