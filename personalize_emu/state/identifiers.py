"""Random identifiers from one seeded source: the same seed and calls give the same identifiers."""

from __future__ import annotations

import random
import uuid


class Identifiers:
    """Makes ARN suffixes, tracking ids, request ids and recommendation ids.

    `getrandbits` is one call into C and so needs no lock.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def suffix(self) -> str:
        """8 lower-case hex digits, as event trackers and solution versions carry (R-GEN-1)."""
        return f"{self._random.getrandbits(32):08x}"

    def uuid(self) -> str:
        """A version 4 UUID in lower case (P-24, R-ET-2)."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def recommendation_id(self) -> str:
        """`RID-` and a UUID: 40 characters (RT-5)."""
        return "RID-" + self.uuid()

    def secret(self) -> bytes:
        """32 bytes that sign pagination tokens."""
        return self._random.randbytes(32)
