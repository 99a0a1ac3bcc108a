"""What users see, and what the service gets, when it fails."""

import pytest
from botocore.config import Config
from recommendations import CircuitBreaker, HomePage, runtime_client

ONCE = Config(retries={"total_max_attempts": 1})
CAMPAIGN_ITEMS, BESTSELLERS = ["tent", "lamp"], ["bestseller"]


def page(emulator, config):
    campaign = emulator.campaign("home-page", CAMPAIGN_ITEMS)
    return HomePage(runtime_client(config), campaign, BESTSELLERS, CircuitBreaker(emulator.clock.now))


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_one_throttled_request_is_repeated(personalize_emu, mode):
    fault = personalize_emu.fail("GetRecommendations", "ThrottlingException", times=1)
    shelf = page(personalize_emu, Config(retries={"mode": mode, "total_max_attempts": 2})).shelf("u1")
    assert (shelf, fault.hits) == (CAMPAIGN_ITEMS, 1)
    errors = [call.error for call in personalize_emu.calls("GetRecommendations")]
    assert errors == ["ThrottlingException", None]


@pytest.mark.parametrize(
    "fault",
    [
        {"error": "ThrottlingException"},
        {"error": "ServiceUnavailable"},
        {"error": "ResourceNotFoundException"},
        {"drop": True},
        {"wrong_json": True},
    ],
    ids=lambda fault: next(iter(fault.values())) if "error" in fault else next(iter(fault)),
)
def test_bestsellers_are_shown_when_the_service_fails(personalize_emu, fault):
    shown = page(personalize_emu, ONCE)
    personalize_emu.fail("GetRecommendations", **fault, times=1)
    assert [shown.shelf("u1"), shown.shelf("u1")] == [BESTSELLERS, CAMPAIGN_ITEMS]


def test_the_circuit_breaker_leaves_a_failing_service_alone(personalize_emu):
    shown = page(personalize_emu, ONCE)
    fault = personalize_emu.fail("GetRecommendations", "ServiceUnavailable")
    assert [shown.shelf("u1") for _ in range(10)] == [BESTSELLERS] * 10
    assert fault.hits == 3

    personalize_emu.advance("30s")
    assert [shown.shelf("u1"), shown.shelf("u1")] == [BESTSELLERS, BESTSELLERS]
    assert fault.hits == 4

    fault.remove()
    personalize_emu.advance("30s")
    assert shown.shelf("u1") == CAMPAIGN_ITEMS
