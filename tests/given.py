"""Helpers that create resources through boto3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BUCKET = "personalize-tests"
ROLE = "arn:aws:iam::123456789012:role/PersonalizeRole"
REGION = "us-east-1"
ACCOUNT = "123456789012"
SIMS = "arn:aws:personalize:::recipe/aws-sims"
USER_PERSONALIZATION = "arn:aws:personalize:::recipe/aws-user-personalization"
RANKING = "arn:aws:personalize:::recipe/aws-personalized-ranking"
POPULARITY = "arn:aws:personalize:::recipe/aws-popularity-count"

Row = tuple[str, str, int]


def arn(kind: str, name: str) -> str:
    return f"arn:aws:personalize:{REGION}:{ACCOUNT}:{kind}/{name}"


def avro(record: str, *fields: dict[str, Any]) -> str:
    return json.dumps(
        {
            "type": "record",
            "name": record,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": list(fields),
            "version": "1.0",
        }
    )


def field(name: str, kind: Any = "string", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **attributes}


INTERACTIONS_SCHEMA = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"))
ITEMS_SCHEMA = avro("Items", field("ITEM_ID"), field("GENRE", "string", categorical=True))
USERS_SCHEMA = avro("Users", field("USER_ID"), field("AGE", "int"))


def two_camps(users: int = 60, items: int = 30, events: int = 20) -> list[Row]:
    """Interactions of even users with even items and of odd users with odd items, in random order, without repeats."""
    rows = []
    for user in range(users):
        for step in range(events):
            item = 2 * ((user * 11 + step * 7) % items) + user % 2
            rows.append((f"u{user}", f"i{item:03d}", 1_600_000_000 + 3600 * step + user))
    return rows


def as_csv(rows: Sequence[Row]) -> str:
    return "USER_ID,ITEM_ID,TIMESTAMP\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows)


@dataclass
class Given:
    """Creates what a test needs and returns ARNs. With pace instant everything is ACTIVE on return."""

    personalize: Any
    s3: Any

    def group(self, name: str = "group", **extra: Any) -> str:
        return self.personalize.create_dataset_group(name=name, **extra)["datasetGroupArn"]

    def schema(self, text: str = INTERACTIONS_SCHEMA, name: str = "schema", **extra: Any) -> str:
        return self.personalize.create_schema(name=name, schema=text, **extra)["schemaArn"]

    def dataset(
        self,
        group: str | None = None,
        schema: str | None = None,
        dataset_type: str = "Interactions",
        name: str = "dataset",
        **extra: Any,
    ) -> str:
        return self.personalize.create_dataset(
            name=name,
            schemaArn=schema or self.schema(),
            datasetGroupArn=group or self.group(),
            datasetType=dataset_type,
            **extra,
        )["datasetArn"]

    def upload(self, text: str | bytes, key: str = "interactions.csv") -> str:
        if BUCKET not in [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]:
            self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode() if isinstance(text, str) else text)
        return f"s3://{BUCKET}/{key}"

    def import_job(self, dataset: str, location: str, name: str = "import", **extra: Any) -> str:
        return self.personalize.create_dataset_import_job(
            jobName=name,
            datasetArn=dataset,
            dataSource={"dataLocation": location},
            roleArn=ROLE,
            **extra,
        )["datasetImportJobArn"]

    def export_job(
        self, dataset: str, path: str = f"s3://{BUCKET}/exports/", name: str = "export", **extra: Any
    ) -> str:
        return self.personalize.create_dataset_export_job(
            jobName=name,
            datasetArn=dataset,
            roleArn=ROLE,
            jobOutput={"s3DataDestination": {"path": path}},
            **extra,
        )["datasetExportJobArn"]

    def deletion_job(self, group: str, location: str, name: str = "deletion", **extra: Any) -> str:
        return self.personalize.create_data_deletion_job(
            jobName=name,
            datasetGroupArn=group,
            dataSource={"dataLocation": location},
            roleArn=ROLE,
            **extra,
        )["dataDeletionJobArn"]

    def downloaded(self, prefix: str) -> dict[str, str]:
        """Content of the objects below a prefix, by key."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            entry["Key"]: self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read().decode()
            for entry in found
        }

    def imported_group(self, rows: Sequence[Row] | None = None, name: str = "group") -> str:
        group = self.group(name)
        dataset = self.dataset(group, self.schema(name=f"{name}-schema"))
        self.import_job(dataset, self.upload(as_csv(rows or two_camps())), name=f"{name}-import")
        return group

    def solution(
        self, group: str | None = None, recipe: str = USER_PERSONALIZATION, name: str = "solution", **extra: Any
    ) -> str:
        return self.personalize.create_solution(
            name=name, datasetGroupArn=group or self.imported_group(), recipeArn=recipe, **extra
        )["solutionArn"]

    def version(self, solution: str | None = None, **extra: Any) -> str:
        return self.personalize.create_solution_version(
            solutionArn=solution or self.solution(), **extra
        )["solutionVersionArn"]

    def campaign(self, version: str | None = None, name: str = "campaign", **extra: Any) -> str:
        return self.personalize.create_campaign(
            name=name, solutionVersionArn=version or self.version(), minProvisionedTPS=1, **extra
        )["campaignArn"]

    def deployed(self, recipe: str, rows: Sequence[Row] | None = None, name: str = "c") -> str:
        """A campaign of a recipe on rows, in a group of its own."""
        group = self.imported_group(rows, name=name)
        return self.campaign(self.version(self.solution(group, recipe, name=name)), name=name)
