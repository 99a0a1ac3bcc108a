"""Dataset groups with a KMS key are encrypted in the data directory, and come back while the key can be used (S-16)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from personalize_emu.durability.archive import export_directory, import_archive
from personalize_emu.durability.encryption.locked_groups import RESTARTED
from personalize_emu.durability.encryption.sealing import CHUNK, Sealer, WronglySealed
from personalize_emu.edge.moto_adapter.keeping.service_keeper import ServiceKeeper
from personalize_emu.edge.moto_adapter.keeping.whole_stores import WHOLE_STORES
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import Stateful
from tests.attributions import attribution, metric
from tests.durability.restarts import answers, contents, events, given, picture, started
from tests.given import REGION, ROLE, as_csv, avro, field, two_camps
from tests.refusals import refusal

MARKER = "find-me"
EVENTS_SCHEMA = avro(
    "Interactions",
    field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"), field("EVENT_VALUE", "float"),
)  # fmt: skip
ITEMS_SCHEMA = avro("Items", field("ITEM_ID"), field("GENRE", "string", categorical=True))


@pytest.fixture(autouse=True)
def services() -> Iterator[None]:
    """The stores of the embedded services outlive the emulators, which a server has from its data directory."""
    with mock_aws():
        yield


def new_key() -> str:
    key: str = boto3.client("kms", region_name=REGION).create_key()["KeyMetadata"]["Arn"]
    return key


def kms() -> Any:
    return boto3.client("kms", region_name=REGION)


def filled_group(key: str | None) -> dict[str, str]:
    """A group whose users, items and values have the marker, everywhere data are kept; ARNs and ids."""
    make = given()
    group = make.group(**({"roleArn": ROLE, "kmsKeyArn": key} if key else {}))
    rows = [(f"{MARKER}-{user}", f"{MARKER}-{item}", time) for user, item, time in two_camps()]
    text = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n" + "".join(f"{u},{i},{t},watch,1\n" for u, i, t in rows)
    dataset = make.dataset(group, make.schema(EVENTS_SCHEMA))
    # A row that does not conform is quoted in the report of the job, and in the reason of one that fails.
    make.import_job(dataset, make.upload(f"{text}u,i,{MARKER}-time,watch,1\n"))
    wrong = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n" + f"u,i,{MARKER}-time,watch,1\n" * 1100
    failed = make.import_job(dataset, make.upload(wrong, "wrong.csv"), "failed")
    items = make.dataset(group, make.schema(ITEMS_SCHEMA, "items"), "Items", "items")
    catalog = "".join(f"{item},{MARKER}-genre\n" for item in sorted({row[1] for row in rows}))
    make.import_job(items, make.upload(f"ITEM_ID,GENRE\n{catalog}", "items.csv"), "items")
    version = make.version(make.solution(group))
    made = {"group": group, "dataset": dataset, "items": items, "version": version, "failed": failed}
    made["campaign"] = make.campaign(version)
    made["attribution"] = attribution(make, group, metric())
    made["tracker"] = make.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
    put_marked_events(made["tracker"], range(5))
    item = {"itemId": f"{MARKER}-i002", "properties": json.dumps({"genre": f"{MARKER}-new"})}
    events().put_items(datasetArn=items, items=[item])
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    runtime.get_recommendations(campaignArn=made["campaign"], userId="u")
    make.deletion_job(group, make.upload(f"USER_ID\n{MARKER}-v1\n", "users.csv"))
    return made


def put_marked_events(tracker: str, numbers: range) -> None:
    for number in numbers:
        event = {
            "eventId": f"{MARKER}-{number}", "eventType": "watch", "itemId": f"{MARKER}-i002", "eventValue": 1.5,
            "sentAt": 1_700_000_000 + number, "metricAttribution": {"eventAttributionSource": f"{MARKER}-source"},
        }  # fmt: skip
        events().put_events(
            trackingId=tracker, userId=f"{MARKER}-v{number % 2}", sessionId=f"{MARKER}-s", eventList=[event]
        )


def files_with(directory: Path, text: str) -> set[str]:
    """Names of all files in which the text is found in clear, or as the hexadecimal digits of it."""
    words = (text.encode(), text.encode().hex().encode(), text.encode("utf-16-le"))
    found = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return {path.suffix for path, content in found.items() if any(word in content for word in words)}


@pytest.mark.parametrize("with_key", [False, True])
def test_nothing_of_the_data_is_in_clear_in_the_directory(tmp_path: Path, with_key: bool) -> None:
    """The directory of a server at work: rows, models, events, reports, reasons of failures, sums of attributions."""
    with started(tmp_path) as emulator:
        made = filled_group(new_key() if with_key else None)
        emulator.advance(1)
        described = given().personalize.describe_dataset_import_job(datasetImportJobArn=made["failed"])
        assert MARKER in described["datasetImportJob"]["failureReason"]
        found = files_with(tmp_path, MARKER)
        assert (tmp_path / "state.db-wal").stat().st_size
    assert found == (set() if with_key else {".arrow", ".model", ".db-wal"})
    # The end has written recommendations and histories, too.
    assert files_with(tmp_path, MARKER) == (set() if with_key else {".arrow", ".model", ".db"})


def test_all_data_come_back_and_go_on(tmp_path: Path) -> None:
    key = new_key()
    with started(tmp_path) as emulator:
        made = filled_group(key)
        before = picture(emulator)
    with started(tmp_path) as emulator:
        after = picture(emulator)
        for part, value in before.items():
            assert after[part] == value, part
        assert any(before["answers"].values())
        # Events with known ids are stored once, users can be removed by the tokens that rows of an earlier start have.
        put_marked_events(made["tracker"], range(5, 8))
        given().deletion_job(made["group"], given().upload(f"USER_ID\n{MARKER}-v0\n", "users.csv"), "another")
        given().version(made["version"].rpartition("/")[0])
        before = picture(emulator)
    with started(tmp_path) as emulator:
        after = picture(emulator)
        for part, value in before.items():
            assert after[part] == value, part
        assert files_with(tmp_path, MARKER) == set()


def test_a_start_with_a_disabled_key_loads_the_data_when_it_is_enabled(tmp_path: Path) -> None:
    key = new_key()
    with started(tmp_path) as emulator:
        made = filled_group(key)
        campaign, other = made["campaign"], given().imported_group(name="other")
        clear = given().campaign(given().version(given().solution(other, name="other")), "other")
        before = contents(emulator), answers(emulator)
        kms().disable_key(KeyId=key)
    with started(tmp_path) as emulator:
        runtime = boto3.client("personalize-runtime", region_name=REGION)
        assert runtime.get_recommendations(campaignArn=clear, userId="u1")["itemList"]
        code, text = refusal(runtime.get_recommendations, campaignArn=campaign, userId="u1")
        assert (code, text.rpartition(": ")[2]) == ("InvalidInputException", "its state is Disabled.")
        for call in (put_marked_events, lambda *_: given().version(made["version"].rpartition("/")[0])):
            assert refusal(lambda call=call: call(made["tracker"], range(9, 10))) == (code, text)
        # What needs no data goes on, and leaves the data as they are.
        personalize = given().personalize
        assert personalize.describe_campaign(campaignArn=campaign)["campaign"]["status"] == "ACTIVE"
        personalize.tag_resource(resourceArn=made["dataset"], tags=[{"tagKey": "a", "tagValue": "b"}])
        personalize.tag_resource(resourceArn=made["version"], tags=[{"tagKey": "a", "tagValue": "b"}])
        personalize.delete_metric_attribution(metricAttributionArn=made["attribution"])
    with started(tmp_path) as emulator:
        kms().enable_key(KeyId=key)
        assert runtime.get_recommendations(campaignArn=campaign, userId="u1")["itemList"]
        assert (contents(emulator), answers(emulator)) == before
        put_marked_events(made["tracker"], range(9, 10))
        after = contents(emulator)
    with started(tmp_path) as emulator:
        assert contents(emulator) == after
        described = given().personalize.describe_dataset_import_job(datasetImportJobArn=made["failed"])
        assert MARKER in described["datasetImportJob"]["failureReason"]


def test_a_resource_made_anew_does_not_get_the_data_of_its_predecessor(tmp_path: Path) -> None:
    """While the key is disabled a dataset is deleted, and made again under the same ARN."""
    key = new_key()
    with started(tmp_path):
        group = given().group(roleArn=ROLE, kmsKeyArn=key)
        dataset = given().dataset(group)
        given().import_job(dataset, given().upload(as_csv(two_camps())))
    kms().disable_key(KeyId=key)
    with started(tmp_path):
        given().personalize.delete_dataset(datasetArn=dataset)
        assert given().dataset(group, given().schema(name="again")) == dataset
    kms().enable_key(KeyId=key)
    with started(tmp_path) as emulator:
        (held,) = emulator.state.all_contents()
        assert held.bulk is None
        given().import_job(dataset, f"s3://{'personalize-tests'}/interactions.csv")
        assert held.bulk is not None
    assert files_with_rows(tmp_path) == 1


def files_with_rows(directory: Path) -> int:
    return len(list((directory / "blobs").glob("*.arrow")))


@pytest.mark.parametrize("damage", ["swapped events", "swapped entries", "another key"])
def test_what_was_swapped_is_not_read(tmp_path: Path, damage: str) -> None:
    """Associated data bind each ciphertext to its place; the data stay unreadable, and the start does not fail."""
    key = new_key()
    with started(tmp_path):
        make, group = given(), given().group(roleArn=ROLE, kmsKeyArn=key)
        dataset = make.dataset(group)
        make.import_job(dataset, make.upload(as_csv(two_camps())))
        tracker = make.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        for number in range(2):
            event = {"eventType": "watch", "itemId": "i001", "sentAt": 1_700_000_000 + number}
            events().put_events(trackingId=tracker, userId="u", sessionId="s", eventList=[event])
        make.import_job(make.dataset(group, make.schema(ITEMS_SCHEMA, "items"), "Items", "items"),
                        make.upload("ITEM_ID,GENRE\ni001,a\n", "items.csv"), "items")  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        if damage == "swapped events":
            swap(database, "events", "position", "event", 0, 1)
        elif damage == "swapped entries":
            swap(database, "resources", "arn", "entry", dataset, dataset.replace("INTERACTIONS", "ITEMS"))
        else:
            wrapped = kms().generate_data_key(
                KeyId=key, KeySpec="AES_256", EncryptionContext={"datasetGroupArn": group}
            )
            (entry,) = database.execute("SELECT entry FROM resources WHERE arn = ?", (group,)).fetchone()
            node = json.loads(entry)
            node["key"]["wrapped"] = wrapped["CiphertextBlob"].hex()
            database.execute("UPDATE resources SET entry = ? WHERE arn = ?", (json.dumps(node), group))
    with started(tmp_path) as emulator:
        refused = refusal(lambda: events().put_events(trackingId=tracker, sessionId="s", eventList=[event]))
        assert refused[1].endswith("cannot be used: it could not decrypt the data.")
        assert emulator.state.contents(dataset) is None


def swap(database: sqlite3.Connection, table: str, key: str, column: str, first: Any, second: Any) -> None:
    select = f"SELECT {column} FROM {table} WHERE {key} = ?"
    values = [database.execute(select, (each,)).fetchone()[0] for each in (second, first)]
    for each, value in zip((first, second), values, strict=True):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, each))


def test_an_archive_has_the_data_encrypted_and_the_keys(tmp_path: Path) -> None:
    """A mock that starts from it answers at once, with the KMS key of the archive in its KMS."""
    directory, archive = tmp_path / "data", tmp_path / "trained.tar.gz"
    with started(directory) as emulator:
        made = filled_group(new_key())
        before = answers(emulator)
        assert emulator.service_rows is not None
        ServiceKeeper(emulator.service_rows).keep_whole(WHOLE_STORES["kms"])
    export_directory(directory, archive)
    with fresh_stores(), mock_personalize(state=str(archive)) as emulator:
        assert answers(emulator) == before
        (key,) = (each["KeyArn"] for each in kms().list_keys()["Keys"])
        kms().disable_key(KeyId=key)
        assert "Disabled" in refusal(lambda: put_marked_events(made["tracker"], range(1)))[1]


def test_an_export_from_memory_has_the_data_encrypted_and_the_keys(tmp_path: Path) -> None:
    archive, unpacked = tmp_path / "trained.tar.gz", tmp_path / "unpacked"
    with mock_personalize(clock=ManualClock()) as emulator:
        filled_group(new_key())
        before = picture(emulator)
        emulator.export(archive)
    import_archive(archive, unpacked)
    assert files_with(unpacked, MARKER) == set()
    with fresh_stores(), mock_personalize(state=str(archive), clock=ManualClock()) as emulator:
        after = picture(emulator)
    for part in ("contents", "answers", "ledgers", "reports"):
        assert after[part] == before[part], part


def fresh_stores() -> Any:
    """Empties the stores, as a new process has them."""
    from moto.core.base_backend import BackendDict

    BackendDict.reset()
    return mock_aws()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_files_are_read_as_they_were_written(size: int) -> None:
    sealer, content = Sealer(b"k" * 32), b"0123456789abcdef" * (size // 16 + 1)
    file = BytesIO()
    writer = sealer.writer("name", file)
    for start in range(0, size, CHUNK // 2 + 3):
        writer.write(content[start : min(start + CHUNK // 2 + 3, size)])
    writer.finish()
    assert sealer.read("name", file.getvalue()) == content[:size]


def test_changed_files_are_refused() -> None:
    """Any changed byte, another name or key, a chunk left out, moved or cut off."""
    sealer, file = Sealer(b"k" * 32), BytesIO()
    writer = sealer.writer("name", file)
    writer.write(b"x" * (2 * CHUNK + 5))
    writer.finish()
    whole = file.getvalue()
    head, size = 24, CHUNK + 16
    first, second, last = whole[head : head + size], whole[head + size : head + 2 * size], whole[head + 2 * size :]
    changed = [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in (0, 8, head, len(whole) - 1)
    ]
    changed += [whole[:head] + parts for parts in (first + last, second + first + last, first + second, b"")]
    for content in changed:
        with pytest.raises(WronglySealed):
            sealer.read("name", content)
    for other, name in ((sealer, "other"), (Sealer(b"l" * 32), "name")):
        with pytest.raises(WronglySealed):
            other.read(name, whole)


def test_texts_are_bound_to_their_name_and_users_have_tokens() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal("one", "text")
    assert sealer.open("one", sealed) == "text"
    assert sealer.seal("one", "text") != sealed
    with pytest.raises(WronglySealed):
        sealer.open("two", sealed)
    assert sealer.token("u1") == Sealer(b"k" * 32).token("u1") != Sealer(b"l" * 32).token("u1")
    assert "u1" not in sealer.token("u1")


def test_a_reason_that_came_while_the_group_was_locked_stays(tmp_path: Path) -> None:
    """It quotes no data: it is there after the next restart, too, without the key."""
    key = new_key()
    with started(tmp_path) as emulator:
        version = filled_group(key)["version"]
    # As a process leaves it that is killed during a training.
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        (text,) = database.execute("SELECT record FROM resources WHERE arn = ?", (version,)).fetchone()
        record = json.dumps({**json.loads(text), "status": "CREATE IN_PROGRESS"})
        database.execute("UPDATE resources SET record = ? WHERE arn = ?", (record, version))
        database.commit()
    kms().disable_key(KeyId=key)
    for _ in range(2):
        with started(tmp_path) as emulator:
            found = emulator.state.store.find(version)
            assert isinstance(found, Stateful)
            assert (found.status, found.failure_reason) == ("CREATE FAILED", RESTARTED)


def test_several_threads_may_find_a_stale_entry(tmp_path: Path) -> None:
    """The second comes between the look-up and the removal of the first."""
    key = new_key()
    with started(tmp_path):
        dataset = filled_group(key)["items"]
    kms().disable_key(KeyId=key)
    with started(tmp_path) as emulator:
        durable = emulator._durable
        assert durable is not None
        entries = durable._journal._entries
        assert entries is not None
        locked, store = entries.locked, emulator.state.store
        assert dataset in locked.entries

        class Store:
            def find(self, arn: str) -> None:
                locked.entries.pop(arn, None)

        locked._state = cast(Any, replace(emulator.state, store=cast(Any, Store())))
        assert locked.kept(dataset) is None
        locked._state = emulator.state
        assert store.find(dataset) is not None
