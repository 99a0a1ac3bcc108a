"""GetActionRecommendations through boto3 (spec 09 section 10, 06 R-80, 08 section 3.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.operations import HANDLERS
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.models import operations
from tests.domain_groups import shop
from tests.given import POPULARITY, REGION, Given, arn
from tests.refusals import refusal
from tests.runtime.action_group import ACTIONS, DAY, NEXT_BEST_ACTION, NOW, SCHEMAS, ActionGroup, open_group

INVALID, UNKNOWN = "InvalidInputException", "ResourceNotFoundException"
EVEN, ODD = "u000", "u001"


@pytest.fixture(scope="module")
def group() -> Iterator[ActionGroup]:
    """Shared by tests that change only their own users."""
    with mock_personalize(clock=ManualClock(NOW)):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        yield open_group(given)


@pytest.fixture(scope="module")
def campaign(group: ActionGroup) -> str:
    return group.deployed()


def test_every_operation_of_the_model_is_routed() -> None:
    assert set(HANDLERS) == set(operations())
    assert len(HANDLERS) == 79


def test_likely_actions_come_first(group: ActionGroup, campaign: str) -> None:
    """RT-3, RT-91, RT-92, R-80: sorted by propensity; RT-94: actions without score follow by value, then id."""
    for user, likes, dislikes in ((EVEN, "climb", "swim"), (ODD, "swim", "climb")):
        listed = group.listed(campaign, user, numResults=100)
        assert next(iter(listed)) == likes
        assert listed[likes] > 0.6 > listed[dislikes]
        assert list(listed)[-3:] == ["worthy", "seldom", "worthless"]
        scores = list(listed.values())
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores[:3])
        assert scores[3:] == [0.0] * 3


def test_the_shape_of_an_answer(group: ActionGroup, campaign: str) -> None:
    """RT-3, RT-5, RT-31, RT-91, RT-104."""
    answer = group.runtime.get_action_recommendations(campaignArn=campaign, userId=EVEN)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert set(answer) == {"actionList", "recommendationId", "ResponseMetadata"}
    assert re.fullmatch(r"RID-[0-9a-f]{2}(-[0-9a-f]{4}){2}-[0-9a-f]{12}-CID-[0-9a-f]{6}", answer["recommendationId"])
    assert all(set(entry) == {"actionId", "score"} for entry in answer["actionList"])
    assert all(round(entry["score"], 7) == entry["score"] for entry in answer["actionList"])
    again = group.runtime.get_action_recommendations(campaignArn=campaign, userId=EVEN)
    assert again["recommendationId"] != answer["recommendationId"]
    assert again["actionList"] == answer["actionList"]


def test_how_many(group: ActionGroup, campaign: str) -> None:
    """RT-90, RT-96, RT-103, Q-50: 5 by default, at most 100."""
    assert len(group.listed(campaign, EVEN)) == 5
    assert len(group.listed(campaign, EVEN, numResults=0)) == 5
    assert len(group.listed(campaign, EVEN, numResults=2)) == 2
    assert len(group.listed(campaign, EVEN, numResults=100)) == 6
    ask = group.runtime.get_action_recommendations
    text = "numResults must be between 1 and 100"
    assert refusal(ask, campaignArn=campaign, userId=EVEN, numResults=101) == (INVALID, text)


def test_campaign_and_user_are_required(group: ActionGroup, campaign: str) -> None:
    """RT-90, RT-96, RT-20, RT-23."""
    ask = group.runtime.get_action_recommendations
    assert refusal(ask, campaignArn=campaign) == (INVALID, "userId is required")
    assert refusal(ask, campaignArn=campaign, userId="") == (INVALID, "userId is required")
    assert refusal(ask, userId=EVEN) == (INVALID, "campaignArn is required")
    assert refusal(ask, campaignArn=arn("campaign", "none"), userId=EVEN, status=404)[0] == UNKNOWN
    assert refusal(ask, campaignArn=arn("recommender", "none"), userId=EVEN)[0] == INVALID


def test_unknown_user_gets_actions(group: ActionGroup, campaign: str) -> None:
    """RT-94, R-80: propensities do not sum to 1."""
    listed = group.listed(campaign, "stranger", numResults=6)
    assert len(listed) == 6
    assert sum(listed.values()) > 1


def test_campaigns_of_other_recipes_are_refused_both_ways(group: ActionGroup, campaign: str) -> None:
    """RT-22, RT-95, RT-96, RT-110."""
    popular = group.deployed("popular", POPULARITY)
    runtime = group.runtime
    text = "Campaign recipe type USER_PERSONALIZATION is not supported by GetActionRecommendations"
    assert refusal(runtime.get_action_recommendations, campaignArn=popular, userId=EVEN) == (INVALID, text)
    text = "Campaign recipe type PERSONALIZED_ACTIONS is not supported by GetRecommendations"
    assert refusal(runtime.get_recommendations, campaignArn=campaign, userId=EVEN) == (INVALID, text)
    text = "Campaign recipe type PERSONALIZED_ACTIONS is not supported by GetPersonalizedRanking"
    request = {"campaignArn": campaign, "userId": EVEN, "inputList": ["i00"]}
    assert refusal(runtime.get_personalized_ranking, **request) == (INVALID, text)


def test_metrics(group: ActionGroup, campaign: str) -> None:
    """M-3, M-12, M-31."""
    described = group.given.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    answer = group.given.personalize.get_solution_metrics(solutionVersionArn=described["solutionVersionArn"])
    gains = [f"normalized_discounted_cumulative_gain_at_{cutoff}" for cutoff in (5, 10, 25)]
    assert set(answer["metrics"]) == {"coverage", *gains, "precision", "recall", "area_under_the_curve"}
    assert all(0 <= value <= 1 for value in answer["metrics"].values())


def test_new_action_interactions_change_answers_at_once(group: ActionGroup, campaign: str) -> None:
    """R-110, EV-47, R-80d: any spelling; only for the user of the event."""
    before, other = group.listed(campaign, "u010"), group.listed(campaign, "u012")
    for _ in range(3):
        group.record_event("u010", "climb", "not taken", NOW - 10 - _)
    after = group.listed(campaign, "u010")
    assert after["climb"] < before["climb"]
    assert group.listed(campaign, "u012") == other
    group.record_event("newcomer", "climb", "Taken")
    assert group.listed(campaign, "newcomer")["climb"] > group.listed(campaign, "stranger")["climb"]


def test_new_item_interactions_change_answers_at_once(group: ActionGroup, campaign: str) -> None:
    """R-110, EV-47."""
    tracker = group.given.personalize.create_event_tracker(name="t", datasetGroupArn=group.group)["trackingId"]
    for user, camp in (("new-even", 0), ("new-odd", 1)):
        listed = [
            {"eventType": "x", "itemId": f"i{2 * n + camp:02}", "sentAt": NOW - n, "eventId": f"{user}{n}"}
            for n in range(6)
        ]
        group.events.put_events(trackingId=tracker, userId=user, sessionId=user, eventList=listed)
    even, odd = group.listed(campaign, "new-even"), group.listed(campaign, "new-odd")
    assert even["climb"] > odd["climb"] + 0.2
    assert odd["swim"] > even["swim"] + 0.2


def test_new_user_features_apply_after_the_next_training(group: ActionGroup, campaign: str) -> None:
    """R-113: filters use new features immediately (F-53)."""
    before = group.listed(campaign, "u005")
    made = group.filter('EXCLUDE ActionID WHERE Actions.CATEGORY IN ("book") IF CurrentUser.MEMBERSHIP = "new"', "new")
    assert "read" in group.listed(campaign, "u005", filterArn=made)
    user = {"userId": "u005", "properties": json.dumps({"membership": "new"})}
    group.events.put_users(datasetArn=group.datasets["USERS"], users=[user])
    assert "read" not in group.listed(campaign, "u005", filterArn=made)
    assert group.listed(campaign, "u005") == before


def test_many_requests_are_not_held_up(group: ActionGroup, campaign: str) -> None:
    """RT-100, RT-101: minProvisionedTPS is returned, 1 by default, and does not throttle."""
    personalize = group.given.personalize
    version = personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    busy = personalize.create_campaign(name="busy", solutionVersionArn=version)["campaignArn"]
    assert personalize.describe_campaign(campaignArn=busy)["campaign"]["minProvisionedTPS"] == 1
    assert all(len(group.listed(busy, f"u{number:03}")) == 5 for number in range(40))


# --- filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "values", "left"),
    [
        ('INCLUDE ActionID WHERE Actions.CATEGORY IN ("sport")', {}, {"climb", "swim"}),
        ("INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)", {"VALUE": "2"}, {"climb", "swim", "worthy"}),
        ('EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("taken")', {}, {"swim", "worthy", "worthless"}),
        (
            'INCLUDE ActionID WHERE Actions.CATEGORY IN ("book") IF CurrentUser.MEMBERSHIP = "silver"',
            {},
            {"read", "seldom", "worthy", "worthless"},
        ),
        (
            'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("*") | EXCLUDE ActionID WHERE Actions.VALUE < 5',
            {},
            {"worthy", "worthless"},
        ),
    ],
)
def test_filters(
    group: ActionGroup, campaign: str, expression: str, values: dict[str, str], left: set[str]
) -> None:
    """F-60, F-61, F-80, F-160 to F-164: scores and order equal those without filter (F-44)."""
    made = group.filter(expression)
    try:
        whole = group.listed(campaign, "u036", numResults=100)
        listed = group.listed(campaign, "u036", numResults=100, filterArn=made, filterValues=values)
    finally:
        group.given.personalize.delete_filter(filterArn=made)
    assert set(listed) == left
    assert listed == {action: score for action, score in whole.items() if action in left}
    assert list(listed) == [action for action in whole if action in left]


def test_filters_use_streamed_interactions(group: ActionGroup, campaign: str) -> None:
    """F-53, F-61, EV-76; missing values F-70."""
    seen = group.filter('INCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ($TYPE)', "seen")
    assert group.listed(campaign, "watcher", filterArn=seen, filterValues={"TYPE": '"Viewed"'}) == {}
    group.record_event("watcher", "swim", "Viewed")
    assert set(group.listed(campaign, "watcher", filterArn=seen, filterValues={"TYPE": '"Viewed"'})) == {"swim"}
    assert group.listed(campaign, "watcher", filterArn=seen, filterValues={"TYPE": '"TAKEN"'}) == {}
    ask = group.runtime.get_action_recommendations
    text = "Missing value(s) for filter parameter(s): TYPE"
    assert refusal(ask, campaignArn=campaign, userId="watcher", filterArn=seen) == (INVALID, text)


def test_filters_of_actions_and_of_items_are_not_interchangeable(group: ActionGroup, campaign: str) -> None:
    """F-60, F-81, RT-96."""
    of_actions = group.filter('INCLUDE ActionID WHERE Actions.CATEGORY IN ("sport")', "of-actions")
    of_users = group.filter('INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")', "of-users")
    popular = group.deployed("popular-too", POPULARITY)
    runtime = group.runtime
    request = {"campaignArn": campaign, "userId": EVEN}
    text = f"Filter {of_users} is for UserID, not for ActionID"
    assert refusal(runtime.get_action_recommendations, filterArn=of_users, **request) == (INVALID, text)
    text = f"Filter {of_actions} is for ActionID, not for ItemID"
    assert refusal(runtime.get_recommendations, campaignArn=popular, filterArn=of_actions) == (INVALID, text)
    ask = runtime.get_action_recommendations
    assert ask(filterValues={"A": "1"}, **request)["actionList"] == ask(**request)["actionList"]


@pytest.mark.parametrize("column", ["EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"])
def test_automatic_columns_cannot_be_filtered_by(group: ActionGroup, column: str) -> None:
    """F-35, R-80c."""
    assert refusal(group.filter, expression=f"INCLUDE ActionID WHERE Actions.{column} > 1")[0] == INVALID


# --- what is never shown --------------------------------------------------------------------------------------------


@pytest.fixture
def own_group(given: Given) -> ActionGroup:
    return open_group(given)


def test_expired_actions_are_not_shown(own_group: ActionGroup, emulator: Emulator) -> None:
    """R-80c, D-22, RT-93, D-120: on the emulator's clock; a record put later has effect immediately."""
    campaign = own_group.deployed()
    assert "climb" in own_group.listed(campaign, EVEN)
    until = json.dumps({"category": "sport", "value": 3, "expirationTimestamp": NOW + 2 * DAY})
    own_group.put(climb=until, swim=json.dumps({"category": "sport", "actionExpirationTimestamp": NOW - 1}))
    assert "climb" in own_group.listed(campaign, EVEN)
    assert "swim" not in own_group.listed(campaign, EVEN)
    emulator.advance(2 * DAY)
    assert "climb" not in own_group.listed(campaign, EVEN)


def test_repeat_frequency_hides_actions(own_group: ActionGroup, emulator: Emulator) -> None:
    """R-80c, RT-93, D-120: after any interaction, for that number of days."""
    campaign = own_group.deployed()
    own_group.put(read=json.dumps({"category": "book", "value": 1, "repeatFrequency": 3}))
    assert "read" in own_group.listed(campaign, EVEN)
    own_group.record_event(EVEN, "read", "Viewed")
    own_group.record_event(EVEN, "climb", "Taken")
    assert "read" not in own_group.listed(campaign, EVEN)
    assert "climb" in own_group.listed(campaign, EVEN)
    assert "read" in own_group.listed(campaign, ODD)
    emulator.advance(3 * DAY - 1)
    assert "read" not in own_group.listed(campaign, EVEN)
    emulator.advance(1)
    assert "read" in own_group.listed(campaign, EVEN)


def test_new_actions_are_added_within_two_hours(own_group: ActionGroup, emulator: Emulator) -> None:
    """Table 1.1, R-80a: actions without score are ordered by value."""
    campaign = own_group.deployed()
    own_group.put(fresh=json.dumps({"category": "sport", "value": 8}))
    assert "fresh" not in own_group.listed(campaign, EVEN, numResults=100)
    before = own_group.listed(campaign, EVEN)
    emulator.advance(7200)
    listed = own_group.listed(campaign, EVEN, numResults=100)
    assert list(listed)[3:] == ["worthy", "fresh", "seldom", "worthless"]
    assert listed["fresh"] == 0.0
    assert {action: listed[action] for action in before} == before


# --- training -------------------------------------------------------------------------------------------------------


def failure(group: ActionGroup) -> str:
    version = group.given.version(group.given.solution(group.group, NEXT_BEST_ACTION))
    shown = group.given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert shown["status"] == "CREATE FAILED"
    return str(shown["failureReason"])


def test_without_action_interactions_all_scores_are_0(given: Given) -> None:
    """R-80a, R-80b, RT-92, RT-94: not personalised, ordered by value. Users is optional."""
    group = open_group(given, without=["ACTION_INTERACTIONS", "USERS"])
    listed = group.listed(group.deployed(), EVEN, numResults=10)
    assert list(listed.items()) == [
        (action, 0.0) for action in ("worthy", "climb", "swim", "seldom", "read", "worthless")
    ]


def test_an_actions_dataset_is_required(given: Given) -> None:
    """T-84: refused without the dataset, CREATE FAILED if it is empty."""
    group = open_group(given, without=["ACTIONS", "ACTION_INTERACTIONS"])
    request: dict[str, Any] = {"name": "s", "datasetGroupArn": group.group, "recipeArn": NEXT_BEST_ACTION}
    text = "Recipe aws-next-best-action requires an ACTIONS dataset."
    assert refusal(given.personalize.create_solution, **request) == (INVALID, text)
    given.dataset(group.group, given.schema(SCHEMAS["ACTIONS"], name="late"), "ACTIONS", name="late")
    assert failure(group) == "Dataset group must contain an ACTIONS dataset with at least one action"


def test_item_interactions_are_required(given: Given) -> None:
    """Table 1.1, T-80: 1000 action interactions, from any number of users."""
    few = [{"USER_ID": f"u{n % 3}", "ITEM_ID": f"i{n}", "TIMESTAMP": NOW - n} for n in range(1000)]
    group = open_group(given, name="enough", INTERACTIONS=few, without=["ACTION_INTERACTIONS"])
    assert group.listed(group.deployed(), "u0")
    same = [{"USER_ID": f"u{n % 3}", "ITEM_ID": f"i{n % 999}", "TIMESTAMP": NOW} for n in range(1000)]
    group = open_group(given, name="few", INTERACTIONS=[*same[:999], *same[:1]])
    assert failure(group) == "Dataset has fewer than 1000 interactions"


def test_more_than_1000_actions_are_not_considered(given: Given) -> None:
    """R-41, Q-37, D-76: actions with interactions first, then the most valuable."""
    many = [{"ACTION_ID": f"extra{n:04}", "CATEGORY": "x", "VALUE": 1 + n % 10} for n in range(1100)]
    group = open_group(given, ACTIONS=[*ACTIONS, *many])
    campaign = group.deployed()
    version = given.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    assert next(iter(group.listed(campaign, EVEN))) == "climb"
    metrics = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert metrics["coverage"] <= 25 * 100 / 1000


def test_streamed_actions_and_their_interactions_are_trained_on(given: Given) -> None:
    """EV-78, R-80a: action interactions streamed before the training count like imported ones."""
    group = open_group(given, ACTION_INTERACTIONS=[])
    dataset = given.personalize.describe_dataset(datasetArn=group.datasets["ACTION_INTERACTIONS"])["dataset"]
    for start in range(0, 100, 10):
        kind = "Taken" if start < 50 else "Viewed"
        listed = [
            {"userId": f"u{n:03}", "sessionId": "s", "actionId": "read", "eventType": kind, "timestamp": NOW - n}
            for n in range(start, start + 10)
        ]
        group.events.put_action_interactions(trackingId=dataset["trackingId"], actionInteractions=listed)
    listed_scores = group.listed(group.deployed(), "u099", numResults=10)
    assert 0 < listed_scores.pop("read") < 1
    assert set(listed_scores.values()) == {0.0}


def test_only_in_custom_groups(given: Given) -> None:
    """R-80e, R-107, R-DSG-11: domain groups have no actions, so they cannot be trained."""
    group = shop(given)
    request = {"name": "s", "datasetGroupArn": group, "recipeArn": NEXT_BEST_ACTION}
    assert refusal(given.personalize.create_solution, **request)[0] == INVALID
    schema = given.schema(SCHEMAS["ACTIONS"], name="actions")
    request = {"name": "a", "datasetGroupArn": group, "schemaArn": schema, "datasetType": "Actions"}
    assert refusal(given.personalize.create_dataset, **request)[0] == INVALID


@pytest.mark.parametrize(
    "config",
    [
        {"itemExplorationConfig": {"explorationWeight": "0.3"}},
        {"rankingInfluence": {"POPULARITY": 0.5}},
        {"enableMetadataWithRecommendations": True},
    ],
)
def test_campaign_config_has_no_effect_on_actions(group: ActionGroup, campaign: str, config: dict[str, Any]) -> None:
    """R-CMP-19, RT-50, RT-65, RT-70: options of other recipes."""
    personalize = group.given.personalize
    version = personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"]
    configured = group.given.campaign(version, "told", campaignConfig=config)
    recommend = group.runtime.get_action_recommendations
    answers = [recommend(campaignArn=each, userId="u1")["actionList"] for each in (configured, campaign)]
    assert answers[0] == answers[1] != []
    personalize.delete_campaign(campaignArn=configured)


def test_no_tuning_and_no_batch(group: ActionGroup, campaign: str) -> None:
    """R-20, R-70c, T-33."""
    create = group.given.personalize.create_solution
    request: dict[str, Any] = {"name": "t", "datasetGroupArn": group.group, "recipeArn": NEXT_BEST_ACTION}
    create(performHPO=True, **request)
    for days in ("6", "29", "x"):
        config = {"featureTransformationParameters": {"action_optimization_period": days}}
        assert refusal(create, solutionConfig=config, **request)[0] == INVALID
    described = group.given.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    text = refusal(
        group.given.personalize.create_batch_inference_job,
        jobName="b",
        solutionVersionArn=described["solutionVersionArn"],
        jobInput={"s3DataSource": {"path": "s3://b/in.json"}},
        jobOutput={"s3DataDestination": {"path": "s3://b/out/"}},
        roleArn="arn:aws:iam::123456789012:role/R",
    )
    assert text[0] == INVALID
