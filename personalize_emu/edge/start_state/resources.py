"""Creates what a declarative start file names, with boto3: on a server or inside a mock.

What exists by its name is used as it is, so that a file can be applied again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from personalize_emu.edge.start_state.documents import (
    Declared,
    DeclaredDataset,
    DeclaredGroup,
    DeclaredSolution,
    Document,
)

POLL_SECONDS = 0.05
BUCKET = "personalize-emu-init"
ROLE = "PersonalizeEmuInit"
_SERVICE = {"Service": "personalize.amazonaws.com"}

ClientOf = Callable[[str], Any]
"""Service -> boto3 client in the region of a document."""


class StartFailed(Exception):
    """A resource of a start file could not be created; the text names it and says why."""


class Creation:
    """Creates the resources of one document."""

    def __init__(self, client_of: ClientOf) -> None:
        self._s3 = client_of("s3")
        self._iam = client_of("iam")
        self._personalize = client_of("personalize")
        self._role = ""

    def create(self, document: Document) -> None:
        """Create everything, each when what it needs is ACTIVE.

        Raises:
            StartFailed: a call was refused, or a job failed.
        """
        for name, folder in document.buckets.items():
            self._at(f"buckets.{name}", partial(self._bucket, name, folder))
        for group in document.groups:
            self._group(group)

    def _at(self, place: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ClientError as error:
            raise StartFailed(f"{place}: {error.response['Error']['Message']}") from error
        except BotoCoreError as error:
            raise StartFailed(f"{place}: {error}") from error

    def _group(self, group: DeclaredGroup) -> None:
        arn = self._made("dataset_group", group, {"name": group.name})
        for dataset in group.datasets:
            self._dataset(group, arn, dataset)
        scope = {"datasetGroupArn": arn}
        for declared in group.filters:
            self._made("filter", declared, {"name": declared.name}, scope)
        if group.event_tracker is not None:
            self._made("event_tracker", group.event_tracker, {"name": group.event_tracker.name}, scope)
        for declared in group.recommenders:
            self._made("recommender", declared, {"name": declared.name}, scope)
        for solution in group.solutions:
            self._solution(solution, scope)

    def _dataset(self, group: DeclaredGroup, group_arn: str, dataset: DeclaredDataset) -> None:
        name = f"{group.name}-{dataset.name.lower().replace('_', '-')}"
        domain = {"domain": group.members["domain"]} if "domain" in group.members else {}
        schema = Declared(f"{dataset.place}.schema", name, {"schema": dataset.schema, **domain})
        schema_arn = self._made("schema", schema, {"name": name})
        kind = {"datasetType": dataset.name.upper()}
        scope = {"datasetGroupArn": group_arn}
        arn = self._made("dataset", dataset, kind, scope, {"name": name, "schemaArn": schema_arn})
        if dataset.data:
            self._import(dataset, name, arn)

    def _import(self, dataset: DeclaredDataset, name: str, arn: str) -> None:
        place = f"{dataset.place}.data"
        job = Declared(place, f"{name}-init")
        if self._found("dataset_import_job", {"jobName": job.name}, {"datasetArn": arn}) is not None:
            return
        self._at(place, lambda: self._upload(name, dataset.data))
        source = {"dataSource": {"dataLocation": f"s3://{BUCKET}/{name}/"}, "roleArn": self._role}
        self._made("dataset_import_job", job, {"jobName": job.name}, {"datasetArn": arn}, source)

    def _solution(self, solution: DeclaredSolution, scope: Mapping[str, Any]) -> None:
        arn = self._made("solution", solution, {"name": solution.name}, scope)
        if not solution.train:
            return
        version = self._made("solution_version", Declared(solution.place, ""), {}, {"solutionArn": arn})
        for campaign in solution.campaigns:
            params = {"solutionVersionArn": version}
            self._made("campaign", campaign, {"name": campaign.name}, {}, params, listed_by={"solutionArn": arn})

    def _made(
        self,
        kind: str,
        declared: Declared,
        identity: Mapping[str, str],
        scope: Mapping[str, Any] = {},
        params: Mapping[str, Any] = {},
        *,
        listed_by: Mapping[str, Any] | None = None,
    ) -> str:
        """The ARN of a resource that exists or is created now, when it is ACTIVE.

        identity: members of its summary that tell it from others. scope: its parent, for Create and List alike;
        listed_by: for List, if that differs. params: further members for Create.
        """

        def make() -> str:
            found = self._found(kind, identity, scope if listed_by is None else listed_by)
            if found is None:
                sent = {**identity, **scope, **params, **declared.members}
                found = str(getattr(self._personalize, f"create_{kind}")(**sent)[f"{_camel(kind)}Arn"])
            if kind != "schema":
                self._wait(kind, found, declared.place)
            return found

        arn: str = self._at(declared.place, make)
        return arn

    def _found(self, kind: str, identity: Mapping[str, str], scope: Mapping[str, Any]) -> str | None:
        """The ARN of an existing resource."""
        plural = f"list_{kind}s"
        for page in self._personalize.get_paginator(plural).paginate(**scope):
            entries = next(value for value in page.values() if isinstance(value, list))
            for entry in entries:
                if all(str(entry.get(name, "")).upper() == value.upper() for name, value in identity.items()):
                    return str(entry[f"{_camel(kind)}Arn"])
        return None

    def _wait(self, kind: str, arn: str, place: str) -> None:
        member = _camel(kind)
        while True:
            answer = getattr(self._personalize, f"describe_{kind}")(**{f"{member}Arn": arn})[member]
            if answer["status"] == "ACTIVE":
                return
            if answer["status"].endswith(("FAILED", "STOPPED")):
                raise StartFailed(f"{place}: {answer.get('failureReason', answer['status'])}")
            time.sleep(POLL_SECONDS)

    def _bucket(self, name: str, folder: Path | None) -> None:
        self._make_bucket(name)
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
        for path in files:
            assert folder is not None, "only a folder has files"
            self._s3.upload_file(str(path), name, path.relative_to(folder).as_posix())

    def _make_bucket(self, name: str) -> None:
        region = self._s3.meta.region_name
        elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self._s3.create_bucket(Bucket=name, **elsewhere)
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise

    def _upload(self, folder: str, files: Sequence[Path]) -> None:
        """Put files where the service may read them; makes bucket, bucket policy and role."""
        reading = {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
        if not self._role:
            self._make_bucket(BUCKET)
            self._s3.put_bucket_policy(Bucket=BUCKET, Policy=_policy({**reading, "Principal": _SERVICE}))
            self._role = self._make_role(reading)
        for path in files:
            self._s3.upload_file(str(path), BUCKET, f"{folder}/{path.name}")

    def _make_role(self, reading: Mapping[str, Any]) -> str:
        trust = _policy({"Effect": "Allow", "Principal": _SERVICE, "Action": "sts:AssumeRole"})
        try:
            arn = self._iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "EntityAlreadyExists":
                raise
            arn = self._iam.get_role(RoleName=ROLE)["Role"]["Arn"]
        self._iam.put_role_policy(RoleName=ROLE, PolicyName="read", PolicyDocument=_policy(reading))
        return str(arn)


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _camel(kind: str) -> str:
    first, *rest = kind.split("_")
    return first + "".join(word.capitalize() for word in rest)
