"""What the exercises start from: the bundled shop, imported and trained in an emulator in the notebook's process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from personalize_emu import mock_personalize
from personalize_emu.demo import generate
from personalize_emu.schema_files import schema_text

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/any"
USERS = 150


class Classroom:
    """The shop, clients of the emulator, and ARNs.

    shop: the generated data. datasets: ARN by "interactions" and "items". version: of a trained User-Personalization
    with new items. campaign: of that version, without exploration. tracking_id: of an event tracker.
    """

    def __init__(self) -> None:
        self._mock = mock_personalize()
        self.emulator = self._mock.start()
        self.personalize: Any = boto3.client("personalize", region_name=REGION)
        self.runtime: Any = boto3.client("personalize-runtime", region_name=REGION)
        self.events: Any = boto3.client("personalize-events", region_name=REGION)
        self.shop = generate(users=USERS)
        self.group = self.personalize.create_dataset_group(name="class")["datasetGroupArn"]
        self.datasets = self._imported()
        tracker = self.personalize.create_event_tracker(name="class", datasetGroupArn=self.group)
        self.tracking_id = tracker["trackingId"]
        solution = self.personalize.create_solution(
            name="for-you",
            datasetGroupArn=self.group,
            recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
            performAutoTraining=False,
        )["solutionArn"]
        self.version = self.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        self.campaign = self.personalize.create_campaign(
            name="for-you",
            solutionVersionArn=self.version,
            campaignConfig={"itemExplorationConfig": {"explorationWeight": "0"}},
        )["campaignArn"]

    def close(self) -> None:
        """End the emulator."""
        self._mock.stop()

    def listed(self, user: str, count: int = 10, campaign: str = "", **options: Any) -> list[str]:
        """Item ids that a campaign recommends, best first. options: of GetRecommendations."""
        arn = campaign or self.campaign
        answer = self.runtime.get_recommendations(campaignArn=arn, userId=user, numResults=count, **options)
        return [item["itemId"] for item in answer["itemList"]]

    def titles(self, items: list[str]) -> list[str]:
        """Title and category of items, to read."""
        found = {item.item_id: f"{item.title} ({item.category_l1}, {item.price})" for item in self.shop.items}
        return [found.get(item, item) for item in items]

    def bought(self, user: str) -> set[str]:
        """Items that a user has bought."""
        return {row.item_id for row in self.shop.interactions if row.user_id == user and row.event_type == "Purchase"}

    def never_seen(self) -> set[str]:
        """Items without any interaction."""
        return {item.item_id for item in self.shop.items} - {row.item_id for row in self.shop.interactions}

    def _imported(self) -> Mapping[str, str]:
        s3: Any = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="class")
        datasets = {}
        with tempfile.TemporaryDirectory() as folder:
            self.shop.write_csv(folder)
            for kind in ("interactions", "items"):
                s3.upload_file(str(Path(folder) / f"{kind}.csv"), "class", f"{kind}.csv")
                schema = self.personalize.create_schema(name=kind, schema=schema_text(f"demo/{kind}"))["schemaArn"]
                datasets[kind] = self.personalize.create_dataset(
                    name=kind, schemaArn=schema, datasetGroupArn=self.group, datasetType=kind
                )["datasetArn"]
                self.personalize.create_dataset_import_job(
                    jobName=kind,
                    datasetArn=datasets[kind],
                    dataSource={"dataLocation": f"s3://class/{kind}.csv"},
                    roleArn=ROLE,
                )
        return datasets
