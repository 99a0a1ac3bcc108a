"""The whole path on MovieLens data with boto3 and a folder of CSV files.

    python movielens_path.py FOLDER

Needs AWS_ENDPOINT_URL and dummy credentials. Prints one JSON object; a failure is a traceback.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
from movielens_constraints import Cinema, genres_of, try_all

BUCKET = "personalize-films"
ROLE = "PersonalizeFilms"
GROUP = "films"
RECIPES = {
    "for-you": "aws-user-personalization",
    "more-like-this": "aws-sims",
    "ranked": "aws-personalized-ranking",
    "fans": "aws-item-affinity",
}
WITHOUT_CAMPAIGN = ("fans",)
INTERACTIONS = [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
]
ITEMS = [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "GENRE", "type": "string", "categorical": True},
    {"name": "YEAR", "type": "int"},
]
LISTS = (
    "list_campaigns",
    "list_dataset_groups",
    "list_dataset_import_jobs",
    "list_datasets",
    "list_event_trackers",
    "list_schemas",
    "list_solution_versions",
    "list_solutions",
)
FILES = {"Interactions": "interactions.csv", "Items": "item-meta.csv"}

s3 = boto3.client("s3")
iam = boto3.client("iam")
personalize = boto3.client("personalize")
runtime = boto3.client("personalize-runtime")
events = boto3.client("personalize-events")


def wait(describe: Callable[[], dict[str, Any]], minutes: float = 5) -> dict[str, Any]:
    """Poll until ACTIVE. Raises RuntimeError with the failure reason, or after a time-out."""
    deadline = time.monotonic() + minutes * 60
    while time.monotonic() < deadline:
        answer = describe()
        answer.pop("ResponseMetadata")
        (resource,) = answer.values()
        if resource["status"] == "ACTIVE":
            return resource
        if resource["status"] == "CREATE FAILED":
            raise RuntimeError(resource["failureReason"])
        time.sleep(0.05)
    raise RuntimeError("not ACTIVE in time")


def gone(describe: Callable[..., Any], **arn: str) -> None:
    """Poll until the resource no longer exists."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            describe(**arn)
        except personalize.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{arn} is still there")


def make_bucket_and_role(folder: Path) -> str:
    s3.create_bucket(Bucket=BUCKET)
    for file in FILES.values():
        s3.upload_file(str(folder / file), BUCKET, f"input/{file}")
    reach = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": reach}
    service = {"Service": "personalize.amazonaws.com"}
    s3.put_bucket_policy(
        Bucket=BUCKET,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Principal": service}]}),
    )
    measure = {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"}
    trust = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=ROLE,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(
        RoleName=ROLE,
        PolicyName="read-films",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow, measure]}),
    )
    return role["Role"]["Arn"]


def make_dataset(group: str, kind: str, fields: list[dict[str, Any]]) -> tuple[str, str]:
    """Create schema and dataset; returns both ARNs."""
    record = {
        "type": "record",
        "name": kind,
        "namespace": "com.amazonaws.personalize.schema",
        "fields": fields,
        "version": "1.0",
    }
    schema = personalize.create_schema(name=f"films-{kind}", schema=json.dumps(record))["schemaArn"]
    dataset = personalize.create_dataset(
        name=f"films-{kind}", schemaArn=schema, datasetGroupArn=group, datasetType=kind
    )["datasetArn"]
    wait(lambda: personalize.describe_dataset(datasetArn=dataset))
    return schema, dataset


def import_file(dataset: str, role: str, file: str, job: str) -> None:
    arn = personalize.create_dataset_import_job(
        jobName=job,
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{BUCKET}/input/{file}"},
        roleArn=role,
    )["datasetImportJobArn"]
    wait(lambda: personalize.describe_dataset_import_job(datasetImportJobArn=arn))


def import_films(dataset: str, role: str) -> dict[str, Any]:
    """Import the file with its invalid years; returns the report of the server."""
    import_file(dataset, role, FILES["Items"], "films")
    with urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_emu/state") as answer:
        jobs = json.load(answer)["importJobs"]
    return next(job for job in jobs if job["datasetArn"] == dataset)


def train(group: str) -> dict[str, tuple[str, str, dict[str, float]]]:
    """Train all recipes concurrently: name -> solution, version, metrics."""
    started = {}
    for name, recipe in RECIPES.items():
        solution = personalize.create_solution(
            name=name,
            datasetGroupArn=group,
            recipeArn=f"arn:aws:personalize:::recipe/{recipe}",
            performAutoTraining=False,
        )["solutionArn"]
        wait(lambda arn=solution: personalize.describe_solution(solutionArn=arn))
        version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        started[name] = (solution, version)
    trained = {}
    for name, (solution, version) in started.items():
        wait(lambda arn=version: personalize.describe_solution_version(solutionVersionArn=arn))
        metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
        trained[name] = (solution, version, metrics)
    return trained


def deploy(name: str, version: str) -> str:
    campaign = personalize.create_campaign(
        name=name,
        solutionVersionArn=version,
        minProvisionedTPS=1,
        campaignConfig={"enableMetadataWithRecommendations": True},
    )
    wait(lambda: personalize.describe_campaign(campaignArn=campaign["campaignArn"]))
    return campaign["campaignArn"]


def similar(campaign: str, film: str, count: int = 50) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=campaign, itemId=film, numResults=count)
    return [item["itemId"] for item in answer["itemList"]]


def liked(campaign: str, user: str, count: int = 25) -> list[str]:
    answer = runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=count)
    scores = [item["score"] for item in answer["itemList"]]
    assert scores == sorted(scores, reverse=True), "best first"
    assert answer["recommendationId"].startswith("RID-")
    return [item["itemId"] for item in answer["itemList"]]


def stream_clicks(group: str, campaigns: dict[str, str], user: str, film: str) -> tuple[dict[str, str], int, int]:
    """Stream clicks on related films; returns the tracker and the related films recommended before and after."""
    tracker = personalize.create_event_tracker(name="clicks", datasetGroupArn=group)
    wait(lambda: personalize.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"]))
    kin = similar(campaigns["more-like-this"], film)
    clicked, wanted = [film, *kin[:9]], set(kin[9:])
    before = len(wanted & set(liked(campaigns["for-you"], user)))
    now = int(time.time())
    for number, item in enumerate(clicked):
        events.put_events(
            trackingId=tracker["trackingId"],
            userId=user,
            sessionId="evening",
            eventList=[{"eventType": "click", "itemId": item, "sentAt": now + number}],
        )
    after = len(wanted & set(liked(campaigns["for-you"], user)))
    return tracker, before, after


def ask_ranking(campaign: str, user: str, films: list[str]) -> list[str]:
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId=user, inputList=films)
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    assert sorted(ranked) == sorted(films), "a ranking reorders, no more"
    total = sum(item.get("score", 0.0) for item in answer["personalizedRanking"])
    assert abs(total - 1) < 1e-4, "scores are a softmax over the ranked items"
    return ranked


def delete_all(
    group: str, campaigns: list[str], solutions: list[str], tracker: str, data: list[tuple[str, str]]
) -> None:
    for arn in campaigns:
        personalize.delete_campaign(campaignArn=arn)
        gone(personalize.describe_campaign, campaignArn=arn)
    for arn in solutions:
        personalize.delete_solution(solutionArn=arn)
        gone(personalize.describe_solution, solutionArn=arn)
    personalize.delete_event_tracker(eventTrackerArn=tracker)
    gone(personalize.describe_event_tracker, eventTrackerArn=tracker)
    for _, dataset in data:
        personalize.delete_dataset(datasetArn=dataset)
        gone(personalize.describe_dataset, datasetArn=dataset)
    personalize.delete_dataset_group(datasetGroupArn=group)
    gone(personalize.describe_dataset_group, datasetGroupArn=group)
    for schema, _ in data:
        personalize.delete_schema(schemaArn=schema)
    for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    iam.delete_role_policy(RoleName=ROLE, PolicyName="read-films")
    iam.delete_role(RoleName=ROLE)


def left_behind() -> dict[str, list[Any]]:
    """The resources that remain in the account, by list operation."""
    found = {}
    for operation in LISTS:
        (found[operation],) = personalize.get_paginator(operation).paginate().build_full_result().values()
    return found


def main(folder: Path) -> dict[str, Any]:
    role = make_bucket_and_role(folder)
    group = personalize.create_dataset_group(name=GROUP)["datasetGroupArn"]
    wait(lambda: personalize.describe_dataset_group(datasetGroupArn=group))
    data = [make_dataset(group, "Interactions", INTERACTIONS), make_dataset(group, "Items", ITEMS)]
    import_file(data[0][1], role, FILES["Interactions"], "clicks")
    films = import_films(data[1][1], role)
    trained = train(group)
    deployed = {name: version for name, (_, version, _) in trained.items() if name not in WITHOUT_CAMPAIGN}
    campaigns = {name: deploy(name, version) for name, version in deployed.items()}
    user, film = "42", "2571"
    first = liked(campaigns["for-you"], user)
    other = liked(campaigns["for-you"], "7")
    kin = similar(campaigns["more-like-this"], film, 25)
    assert film not in kin, "a film is not like itself"
    ranked = ask_ranking(campaigns["ranked"], user, sorted(first))
    tracker, before, after = stream_clicks(group, campaigns, user, "1")
    cinema = Cinema(
        group=group,
        campaign=campaigns["for-you"],
        version=trained["for-you"][1],
        segments=trained["fans"][1],
        tracking_id=tracker["trackingId"],
        bucket=BUCKET,
        role=role,
        wait=wait,
        genres=genres_of(folder),
    )
    constraints = try_all(cinema)
    tracker_arn, solutions = tracker["eventTrackerArn"], [solution for solution, _, _ in trained.values()]
    delete_all(group, list(campaigns.values()), solutions, tracker_arn, data)
    return constraints | {
        "left_behind": left_behind(),
        "films": films,
        "metrics": {name: metrics for name, (_, _, metrics) in trained.items()},
        "for_you": first,
        "for_another": other,
        "more_like_this": kin,
        "ranked": ranked,
        "kin_before": before,
        "kin_after": after,
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
