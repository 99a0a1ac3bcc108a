"""The owner of a bucket: sets up roles, buckets and keys for the service, and imports through them (boto3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.clients import client
from tests.given import ACCOUNT, BUCKET, REGION, ROLE, Given, as_csv, two_camps
from tests.refusals import refusal

SERVICE = {"Service": "personalize.amazonaws.com"}
TRUST = {"Effect": "Allow", "Principal": SERVICE, "Action": "sts:AssumeRole"}
READING = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
}
NO_ACCESS = (
    "InvalidInputException",
    "Insufficient privileges for accessing data in S3. Please look at https://docs.aws.amazon.com/personalize/"
    f"latest/dg/granting-personalize-s3-access.html#attach-bucket-policy and fix bucket policy on {BUCKET}.",
)
INVALID = "InvalidInputException"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Owner:
    """Creates a role and a bucket, grants access, and starts import jobs."""

    def __init__(self) -> None:
        self.iam = client("iam")
        self.s3 = client("s3")
        self.given = Given(client("personalize"), self.s3)
        self.location = self.given.upload(as_csv(two_camps()), "data/interactions.csv")
        self.name = ROLE.rpartition("/")[2]

    def role(self, trust: Mapping[str, Any] = TRUST, path: str = "/") -> str:
        made = self.iam.create_role(RoleName=self.name, Path=path, AssumeRolePolicyDocument=policy(trust))
        arn: str = made["Role"]["Arn"]
        return arn

    def grant_role(self, *statements: Mapping[str, Any], name: str = "inline") -> None:
        document = policy(*(statements or (READING,)))
        self.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=document)

    def grant_service(self, *statements: Mapping[str, Any]) -> None:
        given = statements or ({**READING, "Principal": SERVICE},)
        self.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(*given))

    def dataset(self) -> str:
        return self.given.dataset()

    def request(self, dataset: str, role: str = ROLE) -> dict[str, Any]:
        return {
            "jobName": "import",
            "datasetArn": dataset,
            "dataSource": {"dataLocation": self.location},
            "roleArn": role,
        }

    def imports(self, dataset: str, role: str = ROLE) -> str:
        """Import, and give the job's status."""
        create = self.given.personalize.create_dataset_import_job
        job = create(**self.request(dataset, role))["datasetImportJobArn"]
        status: str = self.job(job)["status"]
        return status

    def job(self, job: str) -> dict[str, Any]:
        answer = self.given.personalize.describe_dataset_import_job(datasetImportJobArn=job)
        described: dict[str, Any] = answer["datasetImportJob"]
        return described

    def refused(self, dataset: str, role: str = ROLE, *, status: int = 400) -> tuple[str, str]:
        create = self.given.personalize.create_dataset_import_job
        return refusal(create, status=status, **self.request(dataset, role))
