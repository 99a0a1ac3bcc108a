"""Exploration in recommendations, through boto3 (spec 06 R-72e to R-73a, spec 09 section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import numpy as np
import pytest

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.batch_requests import answers
from tests.domain_groups import cinema, recommender
from tests.given import RANKING, REGION, Given
from tests.item_market import AGED, HOUR, NEW, NEWEST, SEEN, USERS, WEIGHTLESS, Market, market

V2 = "arn:aws:personalize:::recipe/aws-user-personalization-v2"
FULL = {"explorationWeight": "1"}


@dataclass
class Open:
    """One version of User-Personalization, deployed with several exploration weights."""

    market: Market
    clock: ManualClock
    version: str
    none: str
    default: str
    full: str
    young: str


@pytest.fixture(scope="module")
def opened() -> Iterator[Open]:
    clock = ManualClock()
    with mock_personalize(clock=clock, quotas="off"):
        found = market(Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION)))
        version = found.version()
        yield Open(
            found,
            clock,
            version,
            found.campaign(version, WEIGHTLESS, "none"),
            found.campaign(version, None, "default"),
            found.campaign(version, FULL, "full"),
            found.campaign(version, {**FULL, "explorationItemAgeCutOff": "4.5"}, "young"),
        )


def new_among(opened: Open, campaign: str, count: int = 25) -> float:
    """Mean number of new items among the first of a list."""
    lists = [opened.market.ids(campaign, user, count) for user in USERS[:25]]
    return float(np.mean([len(set(NEW) & set(ids)) for ids in lists]))


def test_weight_zero_ranks_by_relevance_alone(opened: Open) -> None:
    """R-72e, R-62, RT-51, RT-35, B-58: without exploration, cold items are last and responses are equal."""
    assert set(opened.market.ids(opened.none, count=10)) < set(SEEN)
    assert opened.market.list(opened.none) == opened.market.list(opened.none)


def test_more_weight_brings_more_new_items(opened: Open) -> None:
    """R-72e, R-62, R-CMP-18, RT-50, RT-51: a few by default, with relevant items first; many at weight 1."""
    none, default, full = (new_among(opened, campaign, 10) for campaign in (opened.none, opened.default, opened.full))
    assert none == 0
    assert 0.2 < default < 2
    assert 2.5 < full < 7
    for user in USERS[:10]:
        assert opened.market.ids(opened.full, user, 1) == opened.market.ids(opened.none, user, 1)


def test_items_beyond_the_cut_off_are_not_explored(opened: Open) -> None:
    """R-42, R-63, R-72e, R-72f, RT-51, RT-52: age is measured from the latest interaction in the data."""
    for user in USERS[:8]:
        none, full = ([i for i in opened.market.ids(c, user) if i not in NEW] for c in (opened.none, opened.full))
        assert none == full
        assert set(AGED) < set(full)
    for user in USERS[:5]:
        assert opened.market.list(opened.young, user) == opened.market.list(opened.none, user)


def test_known_items_keep_their_order(opened: Open) -> None:
    """R-72g: scores of known items shrink by one factor, and all scores sum to 1 (R-72, RT-34)."""
    for user in USERS[:10]:
        before, after = opened.market.scores(opened.none, user), opened.market.scores(opened.full, user)
        assert [item for item in after if item in SEEN] == [item for item in before if item in SEEN]
        likely = [item for item in SEEN if before[item] > 0.01]
        ratios = np.array([after[item] / before[item] for item in likely])
        assert ratios.max() - ratios.min() < 1e-4
        assert 0.3 < ratios.mean() < 1
        assert sum(after.values()) == pytest.approx(1, abs=1e-5)
        assert list(after.values()) == sorted(after.values(), reverse=True)


def test_exploration_is_constant_within_a_window(opened: Open) -> None:
    """R-72f, RT-35, RT-52: drawn per user, constant for two hours, then drawn again."""
    asked = [opened.market.list(opened.full, user) for user in USERS[:6]]
    assert asked == [opened.market.list(opened.full, user) for user in USERS[:6]]
    explored = [[item["itemId"] for item in answer if item["itemId"] in NEW] for answer in asked]
    assert len({tuple(ids) for ids in explored}) > 1
    opened.clock.advance(2 * HOUR)
    assert asked != [opened.market.list(opened.full, user) for user in USERS[:6]]


def test_filters_and_promotions_hold_for_explored_items(opened: Open) -> None:
    """RT-54, RT-57: an item appears once, and filters apply to explored items."""
    given = opened.market.given
    dear = given.personalize.create_filter(
        name="dear",
        datasetGroupArn=opened.market.group,
        filterExpression="INCLUDE ItemID WHERE Items.PRICE >= 72",
    )["filterArn"]
    promotion = {"name": "p", "percentPromotedItems": 40, "filterArn": dear}
    lifted = set()
    for user in USERS[:10]:
        filtered = opened.market.ids(opened.full, user, filterArn=dear)
        assert sorted(filtered) == sorted((*NEW[2:], *AGED))
        lifted |= set(filtered[:2])
        promoted = opened.market.list(opened.full, user, 25, promotions=[promotion])
        ids = [item["itemId"] for item in promoted]
        assert len(set(ids)) == len(ids) == 25
        assert sum("promotionName" in item for item in promoted) == 10
    assert len(lifted) > 2


def test_batch_jobs_explore_like_campaigns(opened: Open) -> None:
    """B-8, B-58, B-72, R-62: with the configuration of the job."""
    configs = {"none": WEIGHTLESS, "full": FULL}
    queries = [{"userId": user} for user in USERS[:5]]
    for name, campaign in (("none", opened.none), ("full", opened.full)):
        config = {"batchInferenceJobConfig": {"itemExplorationConfig": configs[name]}}
        lines = answers(opened.market.given, opened.version, queries, name, numResults=20, **config)
        for user, line in zip(USERS, lines, strict=False):
            assert line["output"]["recommendedItems"] == opened.market.ids(campaign, user, 20)


def test_rankings_do_not_explore(opened: Open) -> None:
    """RT-84, R-74: rankings do not explore, before and after an update."""
    campaign = opened.market.campaign(opened.market.version(RANKING, "ranking"), name="ranking")

    def rankings() -> list[object]:
        ask = opened.market.runtime.get_personalized_ranking
        asked = [ask(campaignArn=campaign, userId=user, inputList=[*SEEN, *NEW]) for user in USERS[:4]]
        return [answer["personalizedRanking"] for answer in asked]

    before = rankings()
    opened.clock.advance(2 * HOUR)
    assert rankings() == before
    assert all([item["itemId"] for item in ranking[-len(NEW) :]] == list(NEW) for ranking in before)


def test_v2_explores_little_and_reports_it(opened: Open) -> None:
    """R-73, R-73a, RT-31, RT-75, B-45: about one item in a thousand, with a score and its reason."""
    version = opened.market.version(V2, "v2")
    campaign = opened.market.campaign(version, name="v2")
    explored, others = [], []
    for window in range(5):
        lines = answers(opened.market.given, version, [{"userId": u} for u in USERS], f"v2-{window}", numResults=500)
        for user, output in zip(USERS, (line["output"] for line in lines), strict=True):
            for item, reason in zip(output["recommendedItems"], output["reasons"], strict=True):
                (explored if reason == ["Exploration"] else others).append((user, item))
        if explored:
            user, lifted = explored[-1]
            answered = {each["itemId"]: each for each in opened.market.list(campaign, user)}
            assert lifted not in answered or answered[lifted]["reason"] == ["Exploration"]
        opened.clock.advance(2 * HOUR)
    assert {item for _, item in others} == set(SEEN)
    assert {item for _, item in explored} <= set(NEW)
    assert 0.0002 < len(explored) / len(others) < 0.004


def test_use_cases_explore(given: Given) -> None:
    """R-101, R-94, R-99: by the recommender's configuration; watched items stay hidden."""
    group = cinema(given)
    runtime, events = (boto3.client(f"personalize-{part}", region_name=REGION) for part in ("runtime", "events"))
    dataset = f"arn:aws:personalize:{REGION}:123456789012:dataset/video-on-demand/ITEMS"
    properties = json.dumps({"genres": "Drama", "creationTimestamp": NEWEST})
    fresh = [f"film{number}" for number in range(10)]
    events.put_items(datasetArn=dataset, items=[{"itemId": item, "properties": properties} for item in fresh])

    def found(name: str, weight: str) -> float:
        config = {"itemExplorationConfig": {"explorationWeight": weight}}
        made = recommender(given, group, "vod-top-picks", name, recommenderConfig=config)
        lists = [
            {i["itemId"] for i in runtime.get_recommendations(recommenderArn=made, userId=u, numResults=8)["itemList"]}
            for u in USERS[:20]
        ]
        return float(np.mean([len(ids & set(fresh)) for ids in lists]))

    assert found("without", "0") < 0.5 < 1.5 < found("with", "1")


def explored_order(seed: int = 3, group: str = "group") -> list[list[str]]:
    """The new items in the order in which an emulator with that seed explores them for some users, in a dataset group
    of that name.
    """
    with mock_personalize(clock=ManualClock(), seed=seed):
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        found = market(given, name=group)
        campaign = found.campaign(found.version(), FULL)
        return [[item for item in found.ids(campaign, user) if item in NEW] for user in USERS[:4]]


def test_exploration_depends_on_seed_and_group() -> None:
    """RT-35: random choices depend on the emulator's seed and on the training data."""
    explored = explored_order()
    assert explored_order() == explored
    assert explored_order(seed=4) != explored
    assert explored_order(group="another") != explored
