"""Event ids are claimed by requests while deletions forget others (EV-40, D-117)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from personalize_emu.service.state.dataset_contents import EventIds


class Meanwhile(frozenset[str]):
    """Users, and a request that claims an id whenever somebody asks for one of them."""

    ids: EventIds
    claims: list[threading.Thread]

    def __iter__(self) -> Iterator[str]:
        for user_id in super().__iter__():
            claim = threading.Thread(target=self.ids.claim, args=(f"new{len(self.claims)}", "dataset", "other"))
            self.claims.append(claim)
            claim.start()
            # Without a lock the claim is made at once, in the middle of the search.
            claim.join(0.05)
            yield user_id


def test_ids_can_be_claimed_while_others_are_removed() -> None:
    ids = EventIds()
    for number in range(3):
        assert ids.claim(f"e{number}", "dataset", f"u{number}")
    users = Meanwhile({"u1", "nobody"})
    users.ids, users.claims = ids, []
    ids.forget_users("dataset", users)
    assert users.claims
    for claim in users.claims:
        claim.join(10)
    assert ids.claim("e1", "dataset", "u9"), "it was forgotten"
    taken = ["e0", "e2", *(f"new{number}" for number in range(len(users.claims)))]
    assert not any(ids.claim(event_id, "dataset", "u9") for event_id in taken)


def test_ids_are_unique_in_a_group_until_their_dataset_is_deleted() -> None:
    """EV-40: also when there are many."""
    ids = EventIds()
    assert all(ids.claim(f"e{number}", "first", f"u{number % 10}") for number in range(20_000))
    assert not any(ids.claim(f"e{number}", "second", "u") for number in range(0, 20_000, 999))
    assert ids.claim("other", "second", "u3")
    ids.forget_users("first", {"u3"})
    assert ids.claim("e13", "second", "u")
    assert not ids.claim("e12", "second", "u")
    assert not ids.claim("other", "first", "u")
    ids.forget_dataset("second")
    assert ids.claim("other", "first", "u")
    assert ids.claim("e13", "first", "u")
