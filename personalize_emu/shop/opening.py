"""Creates the shop's resources through boto3: data, trainings, campaigns, a filter, events and metric attribution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import ClientError

from personalize_emu.demo import Dataset
from personalize_emu.demo.account import KINDS, ROLE, Account
from personalize_emu.shop.metrics import create_attribution
from personalize_emu.shop.recommendations import Resources

NAME = "shop"
RECIPES: Mapping[str, str] = {
    "for-you": "aws-user-personalization",
    "popular": "aws-popularity-count",
    "similar": "aws-similar-items",
    "ranked": "aws-personalized-ranking",
}
"""Recipe by name of solution and campaign."""
CATEGORY_FILTER = "INCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($CATEGORY)"


class AlreadyOpen(Exception):
    """The server has resources of another shop."""


def open_shop(account: Account, data: Dataset) -> Resources:
    """Import, train and deploy.

    Raises:
        AlreadyOpen: names are taken. DemoFailed: a job failed. ClientError: a request was refused.
    """
    try:
        group = account.dataset_group(NAME)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
        raise AlreadyOpen(f"there is a dataset group named {NAME} already") from error
    role = _import(account, group, data)
    trained = account.train(group, RECIPES)
    campaigns = {name: account.deploy(name, version) for name, (_, version) in trained.items()}
    made = account.personalize.create_filter(
        name="of-category", datasetGroupArn=group, filterExpression=CATEGORY_FILTER
    )
    account.wait("filter", "filter", made["filterArn"])
    _, tracking_id = account.tracker(group)
    account.wait("metric attribution", "metricAttribution", create_attribution(account.personalize, group, role))
    return Resources(campaigns, made["filterArn"], tracking_id)


def _import(account: Account, group: str, data: Dataset) -> str:
    """Returns the ARN of the role, which may read the bucket and put metrics."""
    with TemporaryDirectory() as folder:
        role = account.upload({path.stem: path for path in data.write_csv(Path(folder))})
    publishing = {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"}
    account.iam.put_role_policy(
        RoleName=ROLE,
        PolicyName="publish",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [publishing]}),
    )
    for name in KINDS:
        account.import_file(account.dataset(group, name), name, role)
    return role
