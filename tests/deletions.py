"""Helpers for tests of data deletion jobs."""

from __future__ import annotations

from typing import Any

from personalize_emu.emulator import Emulator
from tests.given import Given


def job_of(given: Given, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = given.personalize.describe_data_deletion_job(dataDeletionJobArn=job)
    return answer["dataDeletionJob"]


def user_list(given: Given, *users: str, key: str = "users.csv") -> str:
    return given.upload("USER_ID\n" + "".join(f"{user}\n" for user in users), key)


def users_in(emulator: Emulator, dataset: str) -> set[str]:
    contents = emulator.state.contents(dataset)
    bulk = contents.bulk.column("USER_ID").to_pylist() if contents.bulk is not None else []
    return {*bulk, *(row["USER_ID"] for row in contents.log.rows())}
