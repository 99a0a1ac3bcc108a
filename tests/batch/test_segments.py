"""Batch segment jobs through boto3 (spec 02 R-BSJ; spec 11 sections 1.2, 2, 3.2 and 4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu.batch import segment_jobs
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.batch_requests import OUTPUT, Query, inference_request, json_lines
from tests.given import POPULARITY, REGION, ROLE, Given, arn, as_csv, avro, field, two_camps
from tests.refusals import refusal

RECIPE = "arn:aws:personalize:::recipe/"
BY_ITEM, BY_ATTRIBUTE = f"{RECIPE}aws-item-affinity", f"{RECIPE}aws-item-attribute-affinity"
ITEMS = avro("Items", field("ITEM_ID"), field("CAMP", "string", categorical=True), field("SIZE", "int"))
USERS = avro("Users", field("USER_ID"), field("AGE", "int"))
INTERACTIONS = avro(
    "Interactions",
    field("USER_ID"),
    field("ITEM_ID"),
    field("TIMESTAMP", "long"),
    field("EVENT_TYPE"),
)


def typed(rows: str) -> str:
    """Every third row is a purchase, the others are views."""
    head, *lines = rows.splitlines()
    kinds = ("view", "view", "purchase")
    return "\n".join([f"{head},EVENT_TYPE", *(f"{line},{kinds[n % 3]}" for n, line in enumerate(lines))])


def camps_group(given: Given) -> str:
    """120 users in two groups with 30 items each; even items have the group `even`, item i000 also `first`."""
    group = given.group()
    interactions = given.dataset(group, given.schema(INTERACTIONS))
    given.import_job(interactions, given.upload(typed(as_csv(two_camps(users=120, events=10)))), "interactions")
    items = given.dataset(group, given.schema(ITEMS, "items"), "Items")
    rows = [f"i{n:03d},{'odd' if n % 2 else 'even'}{'' if n else '|first'},{n % 3}" for n in range(60)]
    given.import_job(items, given.upload("\n".join(["ITEM_ID,CAMP,SIZE", *rows]), "items.csv"), "items")
    users = given.dataset(group, given.schema(USERS, "users"), "Users")
    rows = [f"u{n},{20 + n}" for n in range(120)]
    given.import_job(users, given.upload("\n".join(["USER_ID,AGE", *rows]), "users.csv"), "users")
    return group


@pytest.fixture
def group(given: Given) -> str:
    return camps_group(given)


@pytest.fixture
def by_item(given: Given, group: str) -> str:
    return given.version(given.solution(group, BY_ITEM))


@pytest.fixture
def by_attribute(given: Given, group: str) -> str:
    return given.version(given.solution(group, BY_ATTRIBUTE, name="attributes"))


def begin(given: Given, version: str, path: str, name: str = "job", **extra: Any) -> dict[str, Any]:
    request = inference_request(version, path, name, **extra)
    job = given.personalize.create_batch_segment_job(**request)["batchSegmentJobArn"]
    shown: dict[str, Any] = given.personalize.describe_batch_segment_job(batchSegmentJobArn=job)["batchSegmentJob"]
    return shown


def output_text(given: Given, version: str, queries: list[Query], name: str = "job", **extra: Any) -> str:
    job = begin(given, version, given.upload(json_lines(queries), f"in/{name}"), name, **extra)
    assert job["status"] == "ACTIVE", job
    return given.downloaded(f"out/{name}.out")[f"out/{name}.out"]


def answers(given: Given, version: str, queries: list[Query], name: str = "job", **extra: Any) -> list[Any]:
    return [json.loads(line) for line in output_text(given, version, queries, name, **extra).splitlines()]


def refused(given: Given, version: str, **extra: Any) -> tuple[str, str]:
    request = inference_request(version, "s3://bucket/in", **extra)
    return refusal(given.personalize.create_batch_segment_job, **request)


def test_a_job_has_the_documented_members(given: Given, by_item: str) -> None:
    """R-BSJ-1, R-BIJ-3, B-13, B-14, B-41: numResults has a default; ten users of the group are found."""
    path = given.upload('{"itemId": "i000"}\n', "in.json")
    job = begin(given, by_item, path, tags=[{"tagKey": "a", "tagValue": "b"}])
    assert {name: value for name, value in job.items() if not name.endswith("DateTime")} == {
        "jobName": "job",
        "batchSegmentJobArn": arn("batch-segment-job", "job"),
        "solutionVersionArn": by_item,
        "numResults": 25,
        "jobInput": {"s3DataSource": {"path": path}},
        "jobOutput": {"s3DataDestination": {"path": OUTPUT}},
        "roleArn": ROLE,
        "status": "ACTIVE",
    }
    tags = given.personalize.list_tags_for_resource(resourceArn=job["batchSegmentJobArn"])["tags"]
    assert tags == [{"tagKey": "a", "tagValue": "b"}]
    listed = given.personalize.list_batch_segment_jobs
    (summary,) = listed(solutionVersionArn=by_item)["batchSegmentJobs"]
    assert set(summary) == {
        "batchSegmentJobArn",
        "jobName",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
        "solutionVersionArn",
    }
    assert listed(solutionVersionArn=arn("solution", "none/00000000"))["batchSegmentJobs"] == []
    assert list(given.downloaded("out/")) == ["out/_CHECK", "out/in.json.out"]
    assert refused(given, by_item)[0] == "ResourceAlreadyExistsException"


def test_the_notation_of_segments(given: Given, by_attribute: str) -> None:
    """B-50a, B-50b, B-26."""
    query = {"itemAttributes": 'ITEMS.CAMP = "even"'}
    text = output_text(given, by_attribute, [query], numResults=2)
    start = '{"input": {"itemAttributes": "ITEMS.CAMP = \\"even\\""}, "output": {"usersList": ["u'
    assert text.startswith(start)
    assert text.endswith('"]}, "error": null}\n')
    assert '","u' in text


def test_segment_of_an_item_has_users_of_its_group(given: Given, by_item: str) -> None:
    """B-25, B-50c, R-81: by affinity, users who already have the item last."""
    rows = two_camps(users=120, events=10)
    queries = [{"itemId": f"i{number:03d}"} for number in (4, 9)]
    for parity, (query, line) in enumerate(zip(queries, answers(given, by_item, queries, numResults=10), strict=True)):
        assert line["input"] == query
        seen = {user for user, item, _ in rows if item == query["itemId"]}
        found = line["output"]["usersList"]
        assert len(found) == len(set(found)) == 10
        assert {int(user[1:]) % 2 for user in found} == {parity}
        assert not seen & set(found)


def test_segment_has_at_most_all_users(given: Given, by_item: str) -> None:
    """B-50c, B-13."""
    (line,) = answers(given, by_item, [{"itemId": "i000"}], numResults=5_000_000)
    assert sorted(line["output"]["usersList"]) == sorted(f"u{number}" for number in range(120))


def test_users_are_found_for_attributes(given: Given, by_attribute: str) -> None:
    """B-26, B-29, R-82."""
    queries = [{"itemAttributes": f'ITEMS.camp = "{camp}"'} for camp in ("even", "odd")]
    queries.append({"itemAttributes": 'ITEMS.CAMP = "odd" AND ITEMS.SIZE = 1'})
    for parity, line in zip((0, 1, 1), answers(given, by_attribute, queries, numResults=20), strict=True):
        assert {int(user[1:]) % 2 for user in line["output"]["usersList"]} == {parity}


def test_bad_lines_are_answered_with_errors(given: Given, by_item: str, by_attribute: str) -> None:
    """B-52, B-54, B-16."""
    queries: list[Query] = [{"itemId": "none"}, {"itemAttributes": 'ITEMS.CAMP = "even"'}, {"itemId": "i000"}]
    lines = answers(given, by_item, queries)
    assert lines[0] == {
        "input": {"itemId": "none"},
        "output": None,
        "error": "The item was not there when the solution version was created",
    }
    assert [line["error"] for line in lines[1:]] == ["itemId is required", None]
    queries = [{"itemAttributes": 'ITEMS.CAMP = "neither"'}, {"itemAttributes": "CAMP"}, {"itemId": "i000"}]
    errors = [line["error"] for line in answers(given, by_attribute, queries, "attributes")]
    assert errors[0] == "No item had this value of CAMP when the solution version was created"
    assert errors[1].startswith("itemAttributes must be terms")
    assert errors[2] == "itemAttributes is required"


def made_filter(given: Given, group: str, expression: str, name: str) -> str:
    made = given.personalize.create_filter(name=name, datasetGroupArn=group, filterExpression=expression)
    return str(made["filterArn"])


def test_filters_select_users(given: Given, group: str, by_item: str) -> None:
    """F-80, F-81, F-86, F-155, F-156, B-27, B-57: conditions on user records, with values in each line."""
    young = made_filter(given, group, "INCLUDE UserID WHERE Users.AGE < $AGE", "young")
    queries: list[Query] = [
        {"itemId": "i000", "filterValues": {"AGE": "30"}},
        {"itemId": "i000", "filterValues": {"AGE": "22"}},
        {"itemId": "i000"},
        {"itemId": "i000", "filterValues": []},
    ]
    lines = answers(given, by_item, queries, filterArn=young)
    assert sorted(lines[0]["output"]["usersList"]) == [f"u{number}" for number in range(10)]
    assert sorted(lines[1]["output"]["usersList"]) == ["u0", "u1"]
    assert lines[2]["error"] == "Missing value(s) for filter parameter(s): AGE"
    assert lines[3]["error"] == "filterValues must be an object of strings"


def test_filters_select_users_by_events(given: Given, group: str, by_item: str) -> None:
    """F-157, F-158, F-159, B-57: imported and streamed events."""
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events = boto3.client("personalize-events", region_name=REGION)
    for user in ("u3", "somebody new"):
        event = {"eventType": "Wish", "itemId": "i001", "sentAt": 1_700_000_000}
        events.put_events(trackingId=tracker, userId=user, sessionId=user, eventList=[event])
    wished = made_filter(given, group, 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("wish")', "wished")
    bought = made_filter(given, group, "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($KIND)", "bought")
    (line,) = answers(given, by_item, [{"itemId": "i000"}], "wished", filterArn=wished)
    assert set(line["output"]["usersList"]) == {"u3", "somebody new"}
    query = {"itemId": "i000", "filterValues": {"KIND": '"purchase"'}}
    (line,) = answers(given, by_item, [query], "bought", filterArn=bought)
    assert line["output"]["usersList"] == ["somebody new"]


def test_streamed_events_count_and_incremental_imports_do_not(given: Given, group: str, by_item: str) -> None:
    """B-56, R-83, EV-51: users of incremental imports are not included, users of streamed events are."""
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    events = boto3.client("personalize-events", region_name=REGION)
    for number in range(12):
        event = {"eventType": "view", "itemId": f"i{2 * number:03d}", "sentAt": 1_700_000_000 + number}
        events.put_events(trackingId=tracker, userId="streamed", sessionId="s", eventList=[event])
    rows = "".join(f"increment,i{2 * number:03d},{1_700_000_000 + number},view\n" for number in range(12))
    path = given.upload(f"USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n{rows}", "more.csv")
    given.import_job(arn("dataset", "group/INTERACTIONS"), path, "more", importMode="INCREMENTAL")
    (line,) = answers(given, by_item, [{"itemId": "i028"}], "more", numResults=200)
    assert line["output"]["usersList"][0] == "streamed"
    assert "increment" not in line["output"]["usersList"]
    path = given.upload(typed(as_csv(two_camps(users=120, events=10))) + "\n" + rows, "all.csv")
    given.import_job(arn("dataset", "group/INTERACTIONS"), path, "full", importMode="FULL")
    (line,) = answers(given, by_item, [{"itemId": "i028"}], "full", numResults=200)
    assert set(line["output"]["usersList"][:2]) == {"increment", "streamed"}


def test_metrics_of_segments(given: Given, by_item: str, by_attribute: str) -> None:
    """M-2, M-3, M-4, M-10, M-30."""
    for version in (by_item, by_attribute):
        metrics = given.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
        assert list(metrics) == ["coverage", "hits_at_1_percent", "recall_at_1_percent"]
        assert all(0 <= value <= 1 for value in metrics.values())
        assert metrics["recall_at_1_percent"] > 0.3


@pytest.mark.parametrize(("name", "most"), [("MOST_ITEMS", 500), ("MOST_ATTRIBUTES", 10)])
def test_jobs_have_limits(
    given: Given, group: str, name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B-20, Q-57."""
    assert getattr(segment_jobs, name) == most
    monkeypatch.setattr(segment_jobs, name, 1)
    by_item = name == "MOST_ITEMS"
    version = given.version(given.solution(group, BY_ITEM if by_item else BY_ATTRIBUTE))
    query = {"itemId": "i000"} if by_item else {"itemAttributes": "ITEMS.SIZE = 1"}
    job = begin(given, version, given.upload(json_lines([query] * 2), "in.json"))
    assert (job["status"], job["failureReason"]) == (
        "CREATE FAILED",
        "Input file has too many records. A maximum of 1 is allowed.",
    )


def test_segment_job_limits(given: Given, group: str, by_item: str, by_attribute: str) -> None:
    """B-13, B-12, Q-58, R-20, R-82, F-58, F-81, E-16."""
    expected = ("InvalidInputException", "numResults must be between 1 and 5000000")
    assert refused(given, by_item, numResults=5_000_001) == expected
    assert refused(given, by_item, numResults=-1)[0] == "InvalidInputException"
    popular = given.version(given.solution(group, POPULARITY, name="popular"))
    assert refused(given, popular) == (
        "InvalidInputException",
        "Recipe aws-popularity-count does not support batch segment jobs.",
    )
    inference = inference_request(by_item, "s3://bucket/in")
    assert refusal(given.personalize.create_batch_inference_job, **inference)[0] == "InvalidInputException"
    items = made_filter(given, group, "INCLUDE ItemID WHERE Items.SIZE = 1", "items")
    assert refused(given, by_item, filterArn=items)[1] == f"Filter {items} is for ItemID, not for UserID"
    seen = made_filter(given, group, 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")', "met")
    assert refused(given, by_attribute, filterArn=seen) == (
        "InvalidInputException",
        "Recipe aws-item-attribute-affinity does not support filters on interactions.",
    )
    place = {"s3DataDestination": {"path": "s3://bucket/in"}}
    assert refused(given, by_item, jobOutput=place) == ("InvalidInputException", "Invalid S3 output path")
    campaign = refusal(given.personalize.create_campaign, name="c", solutionVersionArn=by_item)
    assert campaign[0] == "InvalidInputException"


@pytest.fixture
def slow_jobs(clock: ManualClock) -> Iterator[Given]:
    """A version, and jobs with pace real."""
    with mock_personalize(clock=clock, pace="real") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        del emulator
        yield given


def test_the_states_of_a_job(slow_jobs: Given, clock: ManualClock) -> None:
    """B-14, B-15, B-17, Q-5, E-1."""
    group = slow_jobs.group()
    clock.advance(60)
    dataset = slow_jobs.dataset(group)
    clock.advance(60)
    slow_jobs.import_job(dataset, slow_jobs.upload(as_csv(two_camps())))
    clock.advance(1000)
    solution = slow_jobs.solution(group, BY_ITEM, performAutoTraining=False)
    clock.advance(60)
    version = slow_jobs.version(solution)
    clock.advance(5000)
    path = slow_jobs.upload('{"itemId": "i000"}', "in.json")
    jobs = [begin(slow_jobs, version, path, f"job{number}") for number in range(5)]
    assert {job["status"] for job in jobs} == {"CREATE PENDING"}
    request = inference_request(version, path, "job5")
    assert refusal(slow_jobs.personalize.create_batch_segment_job, **request) == (
        "LimitExceededException",
        "More than 5 resources with PENDING or IN_PROGRESS status.",
    )
    clock.advance(60)
    listed = slow_jobs.personalize.list_batch_segment_jobs
    assert {job["status"] for job in listed()["batchSegmentJobs"]} == {"CREATE IN_PROGRESS"}
    clock.advance(1200)
    assert {job["status"] for job in listed()["batchSegmentJobs"]} == {"ACTIVE"}
