"""With a real model: it is trained on what campers and painters have looked at."""

import pytest
from recommendations import HomePage, runtime_client

CAMPING, PAINTING = [f"camping-{n}" for n in range(12)], [f"painting-{n}" for n in range(12)]


@pytest.fixture
def page(trained_campaign):
    views = [
        (f"{group}-{user}", items[(user + step * (1 + user % 5)) % len(items)], 1_700_000_000 + 3600 * step + user)
        for group, items in {"camper": CAMPING, "painter": PAINTING}.items()
        for user in range(60)
        for step in range(10)
    ]
    return HomePage(runtime_client(), trained_campaign(views), [])


@pytest.mark.parametrize(("user", "taste"), [("camper-1", "camping"), ("painter-1", "painting")])
def test_recommendations_follow_the_taste(page, user, taste):
    assert {item.split("-")[0] for item in page.shelf(user, size=3)} == {taste}


def test_new_users_get_recommendations(page):
    assert len(page.shelf("nobody", size=5)) == 5
