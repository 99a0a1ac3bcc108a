"""Trains every recipe and use case over HTTP and records the recommendations of each."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3

from personalize_emu.schema_files import schema_text
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.catalog.recipe_facts import RecipeFacts
from tests.domain_groups import cinema_rows, events_csv, films_csv, shop_rows
from tests.given import BUCKET, REGION, ROLE, avro, field, two_camps
from tests.runtime.action_group import ACTIONS, action_interactions
from tests.runtime.action_group import SCHEMAS as ACTION_SCHEMAS

DAY = 86_400
NEWEST = max(time for _, _, time in two_camps())
COLD = tuple(f"cold{number:03}" for number in range(110))
"""Each item has one interaction on the newest day; as many items as HRNN-Coldstart requires."""
UNMET = tuple(f"new{number}" for number in range(6))
USERS = ("u0", "u7", "u000", "nobody")
SCHEMAS: Mapping[str, str] = {
    "INTERACTIONS": avro(
        "Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE")
    ),
    "ITEMS": avro(
        "Items",
        field("ITEM_ID"),
        field("TITLE", itemName=True),
        field("STORY", textual=True),
        field("CAMP", "string", categorical=True),
        field("CREATION_TIMESTAMP", "long"),
    ),
    "ACTIONS": ACTION_SCHEMAS["ACTIONS"],
    "ACTION_INTERACTIONS": ACTION_SCHEMAS["ACTION_INTERACTIONS"],
}
OPERATIONS = {
    "GetRecommendations": "get_recommendations",
    "GetPersonalizedRanking": "get_personalized_ranking",
    "GetActionRecommendations": "get_action_recommendations",
}


def tables() -> dict[str, list[dict[str, Any]]]:
    interactions = [*two_camps(), *((f"u{number % 60}", item, NEWEST - number) for number, item in enumerate(COLD))]
    items = sorted({item for _, item, _ in interactions}) + list(UNMET)
    names = ("USER_ID", "ITEM_ID", "TIMESTAMP")
    ages = dict.fromkeys(UNMET, 2) | dict.fromkeys(COLD, 3)
    return {
        "INTERACTIONS": [{**dict(zip(names, row, strict=True)), "EVENT_TYPE": "view"} for row in interactions],
        "ITEMS": [
            {
                "ITEM_ID": item,
                "TITLE": f"thing {place}",
                "STORY": f"thing {place % 7} of {('wood', 'steel', 'glass')[place % 3]} in {place % 5}",
                "CAMP": ("even", "odd")[place % 2],
                "CREATION_TIMESTAMP": NEWEST - DAY * ages.get(item, 400),
            }
            for place, item in enumerate(items)
        ],
        "ACTIONS": [dict(row) for row in ACTIONS],
        "ACTION_INTERACTIONS": action_interactions(),
    }


class Script:
    """Calls of the service; `between` is called before each call but the first."""

    def __init__(self, url: str, between: Callable[[Script], None]) -> None:
        session = boto3.session.Session("script", "script", region_name=REGION)
        names = ("personalize", "personalize-runtime", "personalize-events", "s3")
        self.clients: dict[str, Any] = {name: session.client(name, endpoint_url=url) for name in names}
        self.between = between
        self.clients["s3"].create_bucket(Bucket=BUCKET)

    def call(self, operation: str, service: str = "personalize", **params: Any) -> Any:
        self.between(self)
        answer = getattr(self.clients[service], operation)(**params)
        answer.pop("ResponseMetadata")
        return answer

    def made(self, kind: str, **params: Any) -> str:
        """ARN of a new resource. kind: as operations name it, `dataset_group`."""
        (arn,) = (value for name, value in self.call(f"create_{kind}", **params).items() if name.endswith("Arn"))
        return str(arn)

    def wait(self, kind: str, *arns: str) -> None:
        parts = kind.split("_")
        member = parts[0] + "".join(part.capitalize() for part in parts[1:]) + "Arn"
        deadline = time.monotonic() + 300
        for arn in arns:
            while (shown := next(iter(self.call(f"describe_{kind}", **{member: arn}).values())))["status"] != "ACTIVE":
                assert shown["status"] in ("CREATE PENDING", "CREATE IN_PROGRESS"), (arn, shown.get("failureReason"))
                assert time.monotonic() < deadline, f"{arn} takes too long"
                time.sleep(0.05)

    def upload(self, key: str, text: str) -> str:
        self.clients["s3"].put_object(Bucket=BUCKET, Key=key, Body=text.encode())
        return f"s3://{BUCKET}/{key}"

    def downloaded(self, key: str) -> str:
        text: str = self.clients["s3"].get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        return text


def answers_of_every_recipe(script: Script) -> dict[str, Any]:
    """Recommendations of each recipe and use case, in real time and in batches, by name."""
    groups = {
        "": _group(script, "", {kind: _csv(kind, rows) for kind, rows in tables().items()}),
        "ECOMMERCE": _group(script, "ECOMMERCE", {"INTERACTIONS": events_csv(shop_rows())}),
        "VIDEO_ON_DEMAND": _group(
            script, "VIDEO_ON_DEMAND", {"INTERACTIONS": events_csv(cinema_rows()), "ITEMS": films_csv(cinema_rows())}
        ),
    }
    custom = [facts for facts in all_recipes() if facts.domain is None]
    tracking = _tracker(script, groups[""])
    versions = _versions(script, groups[""], custom)
    deployments = _deployments(script, groups, versions)
    _stream_events(script, tracking)
    found: dict[str, Any] = {
        facts.name: [_asked(script, facts, deployments[facts.name], user) for user in USERS]
        for facts in all_recipes()
        if facts.operation is not None
    }
    found["promotion"] = _promoted(script, groups[""], deployments["aws-user-personalization"])
    found["batches"] = _batches(script, custom, versions)
    return found


def _tracker(script: Script, group: str) -> str:
    tracker = script.call("create_event_tracker", name="t", datasetGroupArn=group)
    script.wait("event_tracker", tracker["eventTrackerArn"])
    return str(tracker["trackingId"])


def _deployments(script: Script, groups: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Recipe name -> request member for its campaign or recommender."""
    found = {}
    for facts in all_recipes():
        if facts.domain is not None:
            more = {"datasetGroupArn": groups[facts.domain], "recipeArn": facts.arn}
            found[facts.name] = {"recommenderArn": script.made("recommender", name=facts.name, **more)}
        elif facts.operation is not None:
            campaign = script.made("campaign", name=facts.name, solutionVersionArn=versions[facts.name])
            found[facts.name] = {"campaignArn": campaign}
    for deployment in found.values():
        for member, arn in deployment.items():
            script.wait(member.removesuffix("Arn"), arn)
    return found


def _stream_events(script: Script, tracking: str) -> None:
    events = [{"eventType": "view", "itemId": f"i{n:03}", "sentAt": NEWEST + 60 * n} for n in (1, 3, 8)]
    who = {"trackingId": tracking, "userId": "u7", "sessionId": "s"}
    script.call("put_events", "personalize-events", eventList=events, **who)


def _promoted(script: Script, group: str, deployment: Mapping[str, str]) -> Any:
    expression = 'INCLUDE ItemID WHERE Items.CAMP IN ("odd")'
    odd = script.made("filter", name="odd", datasetGroupArn=group, filterExpression=expression)
    script.wait("filter", odd)
    promotions = [{"name": "p", "percentPromotedItems": 30, "filterArn": odd}]
    return script.call("get_recommendations", "personalize-runtime", userId="u0", promotions=promotions, **deployment)


def _group(script: Script, domain: str, files: Mapping[str, str]) -> str:
    """domain: "" for a custom group."""
    name, more = (domain or "custom").lower(), {"domain": domain} if domain else {}
    group = script.made("dataset_group", name=name, **more)
    script.wait("dataset_group", group)
    jobs = []
    for kind, text in files.items():
        columns = schema_text(f"{name.replace('_', '-')}/{kind.lower()}") if domain else SCHEMAS[kind]
        schema = script.made("schema", name=f"{name}-{kind}", schema=columns, **more)
        within = {"schemaArn": schema, "datasetGroupArn": group, "datasetType": kind}
        dataset = script.made("dataset", name=f"{name}-{kind}", **within)
        script.wait("dataset", dataset)
        source = {"dataLocation": script.upload(f"{name}/{kind}.csv", text)}
        into = {"datasetArn": dataset, "dataSource": source, "roleArn": ROLE}
        jobs.append(script.made("dataset_import_job", jobName=f"{name}-{kind}", **into))
    script.wait("dataset_import_job", *jobs)
    return group


def _versions(script: Script, group: str, recipes: Sequence[RecipeFacts]) -> dict[str, str]:
    versions = {}
    for facts in recipes:
        solution = script.made(
            "solution", name=facts.name, datasetGroupArn=group, recipeArn=facts.arn, performAutoTraining=False
        )
        script.wait("solution", solution)
        versions[facts.name] = script.made("solution_version", solutionArn=solution)
    script.wait("solution_version", *versions.values())
    return versions


def _asked(script: Script, facts: RecipeFacts, deployment: Mapping[str, str], user: str) -> Any:
    assert facts.operation is not None
    members: dict[str, Any] = {"userId": user, **deployment}
    if "itemId" in facts.needs:
        members["itemId"] = f"i{len(user):03}"
    if facts.operation == "GetPersonalizedRanking":
        members["inputList"] = [item for _, item, _ in two_camps(users=2)] + ["unknown"]
    return script.call(OPERATIONS[facts.operation], "personalize-runtime", **members)


def _batches(script: Script, recipes: Sequence[RecipeFacts], versions: Mapping[str, str]) -> dict[str, str]:
    """Output of batch jobs by recipe name."""
    jobs: dict[str, str] = {}
    able = [facts for facts in recipes if facts.batch is not None]
    for facts in able:
        text = "".join(json.dumps(line) + "\n" for line in _lines(facts))
        jobs[facts.name] = script.made(
            f"batch_{facts.batch}_job",
            jobName=facts.name,
            solutionVersionArn=versions[facts.name],
            jobInput={"s3DataSource": {"path": script.upload(f"in/{facts.name}", text)}},
            jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
            roleArn=ROLE,
        )
    for facts in able:
        script.wait(f"batch_{facts.batch}_job", jobs[facts.name])
    return {facts.name: script.downloaded(f"out/{facts.name}.out") for facts in able}


def _lines(facts: RecipeFacts) -> list[dict[str, Any]]:
    """Input of a batch job."""
    if facts.batch == "segment" and "attribute" in facts.name:
        return [{"itemAttributes": 'ITEMS.CAMP = "odd"'}]
    if facts.batch == "segment" or "itemId" in facts.needs:
        return [{"itemId": "i001"}, {"itemId": "i002"}]
    if facts.operation == "GetPersonalizedRanking":
        return [{"userId": user, "itemList": ["i001", "i002", "i004"]} for user in USERS]
    return [{"userId": user} for user in USERS]


def _csv(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = [column["name"] for column in json.loads(SCHEMAS[kind])["fields"]]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
