"""The marker of the pytest plugin, parallel runs, and the fixtures with declared answers."""

from __future__ import annotations

import boto3
import pytest

from personalize_emu import Emulator, ServerControl
from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns
from personalize_emu.state.clock import ManualClock
from tests.given import REGION, arn

pytest_plugins = ("pytester",)
ROWS = [
    (f"camper{user}", item, 1_700_000_000 + 60 * step)
    for user in range(300)
    for step, item in enumerate(["tent", "sleeping-bag", f"lamp{user % 7}", f"rope{user % 11}"])
]


@pytest.mark.personalize_emu(pace="fast", seed=3)
def test_marker_sets_pace_and_seed(personalize_emu: Emulator) -> None:
    assert (personalize_emu.settings.pace, personalize_emu.settings.seed) == ("fast", 3)


@pytest.mark.personalize_emu(pace="fast", quotas="off")
class TestMarkedClass:
    @pytest.mark.personalize_emu(pace="real")
    def test_marker_nearer_to_the_test_wins(self, personalize_emu: Emulator) -> None:
        assert (personalize_emu.settings.pace, personalize_emu.settings.quotas) == ("real", "off")


@pytest.mark.personalize_emu(pace="fast")
def test_trained_campaign_waits_with_pace_fast(trained_campaign: TrainedCampaigns) -> None:
    campaign = trained_campaign(ROWS, recipe="aws-sims")
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answer = runtime.get_recommendations(campaignArn=campaign, itemId="tent", numResults=5)
    assert answer["itemList"][0]["itemId"] == "sleeping-bag"


@pytest.mark.parametrize(
    "too_slow",
    [
        pytest.param("real", marks=pytest.mark.personalize_emu(pace="real")),
        pytest.param("manual", marks=pytest.mark.personalize_emu(pace="fast", clock=ManualClock())),
    ],
)
def test_trained_campaign_does_not_wait_for_ever(trained_campaign: TrainedCampaigns, too_slow: str) -> None:
    with pytest.raises(ValueError, match="needs the pace instant, or fast"):
        trained_campaign(ROWS)


def test_unknown_arguments_of_the_marker_are_errors(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.personalize_emu(pase="fast")
        def test_misspelt(personalize_emu):
            pass

        @pytest.mark.personalize_emu("fast")
        def test_without_name_and_fixture():
            pass

        @pytest.mark.personalize_emu(pace="slow")
        def test_wrong_value(personalize_emu):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "*test_misspelt: the marker personalize_emu has no argument pase; it has seed, pace,*",
            "*test_without_name_and_fixture: the marker personalize_emu has no argument 'fast'*",
            "*pace must be one of instant, fast, real, not 'slow'*",
        ]
    )


def test_server_control_declares_answers_for_one_test(
    personalize_server: str, personalize_server_control: ServerControl
) -> None:
    assert personalize_server_control.answers() == []
    assert personalize_server_control.url == personalize_server
    campaign = personalize_server_control.campaign("home-page", ["a", "b"])
    assert campaign == arn("campaign", "home-page")
    answer = boto3.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u1")
    assert [item["itemId"] for item in answer["itemList"]] == ["a", "b"]
    assert [call.params["userId"] for call in personalize_server_control.calls("GetRecommendations")] == ["u1"]


def test_answers_of_another_test_are_gone(personalize_server_control: ServerControl) -> None:
    assert personalize_server_control.answers() == []
    assert personalize_server_control.calls() == []
    test_server_control_declares_answers_for_one_test(personalize_server_control.url, personalize_server_control)


def test_server_is_used_while_an_emulator_of_the_session_is_active(pytester: pytest.Pytester) -> None:
    """In the test process and in child processes, which would use AWS itself otherwise."""
    pytester.makepyfile(
        """
        import subprocess
        import sys
        import boto3

        LIST = "import boto3; print(len(boto3.client('personalize').list_campaigns()['campaigns']))"

        def test_of_the_session(personalize_emu_session):
            assert boto3.client("personalize", region_name="us-east-1").list_campaigns()["campaigns"] == []

        def test_of_the_server(personalize_server_control):
            personalize_server_control.campaign("home-page")
            assert len(boto3.client("personalize").list_campaigns()["campaigns"]) == 1
            assert subprocess.check_output([sys.executable, "-c", LIST], text=True).strip() == "1"

        def test_in_process_again(personalize_emu_session):
            assert boto3.client("personalize", region_name="us-east-1").list_campaigns()["campaigns"] == []
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=3)


def test_workers_of_xdist_have_emulators_and_servers_of_their_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import boto3
        import pytest

        def asked(service, campaign):
            runtime = boto3.client("personalize-runtime", region_name="us-east-1")
            answer = runtime.get_recommendations(campaignArn=campaign, userId="u")
            return [item["itemId"] for item in answer["itemList"]], len(service.calls())

        @pytest.mark.parametrize("number", range(3))
        def test_in_process(number, personalize_emu):
            campaign = personalize_emu.campaign("home-page", [f"item{number}"])
            assert asked(personalize_emu, campaign) == ([f"item{number}"], 1)

        @pytest.mark.parametrize("number", range(4))
        def test_over_http(number, personalize_server_control, worker_id):
            assert worker_id in ("gw0", "gw1")
            campaign = personalize_server_control.campaign("home-page", [f"item{number}"])
            assert asked(personalize_server_control, campaign) == ([f"item{number}"], 1)
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "load")
    result.assert_outcomes(passed=7)
