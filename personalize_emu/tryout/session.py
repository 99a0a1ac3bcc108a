"""Imports tables, trains and deploys through boto3 clients, and asks for recommendations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.tryout.conversion import Upload

BUCKET = "personalize-emu-try"
POPULAR = "aws-popularity-count"
RELATED = "aws-similar-items"
POLL_SECONDS = 0.1
ALMOST = 0.99
FAILED = ("CREATE FAILED", "CREATE STOPPED")

Tell = Callable[[str, float], None]
"""(what is being done, share of it that is done)"""


class TryFailed(RuntimeError):
    """A job failed; the message has the reason of the service."""


def tell_nobody(_what: str, _share: float) -> None:
    """Progress that is not shown."""


@dataclass
class TrySession:
    """clients: boto3 clients by service name. share: progress of the job of a resource by its ARN, from 0 to 1."""

    clients: Mapping[str, Any]
    tell: Tell = tell_nobody
    share: Callable[[str], float] = lambda _: 0.0
    campaigns: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def personalize(self) -> Any:
        return self.clients["personalize"]

    def load(self, name: str, uploads: Mapping[str, Upload]) -> str:
        """Create a dataset group and import files by dataset type; returns the ARN of the group.

        Raises:
            TryFailed: a file was refused.
        """
        group = str(self.personalize.create_dataset_group(name=name)["datasetGroupArn"])
        self._wait("dataset group", "dataset_group", datasetGroupArn=group)
        s3 = self.clients["s3"]
        s3.create_bucket(Bucket=BUCKET)
        for kind, upload in uploads.items():
            s3.put_object(Bucket=BUCKET, Key=f"{name}/{kind}.csv", Body=upload.csv.encode())
            self._import(group, name, kind, upload)
        return group

    def train(self, group: str, recipes: Mapping[str, str]) -> None:
        """Train and deploy each recipe. recipes: name of the campaign to name of the recipe.

        Raises:
            TryFailed: there is too little data, or a training failed.
        """
        versions = {name: self._version(group, name, recipe) for name, recipe in recipes.items()}
        for name, version in versions.items():
            self._wait(f"training {recipes[name]}", "solution_version", solutionVersionArn=version)
            self.metrics[name] = self.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
            campaign = self.personalize.create_campaign(name=name, solutionVersionArn=version)["campaignArn"]
            self._wait(f"deploying {name}", "campaign", campaignArn=campaign)
            self.campaigns[name] = campaign

    def items(self, campaign: str, count: int, **request: str) -> list[str]:
        """Recommended item ids. request: userId or itemId."""
        asked = {"campaignArn": self.campaigns[campaign], "numResults": count, **request}
        answer = self.clients["personalize-runtime"].get_recommendations(**asked)
        return [entry["itemId"] for entry in answer["itemList"]]

    def _version(self, group: str, name: str, recipe: str) -> str:
        """The ARN of a version in training. Raises TryFailed: the service refuses to train the recipe."""
        create = self.personalize
        try:
            solution = create.create_solution(
                name=name,
                datasetGroupArn=group,
                recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
                performAutoTraining=False,
            )["solutionArn"]
            version: str = create.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        except create.exceptions.ClientError as error:
            raise TryFailed(f"{recipe} cannot be trained: {error}") from error
        return version

    def _import(self, group: str, name: str, kind: str, upload: Upload) -> None:
        create = self.personalize
        schema = create.create_schema(name=f"{name}-{kind}", schema=upload.schema)["schemaArn"]
        dataset = create.create_dataset(
            name=f"{name}-{kind}", schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        job = create.create_dataset_import_job(
            jobName=f"{name}-{kind}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{BUCKET}/{name}/{kind}.csv"},
        )["datasetImportJobArn"]
        self._wait(f"importing {kind}", "dataset_import_job", datasetImportJobArn=job)

    def _wait(self, what: str, resource: str, **arn: str) -> None:
        (member,) = arn
        while True:
            found = getattr(self.personalize, f"describe_{resource}")(**arn)[member.removesuffix("Arn")]
            if found["status"] == "ACTIVE":
                self.tell(what, 1.0)
                return
            if found["status"] in FAILED:
                raise TryFailed(f"{what} failed: {found.get('failureReason', found['status'])}")
            # A job whose last stage has ended is not yet ACTIVE.
            self.tell(what, min(self.share(arn[member]), ALMOST))
            time.sleep(POLL_SECONDS)
