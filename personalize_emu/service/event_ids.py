"""Which event ids a dataset group has heard, whichever of its datasets keeps the events (EV-40)."""

from __future__ import annotations

import threading
from collections.abc import Collection

from personalize_emu.data.claimed_keys import ClaimedKeys


class EventIds:
    """Each id belongs to the dataset and the user of its first event, and is free again when one of them goes.

    Any thread may call: requests claim ids while jobs forget others.
    """

    def __init__(self) -> None:
        self._claimed: dict[object, ClaimedKeys] = {}
        self._lock = threading.Lock()

    def claim(self, event_id: str, dataset: object, user_id: str) -> bool:
        """False when the id was heard before."""
        with self._lock:
            own = self._claimed.setdefault(dataset, ClaimedKeys())
            others = (keys for keys in self._claimed.values() if keys is not own)
            return not any(event_id in keys for keys in others) and own.claim(event_id, user_id)

    def forget_users(self, dataset: object, user_ids: Collection[str]) -> None:
        with self._lock:
            if dataset in self._claimed:
                self._claimed[dataset].forget(user_ids)

    def forget_dataset(self, dataset: object) -> None:
        with self._lock:
            self._claimed.pop(dataset, None)
