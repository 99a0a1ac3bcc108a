"""Each write to the database fails in turn; afterwards memory and disk agree, and nothing that was answered is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from personalize_emu.emulator import Emulator
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
