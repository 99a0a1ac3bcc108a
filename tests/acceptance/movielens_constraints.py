"""Filters, promotions, metadata, batch jobs, segments and metric attribution on MovieLens data.

Uses the solution versions and campaigns of movielens_path.py.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

s3 = boto3.client("s3")
personalize = boto3.client("personalize")
runtime = boto3.client("personalize-runtime")
events = boto3.client("personalize-events")
cloudwatch = boto3.client("cloudwatch")

Wait = Callable[[Callable[[], dict[str, Any]]], dict[str, Any]]
GENRES = ("Comedy", "Drama", "Horror", "Animation")
MAIL = "mail"


@dataclass(frozen=True)
class Cinema:
    """campaign: of aws-user-personalization, with metadata. version: its solution version. wait: polls until ACTIVE."""

    group: str
    campaign: str
    version: str
    segments: str
    tracking_id: str
    bucket: str
    role: str
    wait: Wait
    genres: dict[str, list[str]]

    def filter(self, name: str, expression: str) -> str:
        made = personalize.create_filter(name=name, datasetGroupArn=self.group, filterExpression=expression)
        self.wait(lambda: personalize.describe_filter(filterArn=made["filterArn"]))
        return made["filterArn"]

    def asked(self, user: str, **constraints: Any) -> dict[str, Any]:
        return runtime.get_recommendations(campaignArn=self.campaign, userId=user, **constraints)

    def films(self, user: str, **constraints: Any) -> list[str]:
        return [item["itemId"] for item in self.asked(user, **constraints)["itemList"]]

    def happened(self, user: str, kind: str, films: list[str], **extra: Any) -> None:
        now = int(time.time())
        listed = [
            {"eventType": kind, "itemId": film, "sentAt": now + place, **extra} for place, film in enumerate(films)
        ]
        events.put_events(trackingId=self.tracking_id, userId=user, sessionId="wishes", eventList=listed)

    def written(self, name: str) -> list[dict[str, Any]]:
        body = s3.get_object(Bucket=self.bucket, Key=f"output/{name}.out")["Body"].read()
        return [json.loads(line) for line in body.splitlines()]

    def job(self, kind: str, name: str, lines: list[dict[str, Any]], version: str, **extra: Any) -> list[Any]:
        s3.put_object(Bucket=self.bucket, Key=f"queries/{name}", Body="\n".join(map(json.dumps, lines)))
        made = getattr(personalize, f"create_batch_{kind}_job")(
            jobName=name,
            solutionVersionArn=version,
            jobInput={"s3DataSource": {"path": f"s3://{self.bucket}/queries/{name}"}},
            jobOutput={"s3DataDestination": {"path": f"s3://{self.bucket}/output/"}},
            roleArn=self.role,
            **extra,
        )
        (member,) = (member for member in made if member.endswith("Arn"))
        self.wait(lambda: getattr(personalize, f"describe_batch_{kind}_job")(**{member: made[member]}))
        return self.written(name)


def genres_of(folder: Path) -> dict[str, list[str]]:
    """Genres by film, from the file."""
    with (folder / "item-meta.csv").open(newline="", encoding="utf-8") as file:
        return {row["ITEM_ID"]: row["GENRE"].split("|") for row in csv.DictReader(file)}


def try_filters(cinema: Cinema, user: str) -> None:
    """Genre and year from the metadata of the response."""
    made = cinema.filter("new-of-genre", "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE) AND Items.YEAR >= $YEAR")
    for genre in GENRES:
        values = {"GENRE": f'"{genre}"', "YEAR": "1995"}
        answer = cinema.asked(
            user, filterArn=made, filterValues=values, numResults=20, metadataColumns={"ITEMS": ["GENRE", "YEAR"]}
        )
        assert len(answer["itemList"]) == 20
        for item in answer["itemList"]:
            assert genre in item["metadata"]["genre"].split("|")
            assert int(item["metadata"]["year"]) >= 1995
            assert item["metadata"]["genre"].split("|") == cinema.genres[item["itemId"]]
    personalize.delete_filter(filterArn=made)


def try_watched(cinema: Cinema, user: str) -> None:
    """Streamed events affect filters of the next request."""
    unseen = cinema.filter("unseen", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("seen-tonight")')
    seen = cinema.filter("seen", 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("seen-tonight")')
    best = cinema.films(user, filterArn=unseen)[:3]
    assert cinema.films(user, filterArn=seen) == []
    cinema.happened(user, "Seen-Tonight", best)
    assert not set(best) & set(cinema.films(user, filterArn=unseen, numResults=500))
    assert sorted(cinema.films(user, filterArn=seen)) == sorted(best)
    for arn in (unseen, seen):
        personalize.delete_filter(filterArn=arn)


def try_promotion(cinema: Cinema, user: str) -> None:
    """30 % of twenty items are six promoted ones of the requested genre; the others keep their order."""
    made = cinema.filter("promoted", "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)")
    for genre in ("Documentary", "Film-Noir"):
        promotion = {
            "name": "week",
            "percentPromotedItems": 30,
            "filterArn": made,
            "filterValues": {"GENRE": f'"{genre}"'},
        }
        items = cinema.asked(user, numResults=20, promotions=[promotion])["itemList"]
        promoted = [item["itemId"] for item in items if item.get("promotionName") == "week"]
        assert len(items) == 20
        assert len(promoted) == 6
        assert all(genre in cinema.genres[film] for film in promoted)
        others = [item["itemId"] for item in items if "promotionName" not in item]
        plain = [film for film in cinema.films(user, numResults=40) if film not in promoted]
        assert others == plain[: len(others)]
    personalize.delete_filter(filterArn=made)


def try_batch(cinema: Cinema, users: list[str]) -> int:
    """A job for all users with filter values in each line; returns the number of lines."""
    made = cinema.filter("of-genre", "INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)")
    asked = [
        {"userId": user, "filterValues": {"GENRE": f'"{GENRES[place % len(GENRES)]}"'}}
        for place, user in enumerate(users)
    ]
    answers = cinema.job("inference", "everybody", asked, cinema.version, filterArn=made, numResults=10)
    assert sorted(json.dumps(line["input"]) for line in answers) == sorted(map(json.dumps, asked))
    for line in answers:
        genre = line["input"]["filterValues"]["GENRE"].strip('"')
        films, scores = line["output"]["recommendedItems"], line["output"]["scores"]
        assert line["error"] is None
        assert len(films) == len(scores) == 10
        assert scores == sorted(scores, reverse=True)
        assert all(genre in cinema.genres[film] for film in films)
    personalize.delete_filter(filterArn=made)
    return len(answers)


def try_segments(cinema: Cinema, users: list[str]) -> int:
    """A segment job for some films; returns the number of distinct users."""
    asked = [{"itemId": film} for film in ("1", "2571")]
    answers = cinema.job("segment", "fans", asked, cinema.segments, numResults=30)
    found = [line["output"]["usersList"] for line in answers]
    assert [len(set(each)) for each in found] == [30, 30]
    assert {user for each in found for user in each} <= set(users)
    return len({user for each in found for user in each})


def try_attribution(cinema: Cinema, users: list[str]) -> dict[str, float]:
    """Clicks by source in CloudWatch; equal to the number sent."""
    made = personalize.create_metric_attribution(
        name="clicks",
        datasetGroupArn=cinema.group,
        metrics=[{"metricName": "clicks", "eventType": "click", "expression": "SAMPLECOUNT()"}],
        metricsOutputConfig={"roleArn": cinema.role},
    )["metricAttributionArn"]
    cinema.wait(lambda: personalize.describe_metric_attribution(metricAttributionArn=made))
    sent = {MAIL: 0, cinema.campaign: 0}
    for place, user in enumerate(users):
        answer = cinema.asked(user, numResults=4)
        films = [item["itemId"] for item in answer["itemList"]][: 1 + place % 4]
        if place % 3:
            cinema.happened(user, "click", films, recommendationId=answer["recommendationId"])
            sent[cinema.campaign] += len(films)
        else:
            cinema.happened(user, "click", films, metricAttribution={"eventAttributionSource": MAIL})
            sent[MAIL] += len(films)
    counted: dict[str, float] = {}
    deadline = time.monotonic() + 30
    while counted != sent and time.monotonic() < deadline:
        time.sleep(0.2)
        counted = {source: clicks_of(source) for source in sent}
    personalize.delete_metric_attribution(metricAttributionArn=made)
    assert counted == sent, (counted, sent)
    return counted


def clicks_of(source: str) -> float:
    dimensions = {"EventAttributionSource": source, "EventType": "click", "MathFunction": "samplecount"}
    points = cloudwatch.get_metric_statistics(
        Namespace="Personalize",
        MetricName="clicks",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=datetime.now(UTC) - timedelta(days=1),
        EndTime=datetime.now(UTC) + timedelta(days=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def try_all(cinema: Cinema) -> dict[str, Any]:
    """Runs all checks with users whose recommendations are not compared elsewhere."""
    users = [str(number) for number in range(1, 611)]
    try_filters(cinema, "100")
    try_watched(cinema, "101")
    try_promotion(cinema, "102")
    return {
        "batch_lines": try_batch(cinema, users),
        "fans": try_segments(cinema, users),
        "clicks": try_attribution(cinema, users[200:220]),
    }
