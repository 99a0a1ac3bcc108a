"""Each write to the database fails in turn; afterwards memory and disk agree, and nothing that was answered is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from personalize_emu.edge.application import create_app
from personalize_emu.emulator import Emulator
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.resources import Dataset, Schema
from tests.durability.faulty_disk import FaultyDisk, mounted
from tests.durability.restarts import given, picture, put_event, started
from tests.durability.test_directory import database_of
from tests.given import POPULARITY, as_csv, two_camps

T = TypeVar("T")
WRITES = ("INSERT ON main.resources", "INSERT ON main.events", "DELETE ON main.resources", "DELETE ON main.events")
TRIES = 4
REFUSALS = ("InvalidInputException", "ResourceNotFoundException")


class Failure:
    """The `number`-th row that is written fails, once."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.has_come = False

    def __call__(self) -> bool:
        self._left -= 1
        self.has_come = self.has_come or self._left == 0
        return self._left == 0


def fail_once(emulator: Emulator, number: int) -> Failure:
    connection, failure = database_of(emulator)._connection, Failure(number)
    connection.create_function("is_due", 0, failure)
    for place, write in enumerate(WRITES):
        connection.execute(
            f"CREATE TEMP TRIGGER fail_{place} BEFORE {write} "
            "BEGIN SELECT RAISE(ABORT, 'disk I/O error') WHERE is_due(); END"
        )
    return failure


def insisted(call: Callable[[], T]) -> T:
    """The answer to a call that is repeated while the directory cannot be written to."""
    for _ in range(TRIES):
        try:
            return call()
        except ClientError as error:
            if "disk I/O error" not in error.response["Error"]["Message"]:
                raise
    raise AssertionError("it fails once")


def use(emulator: Emulator) -> dict[str, Any]:
    """Some of all that is written, call by call."""
    makes = given()
    group = insisted(lambda: makes.group("films"))
    schema = insisted(lambda: makes.schema(name="views"))
    spare = insisted(lambda: makes.schema(name="spare"))
    dataset = insisted(lambda: makes.dataset(group, schema))
    location = makes.upload(as_csv(two_camps()))
    made = {"import": insisted(lambda: makes.import_job(dataset, location, "first"))}
    tracker = insisted(lambda: makes.personalize.create_event_tracker(name="t", datasetGroupArn=group))["trackingId"]
    for number in range(3):
        insisted(lambda number=number: put_event(tracker, number, f"u{number}"))  # type: ignore[misc]
    place = makes.upload("USER_ID\nu1\n", "users.csv")
    insisted(lambda: makes.deletion_job(group, place, "removal"))
    insisted(lambda: makes.personalize.delete_schema(schemaArn=spare))
    tags = [{"tagKey": "k", "tagValue": "v"}]
    insisted(lambda: makes.personalize.tag_resource(resourceArn=group, tags=tags))
    insisted(lambda: makes.solution(group, POPULARITY, performAutoTraining=False))
    return made


@pytest.mark.parametrize("number", range(1, 30, 2))
def test_memory_and_disk_agree_after_a_failed_write(number: int, tmp_path: Path) -> None:
    with started(tmp_path) as emulator:
        failure = fail_once(emulator, number)
        try:
            use(emulator)
        except ClientError as error:
            # What depends on a job that has failed is refused, and so is what has taken effect before it was repeated.
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
        # A change that succeeds brings along what could not be written before.
        insisted(lambda: given().group("last"))
        before = picture(emulator)
        assert failure.has_come
    with started(tmp_path) as emulator:
        after = picture(emulator)
    for part, value in before.items():
        assert after[part] == value, part


def test_admin_routes_say_what_could_not_be_written(tmp_path: Path) -> None:
    with started(tmp_path) as emulator:
        given().schema()
        fail_once(emulator, 1)
        response = create_app(emulator).test_client().post("/_emu/reset")
        assert response.status_code == 500
        assert "disk I/O error" in response.get_json()["error"]
        assert len(emulator.state.store.all(Schema)) == 1


def test_users_stay_removed_when_the_file_of_another_dataset_cannot_be_written(tmp_path: Path) -> None:
    """D-115: their events are removed from the disk by the next write that succeeds."""
    with started(tmp_path) as emulator:
        makes = given()
        group = makes.group()
        schema = makes.schema()
        streamed = makes.dataset(group, schema)
        tracker = makes.personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        put_event(tracker, 1, user="u0")
        put_event(tracker, 2, user="u1")
        imported = makes.imported_group(name="other")
        other = next(each.arn for each in emulator.state.store.all(Dataset) if each.dataset_group_arn == imported)
        state = emulator.state

        def remove() -> None:
            with state.store.lock:
                state.store.touch(streamed, other)
                for contents in (state.contents(streamed), state.contents(other)):
                    assert contents is not None
                    contents.remove_users(contents.prepare_removal(frozenset({"u0"})))

        with mounted(FaultyDisk(tmp_path, failing=1)), pytest.raises(NotWritten):
            remove()
        makes.schema(name="next")
        before = picture(emulator)["contents"]
    with started(tmp_path) as emulator:
        assert picture(emulator)["contents"] == before
