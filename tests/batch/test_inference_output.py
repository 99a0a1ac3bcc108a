"""The output of batch inference jobs, through boto3 (spec 11 sections 2 to 4 and 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from personalize_emu.batch import inference_jobs, transfer
from personalize_emu.batch.executors import Workers
from personalize_emu.batch.inference import Inference
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from tests.batch_requests import answers, begin, json_lines, output_text, shown
from tests.given import BUCKET, POPULARITY, RANKING, REGION, SIMS, USER_PERSONALIZATION, Given
from tests.runtime.worked_shop_service import Shop, open_shop

RECIPE = "arn:aws:personalize:::recipe/"
PERSONAL = {"v1": USER_PERSONALIZATION, "v2": f"{RECIPE}aws-user-personalization-v2"}
RANKINGS = {"v1": RANKING, "v2": f"{RECIPE}aws-personalized-ranking-v2"}
RELATED = {"sims": SIMS, "similar": f"{RECIPE}aws-similar-items"}


@dataclass
class Open:
    """The worked shop with a version and a campaign of every recipe; tests use distinct job names."""

    shop: Shop
    emulator: Emulator
    versions: dict[str, str]
    campaigns: dict[str, str]

    @property
    def given(self) -> Given:
        return self.shop.given

    @property
    def runtime(self) -> Any:
        return self.shop.runtime


@pytest.fixture(scope="module")
def opened() -> Iterator[Open]:
    with mock_personalize(clock=ManualClock(), quotas="off") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        found = Open(open_shop(given), emulator, {}, {})
        for recipe in (*PERSONAL.values(), *RANKINGS.values(), *RELATED.values(), POPULARITY):
            name = recipe.rpartition("/")[2]
            found.versions[recipe] = given.version(given.solution(found.shop.group, recipe, name=name))
            found.campaigns[recipe] = given.campaign(found.versions[recipe], name=name)
        yield found


def users(*names: str) -> list[dict[str, str]]:
    return [{"userId": name} for name in names]


@pytest.mark.parametrize("kind", PERSONAL)
def test_batch_items_equal_campaign_items(opened: Open, kind: str) -> None:
    """B-22, B-44, B-49, B-49a, B-49b, B-51, B-58, B-70, B-72: known and unknown users, scores included."""
    recipe, names = PERSONAL[kind], ["u1", "u2", "nobody", "crowd5"]
    lines = answers(opened.given, opened.versions[recipe], users(*names), f"users-{kind}", numResults=5)
    assert [line["input"] for line in lines] == users(*names)
    for name, line in zip(names, lines, strict=True):
        asked = opened.runtime.get_recommendations(campaignArn=opened.campaigns[recipe], userId=name, numResults=5)
        assert line["output"]["recommendedItems"] == [item["itemId"] for item in asked["itemList"]]
        assert line["output"]["scores"] == pytest.approx([item["score"] for item in asked["itemList"]], abs=2e-7)
        assert line["output"]["scores"] == sorted(line["output"]["scores"], reverse=True)
        assert line["error"] is None


def test_the_notation_of_the_first_version(opened: Open) -> None:
    """B-44: no blanks after colons and commas."""
    text = output_text(opened.given, opened.versions[USER_PERSONALIZATION], '{ "userId" : "u1" }', "text", numResults=1)
    (line,) = text.splitlines()
    assert line.startswith('{"input":{"userId":"u1"},"output":{"recommendedItems":["')
    assert line.endswith(']},"error":null}')
    assert '"],"scores":[0.' in line


def test_the_second_version_gives_a_list_of_reasons_with_each_item(opened: Open) -> None:
    """B-45."""
    (line,) = answers(opened.given, opened.versions[PERSONAL["v2"]], users("u1"), "reasons", numResults=3)
    assert list(line["output"]) == ["recommendedItems", "scores", "reasons"]
    assert line["output"]["reasons"] == [[], [], []]


@pytest.mark.parametrize("kind", RANKINGS)
def test_batch_rankings_equal_campaign_rankings(opened: Open, kind: str) -> None:
    """B-24, B-46, B-49, B-49b, B-51: unknown items follow without a score, and lists stay parallel."""
    items = ["i6", "new b", "i1", "i3", "new a", "i3"]
    lines = answers(
        opened.given,
        opened.versions[RANKINGS[kind]],
        [{"userId": "u2", "itemList": items}, {"userId": "nobody", "itemList": ["x"]}],
        f"ranking-{kind}",
        numResults=1,
    )
    asked = opened.runtime.get_personalized_ranking(
        campaignArn=opened.campaigns[RANKINGS[kind]], userId="u2", inputList=items
    )["personalizedRanking"]
    assert lines[0]["input"] == {"userId": "u2", "itemList": items}
    assert lines[0]["output"]["recommendedItems"] == [item["itemId"] for item in asked]
    assert lines[0]["output"]["recommendedItems"][3:] == ["new b", "new a"]
    assert lines[0]["output"]["scores"][:3] == pytest.approx([item["score"] for item in asked[:3]], abs=2e-7)
    assert lines[0]["output"]["scores"][3:] == [None, None]
    assert lines[1]["output"] == {"recommendedItems": ["x"], "scores": [None]}
    assert [line["error"] for line in lines] == [None, None]


@pytest.mark.parametrize("kind", RELATED)
def test_related_items_have_no_scores(opened: Open, kind: str) -> None:
    """B-23, B-47, B-51, R-77a: an unknown item gets popular ones."""
    recipe = RELATED[kind]
    lines = answers(
        opened.given, opened.versions[recipe], [{"itemId": "i2"}, {"itemId": "none"}], f"related-{kind}", numResults=4
    )
    for line in lines:
        asked = opened.runtime.get_recommendations(
            campaignArn=opened.campaigns[recipe], itemId=line["input"]["itemId"], numResults=4
        )
        assert line["output"] == {"recommendedItems": [item["itemId"] for item in asked["itemList"]]}
    assert lines[1]["output"]["recommendedItems"] == ["i1", "i2", "i3", "i4"]


def test_popular_items_are_the_same_for_all_users(opened: Open) -> None:
    """B-22, B-47, R-75."""
    lines = answers(opened.given, opened.versions[POPULARITY], users("u1", "nobody"), "popular", numResults=3)
    assert [line["output"] for line in lines] == [{"recommendedItems": ["i1", "i2", "i3"]}] * 2
    assert lines[0]["error"] is None


def test_num_results_limits_lists(opened: Open) -> None:
    """B-6, B-49a."""
    version = opened.versions[POPULARITY]
    lengths = [
        len(answers(opened.given, version, users("u1"), f"length{count}", **extra)[0]["output"]["recommendedItems"])
        for count, extra in enumerate(({}, {"numResults": 2}, {"numResults": 500}, {"numResults": 100_000}))
    ]
    assert lengths == [7, 2, 7, 7]


def test_bad_lines_are_answered_with_errors_and_fail_nothing(opened: Open) -> None:
    """B-52, B-54, B-70, B-16: one line of output for every line of input that is not blank."""
    text = '{"userId": "u1"}\n\nnope\n{"itemId": "i1"}\n{"userId": ""}\n{"userId": 5}\n   \n[]'
    lines = output_text(opened.given, opened.versions[USER_PERSONALIZATION], text, "bad").splitlines()
    assert [json.loads(line) for line in lines[1:]] == [
        {"input": "nope", "output": None, "error": "The line is not a JSON object"},
        {"input": {"itemId": "i1"}, "output": None, "error": "userId is required"},
        {"input": {"userId": ""}, "output": None, "error": "userId is required"},
        {"input": {"userId": 5}, "output": None, "error": "userId is required"},
        {"input": "[]", "output": None, "error": "The line is not a JSON object"},
    ]
    assert json.loads(lines[0])["error"] is None


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"itemList": ["i1"]}, "userId is required"),
        ({"userId": "u1"}, "itemList is required"),
        ({"userId": "u1", "inputList": ["i1"]}, "itemList is required"),
        ({"userId": "u1", "itemList": "i1"}, "itemList is required"),
        ({"userId": "u1", "itemList": [1]}, "itemList is required"),
        ({"userId": "u1", "itemList": []}, "itemList must contain between 1 and 500 items"),
        (
            {"userId": "u1", "itemList": [f"i{number}" for number in range(501)]},
            "itemList must contain between 1 and 500 items",
        ),
    ],
)
def test_lists_that_cannot_be_ranked(opened: Open, query: dict[str, Any], error: str) -> None:
    """B-24, B-52."""
    name = f"unranked-{len(str(query))}"
    assert answers(opened.given, opened.versions[RANKING], [query], name) == [
        {"input": query, "output": None, "error": error}
    ]


def test_related_items_need_an_item(opened: Open) -> None:
    """B-23, B-52."""
    (line,) = answers(opened.given, opened.versions[SIMS], users("u1"), "no-item")
    assert line["error"] == "itemId is required"


def test_other_members_are_ignored_and_echoed(opened: Open) -> None:
    """B-28, B-43."""
    query = {"userId": "u1", "context": {"DEVICE": "phone"}, "note": [1, None], "filterValues": {"X": "1"}}
    plain, full = answers(opened.given, opened.versions[USER_PERSONALIZATION], [*users("u1"), query], "more")
    assert full["input"] == query
    assert full["output"] == plain["output"]


def test_filter_values_come_with_each_line(opened: Open) -> None:
    """B-7, B-27, B-57, F-80, F-86, F-210, F-70, F-71, F-76."""
    wanted = opened.shop.filter("INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "in-category")
    boot = {"userId": "u1", "filterValues": {"CAT": '"boot"'}}
    both = {"userId": "u1", "filterValues": {"CAT": '"boot","shoe"', "OTHER": "1"}}
    bad = [{"userId": "u1"}, {"userId": "u1", "filterValues": "boot"}, {"userId": "u1", "filterValues": {"CAT": '"b'}}]
    version = opened.versions[USER_PERSONALIZATION]
    lines = answers(opened.given, version, [boot, both, *bad], "filtered", filterArn=wanted)
    assert sorted(lines[0]["output"]["recommendedItems"]) == ["i3", "i4"]
    assert lines[0]["input"] == boot
    assert set(lines[0]["output"]["recommendedItems"]) < set(lines[1]["output"]["recommendedItems"])
    assert [line["error"] for line in lines] == [
        None,
        None,
        "Missing value(s) for filter parameter(s): CAT",
        "filterValues must be an object of strings",
        "Invalid filter values for parameter CAT",
    ]
    asked = opened.runtime.get_recommendations(
        campaignArn=opened.campaigns[USER_PERSONALIZATION],
        userId="u1",
        filterArn=wanted,
        filterValues=boot["filterValues"],
    )["itemList"]
    assert lines[0]["output"]["recommendedItems"] == [item["itemId"] for item in asked]
    assert lines[0]["output"]["scores"] == pytest.approx([item["score"] for item in asked], abs=2e-7)


def test_filters_use_the_history_of_the_user_in_the_line(opened: Open) -> None:
    """B-57, F-82, F-83: items that the user interacted with are omitted; a line without user is an error."""
    seen = opened.shop.filter('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', "not-met")
    query = {"userId": "u2", "itemList": ["i1", "i2", "i3", "i4"]}
    (line,) = answers(opened.given, opened.versions[RANKING], [query], "unmet", filterArn=seen)
    assert sorted(line["output"]["recommendedItems"]) == ["i2", "i4"]
    assert len(line["output"]["scores"]) == 2
    queries = [{"itemId": "i2"}, {"itemId": "i2", "userId": "u2"}]
    without, with_user = answers(opened.given, opened.versions[SIMS], queries, "unmet-related", filterArn=seen)
    assert without["error"] == "userId is required"
    assert not {"i1", "i3"} & set(with_user["output"]["recommendedItems"])


def test_each_file_of_a_folder_has_its_output(opened: Open) -> None:
    """B-3, B-4, B-40, B-41, B-42, R-BIJ-6: sub-folders and other suffixes; earlier output is not input."""
    given = opened.given
    for name in ("json_input.json", "deep/er/lines", "other.csv"):
        path = given.upload(json_lines(users("u1")), f"tree/{name}")
    output = {"jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/tree/out"}}}
    expected = [f"tree/out/{name}" for name in ("_CHECK", "deep/er/lines.out", "json_input.json.out", "other.csv.out")]
    for name in ("tree", "tree-again"):
        job = begin(given, opened.versions[POPULARITY], f"s3://{BUCKET}/tree", name, **output)
        assert shown(given, job)["status"] == "ACTIVE"
        found = given.downloaded("tree/out/")
        assert list(found) == expected
        assert found["tree/out/_CHECK"] == ""
    one = {"jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/tree-one/"}}}
    begin(given, opened.versions[POPULARITY], path, "tree-one", **one)
    assert list(given.downloaded("tree-one/")) == ["tree-one/_CHECK", "tree-one/other.csv.out"]


def test_repeated_jobs_have_equal_output(opened: Open) -> None:
    """B-71."""
    text = json_lines(users("u1", "u2", "nobody"))
    version = opened.versions[USER_PERSONALIZATION]
    config = {"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "0"}}}
    assert output_text(opened.given, version, text, "once", **config) == (
        output_text(opened.given, version, text, "twice", **config)
    )


def test_output_has_the_order_of_long_input(opened: Open) -> None:
    """B-43, B-70: over several chunks, with repeated users."""
    names = [f"crowd{number % 200}" for number in range(1300)]
    version = opened.versions[USER_PERSONALIZATION]
    lines = answers(opened.given, version, users(*names), "long", numResults=1)
    assert [line["input"]["userId"] for line in lines] == names


def test_events_after_training_are_ignored(opened: Open) -> None:
    """B-55, EV-51, B-57: filters use newer events, scores do not."""
    given, version = opened.given, opened.versions[USER_PERSONALIZATION]
    before = answers(given, version, users("u3"), "before")
    unmet = opened.shop.filter('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', "unmet-later")
    tracker = opened.shop.tracker()
    for item in ("i6", "i7"):
        opened.shop.record_event(tracker, "u3", item, "browse")
    assert answers(given, version, users("u3"), "after") == before
    (filtered,) = answers(given, version, users("u3"), "later", filterArn=unmet)
    assert not {"i6", "i7"} & set(filtered["output"]["recommendedItems"])


def test_other_threads_can_do_the_work(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """B-43, B-71: the output does not depend on the executor."""
    version, text = opened.versions[USER_PERSONALIZATION], json_lines(users(*(f"crowd{n}" for n in range(40))))
    monkeypatch.setattr(transfer, "CHUNK_LINES", 3)
    here = output_text(opened.given, version, text, "here")
    with ThreadPoolExecutor(2) as executor:
        monkeypatch.setattr(inference_jobs, "workers_at", lambda *_, **__: nullcontext(Workers(executor, ahead=4)))
        assert output_text(opened.given, version, text, "elsewhere") == here


def test_progress_can_be_watched(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress in per cent; absent when the job has ended."""
    seen: list[list[dict[str, Any]]] = []
    ask = Inference.__call__

    def watching(self: Inference, lines: Any) -> Any:
        seen.append(opened.emulator.health()["running"])
        return ask(self, lines)

    monkeypatch.setattr(transfer, "CHUNK_LINES", 2)
    monkeypatch.setattr(Inference, "__call__", watching)
    answers(opened.given, opened.versions[POPULARITY], users(*"abcd"), "watched")
    (entry,) = seen[1]
    assert (entry["stage"], entry["percent"]) == ("answering", 50)
    assert opened.emulator.health()["running"] == []
