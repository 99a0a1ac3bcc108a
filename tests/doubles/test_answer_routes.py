"""Declared answers and recorded calls over HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from personalize_emu import ServerControl
from personalize_emu.cli import main
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.testing.live_server import LiveServer
from tests.given import REGION, arn
from tests.refusals import refusal

CAMPAIGN = arn("campaign", "home-page")


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server


@pytest.fixture
def url(shared: LiveServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an empty server, to which AWS_ENDPOINT_URL leads."""
    shared.emulator.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared.url)
    return shared.url


@pytest.fixture
def control(url: str) -> ServerControl:
    return ServerControl(url)


@pytest.fixture
def runtime(url: str) -> Any:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    return boto3.client("personalize-runtime", REGION, endpoint_url=url, **keys)


def items(runtime: Any, user_id: str, **more: Any) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=CAMPAIGN, userId=user_id, **more)
    return [item["itemId"] for item in answer["itemList"]]


def test_answers_are_declared_listed_and_removed_over_http(url: str, runtime: Any) -> None:
    made = admin_call(url, "POST", "answers", {"campaign": "home-page", "items": ["a"]})
    assert made == {"campaignArn": CAMPAIGN}
    declared = {"campaignArn": CAMPAIGN, "userId": "u1", "items": ["b", "c"], "times": 1}
    whole = {"id": 2, "operation": "GetRecommendations", **declared, "hits": 0}
    assert admin_call(url, "POST", "answers", declared) == whole
    assert [items(runtime, "u1"), items(runtime, "u1")] == [["b", "c"], ["a"]]
    listed = admin_call(url, "GET", "answers")
    assert [(each["id"], each["hits"]) for each in listed["answers"]] == [(1, 1), (2, 1)]
    assert listed["strict"] is False
    assert admin_call(url, "DELETE", "answers/2") == {"removed": [2]}
    assert admin_call(url, "DELETE", "answers") == {"removed": [1]}
    assert refusal(runtime.get_recommendations, campaignArn=CAMPAIGN, userId="u1")[0] == "InvalidInputException"


def test_control_of_a_server_has_the_methods_of_the_emulator(control: ServerControl, runtime: Any) -> None:
    assert control.campaign("home-page", ["a", "b"], scores=[0.9, 0.1], metadata={"a": {"GENRE": "drama"}}) == CAMPAIGN
    with control.recommend(CAMPAIGN, "u1", ["c"]) as declared:
        assert items(runtime, "u1") == ["c"]
        assert declared.hits == 1
    declared.remove()
    assert items(runtime, "u1") == ["a", "b"]
    control.rank(control.campaign("ranker", recipe="aws-personalized-ranking"), "u1", ["b"])
    control.actions(control.campaign("next", recipe="aws-next-best-action"), "u1", ["call"])
    control.recommend(recommender_arn=control.recommender("for-you"), items=["d"])
    ranked = runtime.get_personalized_ranking(campaignArn=arn("campaign", "ranker"), userId="u1", inputList=["a", "b"])
    assert [item["itemId"] for item in ranked["personalizedRanking"]] == ["b", "a"]
    actions = runtime.get_action_recommendations(campaignArn=arn("campaign", "next"), userId="u1")
    assert actions["actionList"] == [{"actionId": "call", "score": 1.0}]
    answer = runtime.get_recommendations(recommenderArn=arn("recommender", "for-you"), userId="u1")
    assert answer["itemList"] == [{"itemId": "d"}]
    control.strict_answers()
    message = refusal(runtime.get_recommendations, campaignArn=arn("campaign", "none"), userId="u1")[1]
    assert "No answer is declared for GetRecommendations" in message
    control.strict_answers(on=False)
    # That of the recommender has replaced the empty one that the recommender was declared with.
    assert len(control.answers()) == 6
    control.clear_answers()
    assert control.answers() == []


def test_calls_are_read_and_forgotten_over_http(control: ServerControl, runtime: Any) -> None:
    control.campaign("home-page", ["a"])
    items(runtime, "u1", numResults=3)
    refusal(runtime.get_recommendations, campaignArn=CAMPAIGN)
    answered, refused = control.calls("GetRecommendations")
    assert answered.params == {"campaignArn": CAMPAIGN, "userId": "u1", "numResults": 3}
    assert answered.answer is not None
    assert answered.answer["itemList"] == [{"itemId": "a", "score": 1.0}]
    assert (refused.error, refused.message, refused.status) == ("InvalidInputException", "userId is required", 400)
    assert control.calls("PutEvents") == []
    assert len(control.calls()) == 2
    control.clear_calls()
    assert control.calls() == []
    with pytest.raises(ValueError, match="did you mean PutEvents"):
        control.calls("PutEvent")


def test_faults_and_clock_are_controlled(control: ServerControl, runtime: Any) -> None:
    control.campaign("home-page", ["a"])
    assert control.fail("GetRecommendations", "AccessDeniedException", times=1)["id"] == 1
    assert refusal(runtime.get_recommendations, campaignArn=CAMPAIGN, userId="u1")[0] == "AccessDeniedException"
    assert control.fail("PutEvents", wrong_json=True, where={"userId": "u1"})["wrongJson"] is True
    control.fail_job("solution-version", "No space left")
    control.clear_faults()
    assert admin_call(control.url, "GET", "job-faults") == {"jobFaults": []}
    control.advance("1h")
    control.reset()
    assert control.answers() == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "exactly one of campaignArn and recommenderArn"),
        ([], "the body is JSON, but not an object"),
        ({"campaignArn": 5, "items": []}, "campaignArn must be an ARN"),
        ({"campaignArn": CAMPAIGN, "items": ["a"]}, "Create it first, or declare one without data"),
        ({"campaign": 5}, "campaign must be a text"),
        ({"campaign": "c", "items": "abc"}, "items must be a list of ids"),
        ({"campaign": "c", "items": [["a"]]}, "items must be a list of ids"),
        ({"campaign": "c", "region": ["x"]}, "region must be a text"),
        ({"campaign": "c", "recipe": "nothing"}, "recipe of a campaign must be one of"),
        ({"campaign": "c", "recommender": "d"}, "has no member 'recommender'"),
        ({"campaign": "c", "itemz": ["a"]}, "has no member 'itemz'; it has campaign"),
        ({"strict": "yes"}, "strict must be true or false"),
        ({"strict": True, "items": []}, "has no member 'items'"),
    ],
)
def test_wrong_declaration_is_refused_with_what_to_send(control: ServerControl, document: Any, message: str) -> None:
    with pytest.raises(ValueError, match="send a JSON object such as .*" + message):
        control._call("POST", "answers", document)
    assert control.answers() == []


def test_answer_that_does_not_exist_is_not_found(control: ServerControl) -> None:
    with pytest.raises(ValueError, match="there is no answer 7; GET answers lists"):
        control._call("DELETE", "answers/7")


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out.strip()


def test_answers_and_calls_from_the_command_line(url: str, runtime: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "answer", "--campaign", "home-page", "a", "b") == CAMPAIGN
    where = '{"context": {"DEVICE": "phone"}}'
    declared = json.loads(
        printed(capsys, "answer", CAMPAIGN, "--user", "u1", "--where", where, "--scores", "0.5,0.2", "b", "c")
    )
    assert (declared["userId"], declared["items"], declared["scores"]) == ("u1", ["b", "c"], [0.5, 0.2])
    assert items(runtime, "u1", context={"DEVICE": "phone"}) == ["b", "c"]
    assert items(runtime, "u1") == ["a", "b"]
    lines = printed(capsys, "calls", "GetRecommendations", "--clear").splitlines()
    assert [json.loads(line)["params"].get("context") for line in lines] == [{"DEVICE": "phone"}, None]
    assert printed(capsys, "calls") == ""
    recommender = printed(capsys, "answer", "--recommender", "for-you", "--recipe", "aws-vod-most-popular")
    assert json.loads(printed(capsys, "answer", recommender, "x"))["recommenderArn"] == recommender
    listed = json.loads(printed(capsys, "answers", "--strict", "--remove", "2"))
    assert listed["strict"] is True
    assert 2 not in [each["id"] for each in listed["answers"]]
    assert json.loads(printed(capsys, "answers", "--clear", "--no-strict")) == {"answers": [], "strict": False}


def test_unknown_option_of_the_command_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["answer", CAMPAIGN, "--usr", "u1", "a"])
    assert left.value.code == 2
    assert "unrecognized arguments: --usr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["answer", "a", "b"], 2, "give the ARN of a campaign or recommender, or declare one with --campaign NAME"),
        (["answer", CAMPAIGN, "--where", "{"], 2, "--where must be a JSON object"),
        (["answer", CAMPAIGN, "--scores", "x"], 2, "--scores must be numbers"),
        (["answer", CAMPAIGN, "a"], 1, "Create it first"),
        (["calls", "PutEvent"], 1, "did you mean PutEvents"),
        (["answers", "--remove", "9"], 1, "there is no answer 9"),
    ],
)
def test_wrong_commands_are_explained(
    url: str, argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    assert message in capsys.readouterr().err
