"""The shelf, with declared answers and recorded calls: no data, no training."""

import pytest
from recommendations import HomePage, runtime_client

BESTSELLERS = ["bestseller-1", "bestseller-2", "bestseller-3", "bestseller-4"]


@pytest.fixture
def page(personalize_emu):
    campaign = personalize_emu.campaign("home-page", ["tent", "lamp", "rope", "stove"])
    return HomePage(runtime_client(), campaign, BESTSELLERS)


def test_the_shelf_has_as_many_items_as_wanted(page):
    assert page.shelf("u1") == ["tent", "lamp", "rope"]
    assert page.shelf("u1", size=1) == ["tent"]


def test_each_user_has_a_shelf(personalize_emu, page):
    personalize_emu.recommend(page.campaign, user_id="climber", items=["rope", "helmet"])
    assert page.shelf("climber") == ["rope", "helmet"]
    assert page.shelf("hiker") == ["tent", "lamp", "rope"]


def test_phones_have_a_shelf_of_their_own(personalize_emu, page):
    personalize_emu.recommend(page.campaign, items=["phone-case"], where={"context": {"DEVICE": "phone"}})
    assert page.shelf("u1", device="phone") == ["phone-case"]
    assert page.shelf("u1", device="desktop") == ["tent", "lamp", "rope"]


def test_users_without_recommendations_see_bestsellers(personalize_emu, page):
    personalize_emu.recommend(page.campaign, user_id="u1", items=[])
    assert page.shelf("u1", size=2) == ["bestseller-1", "bestseller-2"]


def test_the_request_says_what_is_needed(personalize_emu, page):
    page.shelf("u1", size=2, device="phone")
    (call,) = personalize_emu.calls("GetRecommendations")
    assert call.params == {
        "campaignArn": page.campaign,
        "userId": "u1",
        "numResults": 2,
        "context": {"DEVICE": "phone"},
    }


@pytest.mark.personalize_emu(strict_answers=True)
def test_nothing_is_asked_that_the_test_does_not_know(personalize_emu, page):
    personalize_emu.clear_answers()
    personalize_emu.recommend(page.campaign, user_id="u1", items=["tent"])
    assert page.shelf("u1") == ["tent"]
    assert page.shelf("u2") == BESTSELLERS[:3]
    assert "differs in userId" in personalize_emu.calls("GetRecommendations")[-1].message
