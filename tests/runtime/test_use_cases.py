"""GetRecommendations with a recommender, through boto3 (spec 06 section 4, spec 09)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from personalize_emu.state.clock import ManualClock
from tests.domain_groups import TypedRow, cinema, cinema_rows, events_csv, later, recommender, shop, shop_rows, typed
from tests.given import POPULARITY, Given, arn, two_camps
from tests.refusals import refusal

SHOP = (
    ("ecomm-popular-items-by-views", ("userId",)),
    ("ecomm-popular-items-by-purchases", ("userId",)),
    ("ecomm-frequently-bought-together", ("itemId",)),
    ("ecomm-customers-who-viewed-x-also-viewed", ("userId", "itemId")),
    ("ecomm-recommended-for-you", ("userId",)),
)
CINEMA = (
    ("vod-because-you-watched-x", ("userId", "itemId")),
    ("vod-more-like-x", ("userId", "itemId")),
    ("vod-most-popular", ("userId",)),
    ("vod-top-picks", ("userId",)),
)
REQUEST_IDS = {"userId": "u0", "itemId": "i000"}


def items_of(answer: dict[str, Any]) -> list[str]:
    return [item["itemId"] for item in answer["itemList"]]


def ask(runtime: Any, made: str, **params: Any) -> list[str]:
    return items_of(runtime.get_recommendations(recommenderArn=made, **params))


@pytest.mark.parametrize(("use_case", "needed"), SHOP + CINEMA)
def test_required_ids_and_response_members_of_use_cases(
    given: Given, runtime: Any, use_case: str, needed: tuple[str, ...]
) -> None:
    """R-90 to R-97, R-99, R-100, RT-5, RT-11, RT-20, RT-31: no scores, and no reasons."""
    group = shop(given) if use_case.startswith("ecomm") else cinema(given)
    made = recommender(given, group, use_case)
    ids = {member: REQUEST_IDS[member] for member in needed}
    answer = runtime.get_recommendations(recommenderArn=made, numResults=7, **ids)
    assert len(answer["itemList"]) == 7
    assert all(set(item) == {"itemId"} for item in answer["itemList"])
    assert answer["recommendationId"].startswith("RID-")
    for member in needed:
        for missing in (ids | {member: ""}, {name: value for name, value in ids.items() if name != member}):
            assert refusal(runtime.get_recommendations, recommenderArn=made, **missing) == (
                "InvalidInputException",
                f"{member} is required",
            )


def counts(rows: list[TypedRow], event_type: str, user: bool = False) -> list[str]:
    """Items by number of events or users, then by users, then by id."""
    kept = [row for row in rows if row[3].lower() == event_type]
    events = Counter(row[1] for row in kept)
    users = Counter(item for _, item in {(row[0], row[1]) for row in kept})
    first = users if user else events
    return sorted(events, key=lambda item: (-first[item], -users[item], item))


def test_most_viewed_and_best_sellers_count_events(given: Given, runtime: Any) -> None:
    """R-90, R-91, R-104: of their event type in any case, for any user."""
    rows = shop_rows()
    group = shop(given, rows)
    viewed = recommender(given, group, "ecomm-popular-items-by-views", name="views")
    bought = recommender(given, group, "ecomm-popular-items-by-purchases", name="purchases")
    assert counts(rows, "view")[0] == "i-loved"
    assert ask(runtime, viewed, userId="u1") == counts(rows, "view")[:25]
    assert ask(runtime, viewed, userId="nobody") == counts(rows, "view")[:25]
    best = counts(rows, "purchase")
    assert ask(runtime, bought, userId="u1")[: len(best)] == best


def test_most_popular_counts_users(given: Given, runtime: Any) -> None:
    """R-97, R-104: a user who watches a film forty times counts once."""
    rows = cinema_rows()
    made = recommender(given, cinema(given, rows), "vod-most-popular")
    expected = counts(rows, "watch", user=True)
    assert expected[-1] == "i-loved"
    assert ask(runtime, made, userId="u1", numResults=100)[: len(expected)] == expected


@pytest.mark.parametrize("use_case", ["ecomm-frequently-bought-together", "ecomm-customers-who-viewed-x-also-viewed"])
def test_related_items_are_of_the_same_group(given: Given, runtime: Any, use_case: str) -> None:
    """R-92, R-93: learned from the events of one type."""
    made = recommender(given, shop(given), use_case)
    for item in ("i000", "i001"):
        found = ask(runtime, made, userId="nobody", itemId=item, numResults=5)
        assert {int(other[1:]) % 2 for other in found} == {int(item[1:]) % 2}
        assert item not in found


def test_frequently_bought_together_learns_from_purchases_alone(given: Given, runtime: Any) -> None:
    """R-92: items are viewed within their group, but bought with items of the other group."""
    bought = [(user, f"i{int(item[1:]) ^ int(user[1:]) // 2 % 2:03d}", time) for user, item, time in two_camps()]
    rows = [*typed(two_camps(), "View"), *typed(later(bought), "Purchase")]
    made = recommender(given, shop(given, rows), "ecomm-frequently-bought-together")
    baskets: dict[str, set[str]] = {}
    for user, item, _ in bought:
        baskets.setdefault(user, set()).add(item)
    together = set().union(*(basket for basket in baskets.values() if "i000" in basket))
    assert set(ask(runtime, made, itemId="i000", numResults=5)) <= together


def test_recommended_for_you_is_of_the_users_group(given: Given, runtime: Any, events: Any) -> None:
    """R-94, RT-41: including streamed events."""
    group = shop(given)
    made = recommender(given, group, "ecomm-recommended-for-you", recommenderConfig=NO_EXPLORATION)
    for user in ("u0", "u1"):
        found = ask(runtime, made, userId=user, numResults=5)
        assert {int(item[1:]) % 2 for item in found} == {int(user[1:]) % 2}
    tracking = tracker(given, group)
    for number in (1, 7, 13, 19):
        stream(events, tracking, "newcomer", f"i{number:03d}", "View", 1_700_000_000 + number)
    found = ask(runtime, made, userId="newcomer", numResults=5)
    assert {int(item[1:]) % 2 for item in found} == {1}


NO_EXPLORATION = {"itemExplorationConfig": {"explorationWeight": "0"}}


def tracker(given: Given, group: str) -> str:
    made: str = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    return made


def stream(events: Any, tracking: str, user: str, item: str, event_type: str, time: float) -> None:
    event = {"eventType": event_type, "itemId": item, "sentAt": time}
    events.put_events(trackingId=tracking, userId=user, sessionId="s", eventList=[event])


@pytest.mark.parametrize(
    ("use_case", "make", "event_type"),
    [
        ("ecomm-customers-who-viewed-x-also-viewed", shop, "pUrChAsE"),
        ("ecomm-recommended-for-you", shop, "PURCHASE"),
        ("vod-because-you-watched-x", cinema, "WATCH"),
        ("vod-more-like-x", cinema, "watch"),
        ("vod-top-picks", cinema, "Watch"),
    ],
)
def test_automatic_filters_hide_purchased_and_watched_items(
    given: Given, runtime: Any, events: Any, use_case: str, make: Callable[[Given], str], event_type: str
) -> None:
    """R-93 to R-96, R-99, R-102: imported or streamed, in any case; items of other users stay."""
    group = make(given)
    made = recommender(given, group, use_case)
    rows = shop_rows() if make is shop else cinema_rows()
    consumed = {row[1] for row in rows if row[0] == "u0" and row[3].lower() == event_type.lower()}
    found = ask(runtime, made, userId="u0", itemId="i000", numResults=500)
    assert consumed
    assert found
    assert consumed.isdisjoint(found)
    everything = set(ask(runtime, made, userId="nobody", itemId="i000", numResults=500))
    assert everything - {"i000"} == (set(found) | consumed) - {"i000"}
    tracking = tracker(given, group)
    stream(events, tracking, "u0", found[0], event_type, 1_700_000_000)
    stream(events, tracking, "u0", found[1], "Heart", 1_700_000_000)
    after = ask(runtime, made, userId="u0", itemId="i000", numResults=500)
    assert found[0] not in after
    assert found[1] in after


@pytest.mark.parametrize("use_case", ["ecomm-popular-items-by-purchases", "ecomm-frequently-bought-together"])
def test_use_cases_without_an_automatic_filter_hide_nothing(given: Given, runtime: Any, use_case: str) -> None:
    """R-91, R-92."""
    rows = shop_rows()
    made = recommender(given, shop(given, rows), use_case)
    consumed = {row[1] for row in rows if row[0] == "u0" and row[3].lower() == "purchase"} - {"i000"}
    assert consumed & set(ask(runtime, made, userId="u0", itemId="i000", numResults=25))


def test_the_hundred_newest_purchases_are_hidden(given: Given, runtime: Any) -> None:
    """R-102, F-204: older ones may be recommended again; views do not count."""
    ids = [f"i{number:03d}" for number in range(120)]
    base = [*two_camps(), *[(f"v{number}", item, 1_600_000_000) for number, item in enumerate(ids)]]
    start = 1_650_000_000
    bought = typed([("fan", item, start + number) for number, item in enumerate(ids)], "Purchase")
    seen = typed([("fan", item, start + 10**6 + number) for number, item in enumerate(ids)], "View")
    made = recommender(given, shop(given, [*typed(base, "View"), *bought, *seen]), "ecomm-recommended-for-you")
    assert set(ask(runtime, made, userId="fan", numResults=500)) == set(ids[:20])


def test_automatic_filter_ignores_old_histories(given: Given, runtime: Any, clock: ManualClock) -> None:
    """R-102, F-52: from three months after the last import until the next one."""
    group = shop(given)
    made = recommender(given, group, "ecomm-recommended-for-you", recommenderConfig=NO_EXPLORATION)
    fresh = ask(runtime, made, userId="u0", numResults=500)
    clock.advance(100 * 86_400)
    assert len(ask(runtime, made, userId="u0", numResults=500)) > len(fresh)
    given.import_job(arn("dataset", "ecommerce/INTERACTIONS"), given.upload(events_csv(shop_rows())), "again")
    assert ask(runtime, made, userId="u0", numResults=500) == fresh


def test_request_filter_applies_after_automatic_filter(given: Given, runtime: Any) -> None:
    """R-102, F-84, RT-57."""
    group = cinema(given)
    made = recommender(given, group, "vod-top-picks")
    drama = given.personalize.create_filter(
        name="drama", datasetGroupArn=group, filterExpression='INCLUDE ItemID WHERE Items.GENRES IN ("Drama")'
    )["filterArn"]
    none = given.personalize.create_filter(
        name="none", datasetGroupArn=group, filterExpression='EXCLUDE ItemID WHERE Items.GENRES IN ("Drama")'
    )["filterArn"]
    plain = ask(runtime, made, userId="u0", numResults=500)
    assert ask(runtime, made, userId="u0", numResults=500, filterArn=drama) == plain
    assert ask(runtime, made, userId="u0", numResults=500, filterArn=none) == []
    promotion = {"name": "p", "percentPromotedItems": 100, "filterArn": drama}
    promoted = runtime.get_recommendations(recommenderArn=made, userId="u0", numResults=9, promotions=[promotion])
    assert items_of(promoted) == plain[:9]
    assert {item["promotionName"] for item in promoted["itemList"]} == {"p"}


def test_metadata_needs_to_be_enabled(given: Given, runtime: Any) -> None:
    """R-REC-2, RT-65, RT-67."""
    group = cinema(given)
    columns = {"metadataColumns": {"ITEMS": ["GENRES"]}, "userId": "u0"}
    plain = recommender(given, group, "vod-top-picks", name="plain")
    code, _ = refusal(runtime.get_recommendations, recommenderArn=plain, **columns)
    assert code == "InvalidInputException"
    config = {"enableMetadataWithRecommendations": True}
    made = recommender(given, group, "vod-top-picks", name="shows", recommenderConfig=config)
    answer = runtime.get_recommendations(recommenderArn=made, **columns)
    assert {item["metadata"]["genres"] for item in answer["itemList"]} == {"Drama|Crime"}


def test_metrics_ignore_the_automatic_filter(given: Given) -> None:
    """M-40, M-41: otherwise no watched film could be predicted."""
    made = recommender(given, cinema(given), "vod-top-picks")
    metrics = given.personalize.describe_recommender(recommenderArn=made)["recommender"]["modelMetrics"]
    assert metrics["precision_at_25"] > 0
    assert metrics["mean_reciprocal_rank_at_25"] > 0


def test_unneeded_item_id_is_ignored(given: Given, runtime: Any) -> None:
    """R-94, RT-13."""
    made = recommender(given, shop(given), "ecomm-recommended-for-you", recommenderConfig=NO_EXPLORATION)
    assert ask(runtime, made, userId="u0", itemId="i001") == ask(runtime, made, userId="u0")


def test_unknown_and_wrong_arns(given: Given, runtime: Any) -> None:
    """RT-10, RT-22, RT-23, RT-110, R-REC-14."""
    made = recommender(given, shop(given), "ecomm-popular-items-by-views")
    unknown = arn("recommender", "none")
    assert refusal(runtime.get_recommendations, status=404, recommenderArn=unknown, userId="u") == (
        "ResourceNotFoundException",
        f"The given recommender ARN could not be found: {unknown}",
    )
    call = runtime.get_recommendations
    for wrong in (
        {"recommenderArn": arn("campaign", "none")},
        {"campaignArn": made},
        {"recommenderArn": made, "campaignArn": arn("campaign", "none")},
    ):
        assert refusal(call, userId="u", **wrong)[0] == "InvalidInputException"
    given.personalize.delete_recommender(recommenderArn=made)
    assert refusal(call, status=404, recommenderArn=made, userId="u")[0] == "ResourceNotFoundException"


def test_a_failed_or_stopped_recommender_does_not_answer(given: Given, runtime: Any) -> None:
    """RT-22, R-REC-11."""
    group = shop(given, typed(two_camps(), "View"))
    failed = recommender(given, group, "ecomm-popular-items-by-purchases", name="failed")
    stopped = recommender(given, group, "ecomm-popular-items-by-views", name="stopped")
    before = ask(runtime, stopped, userId="u1")
    given.personalize.stop_recommender(recommenderArn=stopped)
    for made in (failed, stopped):
        assert refusal(runtime.get_recommendations, recommenderArn=made, userId="u1") == (
            "InvalidInputException",
            f"Recommender {made} is not ACTIVE",
        )
    given.personalize.start_recommender(recommenderArn=stopped)
    assert ask(runtime, stopped, userId="u1") == before


def test_recommender_serves_the_old_model_while_training(
    given: Given, runtime: Any, clock: ManualClock
) -> None:
    """R-103, RT-22: popular lists do not follow events immediately."""
    made = recommender(given, shop(given), "ecomm-popular-items-by-views")
    before = ask(runtime, made, userId="u1")
    rows = [*shop_rows(), *typed([("u-new", "i-hit", 1_600_000_000 + step) for step in range(90)], "View")]
    dataset = arn("dataset", "ecommerce/INTERACTIONS")
    given.import_job(dataset, given.upload(events_csv(rows)), "more")
    assert ask(runtime, made, userId="u1") == before
    clock.advance(7 * 86_400)
    assert ask(runtime, made, userId="u1")[0] == "i-hit"


def test_custom_campaign_in_domain_group(given: Given, runtime: Any) -> None:
    """R-DSG-10, R-SOL-20."""
    group = shop(given)
    recommender(given, group, "ecomm-popular-items-by-views")
    campaign = given.campaign(given.version(given.solution(group, POPULARITY)))
    assert items_of(runtime.get_recommendations(campaignArn=campaign))
