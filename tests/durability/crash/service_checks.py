"""Compares what a server that was started again answers with what clients of the killed one know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.durability.crash.answered import OUTPUTS, Answered, Lost
from tests.durability.crash.programs import EXPORT_LINES, INFERENCE_LINES, LASTING, POLLED_EVERY, SEGMENT_LINES, Clients
from tests.given import BUCKET

_LINES = {"users.json.out": INFERENCE_LINES, "items.json.out": SEGMENT_LINES, "part-00000.csv": EXPORT_LINES}
_MARK = "_CHECK"
"""Ends the keys of empty objects that batch jobs write first (B-41)."""


class ServiceChecks:
    """Remembers which output has been read, as there is more in each round."""

    def __init__(self, known: Answered) -> None:
        self._known = known
        self._read: set[str] = set()

    def check(self, clients: Clients) -> None:
        """Raises Lost."""
        s3, iam, personalize = clients.client("s3"), clients.client("iam"), clients.client("personalize")
        for fault in (*self._objects(s3), *self._roles(iam), *self._outputs(s3, personalize)):
            raise Lost(fault)

    def _objects(self, s3: Any) -> Iterator[str]:
        there = keys(s3, "object-")
        for key, content in self._known.objects.items():
            if content is None:
                continue
            found = text_of(s3, key) if key in there else ""
            if found != content:
                yield f"object {key} has {found!r} instead of {content!r}"

    def _roles(self, iam: Any) -> Iterator[str]:
        roles = {role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]}
        if self._known.roles - roles:
            yield f"{len(self._known.roles - roles)} roles are lost, such as {min(self._known.roles - roles)}"

    def _outputs(self, s3: Any, personalize: Any) -> Iterator[str]:
        """Of a job that is ACTIVE the output is there, and no output is half of a whole, whatever became of its job."""
        jobs = {arn: output for arn, output in self._known.outputs.items() if output.key not in self._read}
        statuses = {arn: status_that_lasts(personalize, output.kind, arn) for arn, output in jobs.items()}
        there = keys(s3, OUTPUTS)
        for arn, output in jobs.items():
            if statuses[arn] == "ACTIVE" and output.key not in there:
                yield f"{arn} is ACTIVE, and {output.key} is missing"
        if self._read - there:
            yield f"{min(self._read - there)} is missing"
        for key in there - self._read:
            if key.endswith(_MARK):
                continue
            lines, wanted = text_of(s3, key).count("\n"), _LINES[key.rpartition("/")[2]]
            if lines != wanted:
                yield f"{key} has {lines} lines instead of {wanted}"
            self._read.add(key)


def status_that_lasts(personalize: Any, kind: str, arn: str) -> str:
    """Jobs may go on after a restart."""
    member = "".join(word.title() if number else word for number, word in enumerate(kind.split("_")))
    while True:
        status = getattr(personalize, f"describe_{kind}")(**{f"{member}Arn": arn})[member]["status"]
        if status in LASTING:
            return str(status)
        time.sleep(POLLED_EVERY)


def keys(s3: Any, prefix: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {each["Key"] for page in pages for each in page.get("Contents", ())}


def text_of(s3: Any, key: str) -> str:
    return str(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())
