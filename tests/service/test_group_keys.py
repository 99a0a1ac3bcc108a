"""Dataset groups with a KMS key: their data can be used while the key can (S-16, S-17)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from personalize_emu.edge.application import create_app
from personalize_emu.emulator import Emulator
from personalize_emu.kms_keys import ENABLED, REMEMBERED_SECONDS, KeyUnavailable, RemoteKeys
from personalize_emu.state.resources import Dataset
from tests.batch_requests import begin
from tests.given import POPULARITY, RANKING, REGION, ROLE, USER_PERSONALIZATION, USERS_SCHEMA, Given, as_csv, two_camps
from tests.refusals import refusal

INVALID = "InvalidInputException"
ROWS = as_csv(two_camps(50, 20, 21))


@pytest.fixture
def kms(given: Given) -> Any:
    return boto3.client("kms", region_name=REGION)


@dataclass
class Shop:
    """A group with a key, what belongs to it, and requests for its data."""

    given: Given
    group: str
    key: str
    dataset: str
    version: str
    campaign: str
    ranking: str
    tracker: str
    batch_version: str

    def live_calls(self) -> Mapping[str, Callable[[], Any]]:
        runtime, events = (boto3.client(f"personalize-{name}", region_name=REGION) for name in ("runtime", "events"))
        event = {"eventType": "watch", "itemId": "i001", "sentAt": 1_700_000_000}
        users = [{"userId": "u1", "properties": '{"age": 3}'}]
        return {
            "recommendations": lambda: runtime.get_recommendations(campaignArn=self.campaign, userId="u1"),
            "ranking": lambda: runtime.get_personalized_ranking(
                campaignArn=self.ranking, userId="u1", inputList=["i001"]
            ),
            "events": lambda: events.put_events(trackingId=self.tracker, sessionId="s", userId="u", eventList=[event]),
            "users": lambda: events.put_users(datasetArn=self.dataset.replace("INTERACTIONS", "USERS"), users=users),
            "metrics": lambda: self.given.personalize.get_solution_metrics(solutionVersionArn=self.version),
        }

    def jobs(self, suffix: str) -> dict[str, dict[str, Any]]:
        """Status and reason of jobs of every kind that needs the data."""
        given, personalize = self.given, self.given.personalize
        solution = self.version.rpartition("/")[0]
        queries = given.upload('{"userId": "u1"}\n', "in/a")
        made = {
            "dataset_import_job": given.import_job(self.dataset, given.upload(ROWS), f"import-{suffix}"),
            "dataset_export_job": given.export_job(self.dataset, name=f"export-{suffix}"),
            "data_deletion_job": given.deletion_job(
                self.group, given.upload("USER_ID\nu9\n", "gone.csv"), f"gone-{suffix}"
            ),
            "solution_version": given.version(solution),
            "campaign": given.campaign(self.version, f"campaign-{suffix}"),
            "batch_inference_job": begin(given, self.batch_version, queries, f"batch-{suffix}"),
        }
        found = {}
        for kind, arn in made.items():
            member = "".join(part.title() for part in kind.split("_"))
            member = member[0].lower() + member[1:]
            found[kind] = getattr(personalize, f"describe_{kind}")(**{f"{member}Arn": arn})[member]
        return found


def shop_with_key(given: Given, kms: Any) -> Shop:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    group = given.group(roleArn=ROLE, kmsKeyArn=key)
    dataset = given.dataset(group)
    given.import_job(dataset, given.upload(ROWS))
    users = given.schema(USERS_SCHEMA, "users")
    given.dataset(group, users, "Users", "users")
    version = given.version(given.solution(group, POPULARITY))
    rankings = given.version(given.solution(group, RANKING, "ranking"))
    personal = given.version(given.solution(group, USER_PERSONALIZATION, "personal"))
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    campaigns = given.campaign(version), given.campaign(rankings, "ranking")
    return Shop(given, group, key, dataset, version, *campaigns, tracker, personal)


def test_data_can_be_used_while_the_key_can(given: Given, kms: Any) -> None:
    """[dec] Jobs fail with a reason, live requests are refused; with the key enabled again everything works."""
    shop = shop_with_key(given, kms)
    changes = {
        "Disabled": lambda: kms.disable_key(KeyId=shop.key),
        "PendingDeletion": lambda: kms.schedule_key_deletion(KeyId=shop.key, PendingWindowInDays=7),
    }
    for call in shop.live_calls().values():
        call()
    for key_state, change in changes.items():
        change()
        text = (
            f"The KMS key {shop.key} of dataset group {shop.group} cannot be used: its state is {key_state}."
        )
        for name, call in shop.live_calls().items():
            assert refusal(call) == (INVALID, text), name
        for kind, shown in shop.jobs(key_state).items():
            assert (shown["status"], shown["failureReason"]) == (
                "FAILED" if kind == "data_deletion_job" else "CREATE FAILED",
                text,
            ), kind
    kms.cancel_key_deletion(KeyId=shop.key)
    kms.enable_key(KeyId=shop.key)
    for call in shop.live_calls().values():
        call()
    statuses = {kind: shown["status"] for kind, shown in shop.jobs("again").items()}
    assert statuses == {kind: "COMPLETED" if kind == "data_deletion_job" else "ACTIVE" for kind in statuses}


def test_a_key_that_cannot_be_used_is_refused_for_a_new_group(given: Given, kms: Any) -> None:
    """[dec] One that KMS does not have is accepted, as invented roles are, and encrypts nothing."""
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key)
    create = given.personalize.create_dataset_group
    text = f"Key {key} cannot be used: its state is Disabled"
    assert refusal(create, name="g", roleArn=ROLE, kmsKeyArn=key) == (INVALID, text)
    assert given.imported_group() != given.group("unknown", roleArn=ROLE, kmsKeyArn=f"{key}0")


def test_a_deleted_key_leaves_the_data_unreadable(given: Given, kms: Any, emulator: Emulator) -> None:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    dataset = given.dataset(given.group(roleArn=ROLE, kmsKeyArn=key))
    delete_key(key)
    job = given.import_job(dataset, given.upload(ROWS))
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert shown["failureReason"].endswith("cannot be used: it does not exist.")
    assert emulator.state.contents(dataset).bulk is None


def test_routes_show_no_data_while_the_key_cannot_be_used(given: Given, kms: Any, emulator: Emulator) -> None:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    group = given.group(roleArn=ROLE, kmsKeyArn=key)
    dataset = given.dataset(group)
    given.import_job(dataset, given.upload(ROWS))
    campaign = given.campaign(given.version(given.solution(group, POPULARITY)))
    client = create_app(emulator).test_client()

    def shown() -> tuple[bool, int]:
        page = client.get("/_emu/console/dataset", query_string={"arn": dataset}).text
        return ">u0<" in page, len(client.get("/_emu/state").json["importJobs"])

    assert shown() == (True, 1)
    kms.disable_key(KeyId=key)
    assert shown() == (False, 0)
    # A form that shows data, too.
    form = client.post("/_emu/console/try", query_string={"arn": campaign}, data={})
    assert form.status_code == 404
    assert "u0" not in form.text
    # What changes the emulator changes it, and no copy.
    assert client.post("/_emu/reset").status_code == 200
    assert emulator.state.store.all(Dataset) == []


SECRET = "quoted-cell"


def test_routes_quote_no_data_while_the_key_cannot_be_used(
    given: Given, kms: Any, emulator: Emulator, events: Any
) -> None:
    """Reasons of failures, lines of job logs, recorded calls."""
    key = kms.create_key()["KeyMetadata"]["Arn"]
    group = given.group(roleArn=ROLE, kmsKeyArn=key)
    dataset = given.dataset(group)
    header = "USER_ID,ITEM_ID,TIMESTAMP\n"
    failed = given.import_job(dataset, given.upload(header + f"u,i,{SECRET}\n" * 1100, "wrong.csv"), "failed")
    warned = given.import_job(dataset, given.upload(f"{ROWS}u,i,{SECRET}\n"), "warned")
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "watch", "itemId": SECRET, "sentAt": 1_700_000_000}
    events.put_events(trackingId=tracker, sessionId="s", userId=SECRET, eventList=[event])
    given.personalize.describe_dataset_import_job(datasetImportJobArn=failed)
    client = create_app(emulator).test_client()
    log = "/_emu/console/log?arn="
    paths = [f"/_emu/logs?arn={failed}", f"/_emu/logs?arn={warned}", "/_emu/calls", "/_emu/console/parts/calls"]
    paths += [log + failed, log + warned, f"/_emu/console/dataset?arn={dataset}", "/_emu/console/", "/_emu/state"]

    def quoting() -> list[str]:
        answers = {path: client.get(path) for path in paths}
        assert {answer.status_code for answer in answers.values()} == {200}
        return [path for path, answer in answers.items() if SECRET in answer.text]

    assert quoting() == paths
    kms.disable_key(KeyId=key)
    refused = given.import_job(dataset, given.upload(ROWS), "refused")
    assert quoting() == []
    # The reason that names the key stays.
    assert key in client.get(f"/_emu/logs?arn={refused}").json["failureReason"]
    assert key in client.get(f"/_emu/logs?arn={refused}").json["lines"][-1]["text"]
    assert [call["operation"] for call in client.get("/_emu/calls").json["calls"]].count("CreateDatasetImportJob") == 3
    kms.enable_key(KeyId=key)
    assert quoting() == paths


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_log_quotes_no_data_of_groups_with_a_key(
    given: Given, kms: Any, caplog: pytest.LogCaptureFixture, encrypted: bool
) -> None:
    """Rows left out, reasons of failures and errors of requests: counts without values."""
    key = {"roleArn": ROLE, "kmsKeyArn": kms.create_key()["KeyMetadata"]["Arn"]} if encrypted else {}
    group = given.group(**key)
    dataset = given.dataset(group)
    wrong = "USER_ID,ITEM_ID,TIMESTAMP\n" + f"u,i,{SECRET}\n" * 1100
    failed = given.import_job(dataset, given.upload(wrong, "wrong.csv"), "failed")
    given.import_job(dataset, given.upload(f"{ROWS}u,i,{SECRET}\n"), "warned")
    shown = given.personalize.describe_dataset_import_job(datasetImportJobArn=failed)["datasetImportJob"]
    assert SECRET in shown["failureReason"]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("personalize_emu")]
    assert any(SECRET in line for line in ours) != encrypted
    assert any("/warned: 1 of " in line for line in ours)
    assert any(f"job failed: create {failed}" in line for line in ours)


@pytest.mark.parametrize("encrypted", [False, True])
def test_messages_of_refused_events_are_not_logged_for_groups_with_a_key(
    given: Given, kms: Any, events: Any, caplog: pytest.LogCaptureFixture, encrypted: bool
) -> None:
    caplog.set_level(logging.INFO)
    key = {"roleArn": ROLE, "kmsKeyArn": kms.create_key()["KeyMetadata"]["Arn"]} if encrypted else {}
    group = given.group(**key)
    given.dataset(group)
    tracker = given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    event = {"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000, "properties": "[1]"}
    code, text = refusal(events.put_events, trackingId=tracker, sessionId="s", eventList=[event])
    assert code == INVALID
    line = next(each.getMessage() for each in caplog.records if "PutEvents status=400" in each.getMessage())
    assert ("(not logged: the data of the dataset group are encrypted)" in line) == encrypted, text


def test_remembered_states_of_remote_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalize_emu.kms_keys.MOST_STATES", 3)
    remote = Kms()
    keys = RemoteKeys(lambda _: remote)
    arns = [f"arn:aws:kms:{REGION}:123456789012:key/{number}" for number in range(5)]
    assert {keys.state(arn) for arn in arns} == {ENABLED}
    assert [keys.answers_at_once(arn) for arn in arns] == [False, False, True, True, True]


def delete_key(arn: str) -> None:
    """As AWS does when the waiting period is over, and stacks do at once."""
    from moto.kms.models import kms_backends

    kms_backends[arn.split(":")[4]][REGION].delete_key(arn.rpartition("/")[2])


def error_of(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "DescribeKey")


class Kms:
    """A remote KMS that answers, or raises, what it is given, and counts calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Any = {"KeyMetadata": {"KeyState": "Enabled"}}

    def __call__(self, region: str) -> Kms:
        assert region == REGION
        return self

    def _answered(self, **_: Any) -> Any:
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    describe_key = generate_data_key = decrypt = _answered


def test_states_of_remote_keys_are_remembered_for_some_seconds() -> None:
    kms, now = Kms(), [0.0]
    keys = RemoteKeys(kms, now=lambda: now[0])
    key = f"arn:aws:kms:{REGION}:123456789012:key/1"
    assert not keys.answers_at_once(key)
    assert [keys.state(key) for _ in range(3)] == [ENABLED] * 3
    assert kms.calls == 1
    kms.answer = {"KeyMetadata": {"KeyState": "Disabled"}}
    now[0] = REMEMBERED_SECONDS
    assert keys.state(key) == "Disabled"
    assert keys.answers_at_once(key)


@pytest.mark.parametrize(
    ("error", "key_state"),
    [(EndpointConnectionError(endpoint_url="x"), ENABLED), (error_of("NotFoundException"), None)],
)
def test_without_a_remote_kms_keys_encrypt_nothing(error: Exception, key_state: str | None) -> None:
    kms = Kms()
    kms.answer = error
    keys = RemoteKeys(kms)
    key = f"arn:aws:kms:{REGION}:123456789012:key/1"
    assert keys.state(key) == key_state
    assert keys.new_data_key(key, {}) is None
    with pytest.raises(KeyUnavailable):
        keys.decrypted(key, b"", {})


def test_remote_keys_that_are_disabled_are_refused() -> None:
    kms = Kms()
    kms.answer = error_of("DisabledException")
    with pytest.raises(KeyUnavailable):
        RemoteKeys(kms).new_data_key(f"arn:aws:kms:{REGION}:123456789012:key/1", {})
