"""Event ids are claimed by requests while deletions forget others (EV-40, D-117)."""

from __future__ import annotations

import threading

from personalize_emu.service.event_ids import EventIds


class Meanwhile(frozenset[str]):
    """Users, and a request that claims an id whenever somebody looks whether a user is one of them."""

    ids: EventIds
    claims: list[threading.Thread]

    def __contains__(self, user_id: object) -> bool:
        claim = threading.Thread(target=self.ids.claim, args=(f"new{len(self.claims)}", "dataset", "other"))
        self.claims.append(claim)
        claim.start()
        # Without a lock the claim is made at once, in the middle of the search.
        claim.join(0.05)
        return super().__contains__(user_id)


def test_ids_can_be_claimed_while_others_are_forgotten() -> None:
    ids = EventIds()
    for number in range(3):
        assert ids.claim(f"e{number}", "dataset", f"u{number}")
    users = Meanwhile({"u1"})
    users.ids, users.claims = ids, []
    ids.forget_users("dataset", users)
    for claim in users.claims:
        claim.join(10)
    assert ids.claim("e1", "dataset", "u9"), "it was forgotten"
    taken = ["e0", "e2", *(f"new{number}" for number in range(len(users.claims)))]
    assert not any(ids.claim(event_id, "dataset", "u9") for event_id in taken)
