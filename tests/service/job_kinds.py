"""Every kind of job that a request begins, and how it goes when something breaks in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3

from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Pace
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.jobs import Job
from tests.attributions import attribution, metric
from tests.batch_requests import inference_request
from tests.domain_groups import RECIPE, recommender, shop
from tests.given import ITEMS_SCHEMA, POPULARITY, RANKING, REGION, USERS_SCHEMA, Given, as_csv, two_camps

GONE = "gone"
LONG = 8000.0
"""Seconds in which every state of the pace `real` passes."""
VIEWS = RECIPE + "ecomm-popular-items-by-views"

Status = Callable[[], str]


@dataclass
class Scene:
    """An emulator with what jobs need, and names that nobody has had."""

    emulator: Emulator
    given: Given
    made: dict[str, str]
    names: int = 0

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def settle(self) -> None:
        """Until every job has ended."""
        if isinstance(self.emulator.clock, ManualClock):
            self.emulator.advance(LONG)
            # One of those that begin every week may have begun just now.
            self.emulator.advance(0.0 if self.emulator.wait_idle(0) else LONG)
        assert self.emulator.wait_idle(30), "a job does not end"

    def group(self) -> str:
        group = self.given.group(self.name())
        self.settle()
        return group

    def dataset(self, kind: str = "Interactions", schema: str = "interactions") -> str:
        return self.given.dataset(self.group(), self.made[schema], kind)

    def status(self, what: str, arn: str, member: str = "status") -> Status:
        """what: as in `describe_<what>`. member: a dotted path."""
        words = what.split("_")
        name = words[0] + "".join(word.capitalize() for word in words[1:])

        def status() -> str:
            try:
                found = getattr(self.given.personalize, f"describe_{what}")(**{f"{name}Arn": arn})[name]
            except self.given.personalize.exceptions.ResourceNotFoundException:
                return GONE
            for part in member.split("."):
                found = found[part]
            return str(found)

        return status


@contextmanager
def scene(pace: Pace) -> Iterator[Scene]:
    """`instant` and `real` on a clock that stands still."""
    clock = None if pace == "fast" else ManualClock()
    with mock_personalize(pace=pace, clock=clock, quotas="off") as emulator:
        given = Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))
        ready = Scene(emulator, given, {})
        _prepare(ready)
        yield ready


def _prepare(ready: Scene) -> None:
    given, made, settle = ready.given, ready.made, ready.settle
    made["interactions"] = given.schema(name="interactions")
    made["items"] = given.schema(ITEMS_SCHEMA, "items")
    made["users"] = given.schema(USERS_SCHEMA, "users")
    wider = json.loads(USERS_SCHEMA)
    wider["fields"].append({"name": "CITY", "type": ["null", "string"], "categorical": True})
    made["wider"] = given.schema(json.dumps(wider), "wider")
    made["events"] = given.upload(as_csv(two_camps()))
    made["user list"] = given.upload("USER_ID\nnobody\n", "users.csv")
    made["users queries"] = given.upload('{"userId": "u1", "itemList": ["i001"]}\n', "queries.json")
    made["items queries"] = given.upload('{"itemId": "i001"}\n', "items.json")
    made["group"] = given.group("group")
    settle()
    given.dataset(made["group"], made["items"], "Items")
    made["dataset"] = given.dataset(made["group"], made["interactions"])
    settle()
    given.import_job(made["dataset"], made["events"], "first")
    settle()
    for recipe, name in ((POPULARITY, "popular"), (RANKING, "ranking"), (RECIPE + "item-affinity", "segments")):
        made[name] = given.solution(made["group"], recipe, name, performAutoTraining=False)
        settle()
        made[f"{name} version"] = given.version(made[name])
    made["shop"] = shop(given, wait=settle)
    settle()
    made["campaign"] = given.campaign(made["popular version"], "campaign")
    made["recommender"] = recommender(given, made["shop"], VIEWS.removeprefix(RECIPE))
    settle()


def _group(s: Scene) -> Status:
    return s.status("dataset_group", s.given.group(s.name()))


def _dataset(s: Scene) -> Status:
    return s.status("dataset", s.dataset())


def _import(s: Scene) -> Status:
    return s.status("dataset_import_job", s.given.import_job(s.made["dataset"], s.made["events"], s.name()))


def _export(s: Scene) -> Status:
    return s.status("dataset_export_job", s.given.export_job(s.made["dataset"], name=s.name()))


def _user_deletion(s: Scene) -> Status:
    return s.status("data_deletion_job", s.given.deletion_job(s.made["group"], s.made["user list"], s.name()))


def _tracked_group(s: Scene) -> tuple[str, str]:
    """ARNs of a group with interactions and of its tracker, which is being created."""
    group = s.group()
    s.given.dataset(group, s.made["interactions"])
    s.settle()
    return group, s.given.personalize.create_event_tracker(name="t", datasetGroupArn=group)["eventTrackerArn"]


def _tracker(s: Scene) -> Status:
    return s.status("event_tracker", _tracked_group(s)[1])


def _made_filter(s: Scene) -> str:
    expression = 'EXCLUDE ItemID WHERE Items.GENRE IN ("x")'
    create = s.given.personalize.create_filter
    return str(create(name=s.name(), datasetGroupArn=s.made["group"], filterExpression=expression)["filterArn"])


def _filter(s: Scene) -> Status:
    return s.status("filter", _made_filter(s))


def _version(s: Scene) -> Status:
    return s.status("solution_version", s.given.version(s.made["popular"]))


def _campaign(s: Scene) -> Status:
    return s.status("campaign", s.given.campaign(s.made["popular version"], s.name()))


def _recommender(s: Scene) -> Status:
    return s.status("recommender", recommender(s.given, s.made["shop"], VIEWS.removeprefix(RECIPE), s.name()))


def _attribution(s: Scene) -> Status:
    return s.status("metric_attribution", attribution(s.given, s.made["shop"], metric(), name=s.name()))


def _inference(s: Scene) -> Status:
    request = inference_request(s.made["ranking version"], s.made["users queries"], s.name())
    answer = s.given.personalize.create_batch_inference_job(**request)
    return s.status("batch_inference_job", answer["batchInferenceJobArn"])


def _segments(s: Scene) -> Status:
    request = inference_request(s.made["segments version"], s.made["items queries"], s.name())
    answer = s.given.personalize.create_batch_segment_job(**request)
    return s.status("batch_segment_job", answer["batchSegmentJobArn"])


def _campaign_update(s: Scene) -> Status:
    s.given.personalize.update_campaign(campaignArn=s.made["campaign"], minProvisionedTPS=2)
    return s.status("campaign", s.made["campaign"], "latestCampaignUpdate.status")


def _solution_update(s: Scene) -> Status:
    s.given.personalize.update_solution(solutionArn=s.made["popular"], performAutoTraining=False)
    return s.status("solution", s.made["popular"], "latestSolutionUpdate.status")


def _recommender_update(s: Scene) -> Status:
    """Another training each time."""
    arn = s.made["recommender"]
    before = s.given.personalize.describe_recommender(recommenderArn=arn)["recommender"]["recommenderConfig"]
    columns = {"includedDatasetColumns": {"INTERACTIONS": ["EVENT_TYPE"]}}
    config = {} if "trainingDataConfig" in before else {"trainingDataConfig": columns}
    s.given.personalize.update_recommender(recommenderArn=arn, recommenderConfig=config)
    return s.status("recommender", arn, "latestRecommenderUpdate.status")


def _dataset_update(s: Scene) -> Status:
    dataset = s.dataset("Users", "users")
    s.settle()
    s.given.personalize.update_dataset(datasetArn=dataset, schemaArn=s.made["wider"])
    return s.status("dataset", dataset, "latestDatasetUpdate.status")


def _switch(s: Scene) -> Status:
    arn = recommender(s.given, s.made["shop"], VIEWS.removeprefix(RECIPE), s.name())
    s.settle()
    s.given.personalize.stop_recommender(recommenderArn=arn)
    return s.status("recommender", arn)


def _deleted(what: str, make: Callable[[Scene], str]) -> Callable[[Scene], Status]:
    def begin(s: Scene) -> Status:
        arn = make(s)
        s.settle()
        words = what.split("_")
        name = words[0] + "".join(word.capitalize() for word in words[1:])
        getattr(s.given.personalize, f"delete_{what}")(**{f"{name}Arn": arn})
        return s.status(what, arn)

    return begin


@dataclass(frozen=True)
class Kind:
    """job: what its name looks like. good, broken: how it ends when all is well, and when something breaks."""

    job: str
    begin: Callable[[Scene], Status]
    good: str = "ACTIVE"
    broken: str = "CREATE FAILED"


def _deletion(what: str, make: Callable[[Scene], str]) -> Kind:
    return Kind(f"delete .*:{what.replace('_', '-')}/", _deleted(what, make), GONE, GONE)


KINDS: Mapping[str, Kind] = {
    "group": Kind("create .*:dataset-group/", _group),
    "dataset": Kind("create .*:dataset/", _dataset),
    "import": Kind("create .*:dataset-import-job/", _import),
    "export": Kind("create .*:dataset-export-job/", _export),
    "users' deletion": Kind("create .*:data-deletion-job/", _user_deletion, "COMPLETED", "FAILED"),
    "tracker": Kind("create .*:event-tracker/", _tracker),
    "filter": Kind("create .*:filter/", _filter),
    "version": Kind("create .*:solution/", _version),
    "campaign": Kind("create .*:campaign/", _campaign),
    "recommender": Kind("create .*:recommender/", _recommender),
    "attribution": Kind("create .*:metric-attribution/", _attribution),
    "inference": Kind("create .*:batch-inference-job/", _inference),
    "segments": Kind("create .*:batch-segment-job/", _segments),
    "campaign's update": Kind("update .*:campaign/", _campaign_update),
    "solution's update": Kind("update .*:solution/", _solution_update),
    "recommender's update": Kind("update .*:recommender/", _recommender_update),
    "dataset's update": Kind("update .*:dataset/", _dataset_update, broken="UPDATE FAILED"),
    "switch": Kind("switch .*:recommender/", _switch, "INACTIVE", "INACTIVE"),
    "group's deletion": _deletion("dataset_group", Scene.group),
    "dataset's deletion": _deletion("dataset", Scene.dataset),
    "tracker's deletion": _deletion("event_tracker", lambda s: _tracked_group(s)[1]),
    "filter's deletion": _deletion("filter", _made_filter),
    "solution's deletion": _deletion(
        "solution", lambda s: s.given.solution(s.made["group"], POPULARITY, s.name(), performAutoTraining=False)
    ),
    "campaign's deletion": _deletion("campaign", lambda s: s.given.campaign(s.made["popular version"], s.name())),
    "recommender's deletion": _deletion(
        "recommender", lambda s: recommender(s.given, s.made["shop"], VIEWS.removeprefix(RECIPE), s.name())
    ),
    "attribution's deletion": _deletion(
        "metric_attribution", lambda s: attribution(s.given, s.made["shop"], metric(), name=s.name())
    ),
}


class Broken(RuntimeError):
    """What nobody expects."""


def _break(*_: object) -> Any:
    raise Broken("all is lost")


@contextmanager
def breaking(emulator: Emulator, pattern: str, stage: str) -> Iterator[list[str]]:
    """Jobs whose names look like this break at a stage; gives their names.

    stage: begun, work or succeeded; failed for those whose work breaks and whose failure cannot be noted at first.
    """
    jobs, broken = emulator.state.jobs, list[str]()
    start = jobs.start

    def started(job: Job[Any]) -> None:
        if re.match(pattern, job.name):
            broken.append(job.name)
            changes = {"work": _break, "failed": _once(job.failed)} if stage == "failed" else {stage: _break}
            job = replace(job, **changes)
        start(job)

    jobs.start = started  # type: ignore[method-assign]
    try:
        yield broken
    finally:
        del jobs.start  # type: ignore[method-assign]


def _once(failed: Callable[[str], None]) -> Callable[[str], None]:
    """Breaks the first time."""
    reasons: list[str] = []

    def fails(reason: str) -> None:
        reasons.append(reason)
        if len(reasons) == 1:
            _break()
        failed(reason)

    return fails
