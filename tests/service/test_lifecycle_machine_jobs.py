"""As test_lifecycle_machine, with what goes on by itself: imports, recommenders, campaigns in sync, batch jobs.

R-DIJ-4, R-DIJ-6, R-DIJ-11, R-DS-17, R-DS-23; R-REC-5, R-REC-8 to R-REC-10, R-REC-13, R-REC-14; R-CMP-8; R-BIJ-3,
R-SOL-23.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, BinaryIO

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from personalize_emu.aws_services import AwsServices, MetricDatum, NoSuchKey, ObjectInfo, ObjectStore
from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.emulator import Emulator
from personalize_emu.schema_files import schema_text
from personalize_emu.state.lifecycle import creation_duration, switching_duration
from tests.batch_requests import inference_request
from tests.given import BUCKET, ROLE, SIMS, arn
from tests.service.lifecycle_model import (
    CREATING,
    ENOUGH,
    IN_USE,
    INVALID,
    REAL,
    SENSE,
    STATES,
    Life,
    course,
)
from tests.service.test_lifecycle_machine import Lives, groups, names, numbers, solutions

SHOP = arn("dataset-group", "shop")
SHOP_SCHEMA = schema_text("ecommerce/interactions")
VIEWS = "arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-views"


@cache
def csv(users: int) -> bytes:
    lines = (f"u{n // 42},i{n % 5},{n}\n" for n in range(42 * users))
    return ("USER_ID,ITEM_ID,TIMESTAMP\n" + "".join(lines)).encode()


@cache
def views(users: int) -> Any:
    rows = [
        {"USER_ID": f"u{n // 42}", "ITEM_ID": f"i{n % 5}", "EVENT_TYPE": "View", "TIMESTAMP": n}
        for n in range(42 * users)
    ]
    return rows_table(parse_schema(SHOP_SCHEMA), rows)


class Shelf(ObjectStore):
    """Objects in memory: two files of interactions, and a file of items to recommend others for."""

    def __init__(self) -> None:
        self.objects = {"enough.csv": csv(ENOUGH), "few.csv": csv(1), "asked.json": b'{"itemId": "i1"}\n'}

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        return iter([ObjectInfo(key, len(self.objects[key])) for key in sorted(self.objects) if key.startswith(prefix)])

    def open(self, bucket: str, key: str) -> BinaryIO:
        if key not in self.objects:
            raise NoSuchKey(bucket)
        return io.BytesIO(self.objects[key])

    def customer_key_of(self, bucket: str, key: str) -> str | None:
        return None

    def put(self, bucket: str, key: str, body: BinaryIO | bytes, *, kms_key_arn: str | None = None) -> None:
        self.objects[key] = body if isinstance(body, bytes) else body.read()


class Shelves(AwsServices):
    def __init__(self) -> None:
        super().__init__(lambda service, region: None)
        self.shelf = Shelf()

    def objects(self, region: str) -> ObjectStore:
        return self.shelf

    def publish(self, region: str, namespace: str, data: Sequence[MetricDatum]) -> None:
        """Nobody reads it."""


class BusyLives(Lives):
    recipe = SIMS

    def made_emulator(self) -> Emulator:
        return Emulator(REAL, clock=self.clock, aws_services=Shelves())

    def advance(self, seconds: float) -> None:
        """On the way, versions become ACTIVE one after the other, and campaigns follow them."""
        before, self.model.now = self.model.now, self.model.now + seconds
        ready = sorted(
            (version.steps[2][0], place, version)
            for place, version in enumerate(self.model.all("solution-version"))
            if len(version.steps) > 2 and before < version.steps[2][0] <= self.model.now
        )
        for when, _, version in ready:
            if version.status(when) == "ACTIVE":
                self.model.now = when
                self.follow(version)
        self.emulator.advance(seconds)
        self.model.now = self.clock.now()

    def follow(self, version: Life) -> None:
        """R-CMP-8: keeping what a running update would have brought."""
        order = list(self.model.lives)
        for campaign in self.model.all("campaign"):
            planned = self.model.find(campaign.planned("solutionVersionArn"))
            if not campaign.in_sync or campaign.status(self.model.now) != "ACTIVE" or planned is None:
                continue
            if planned.parent == version.parent and order.index(planned.arn) < order.index(version.arn):
                tps = campaign.planned("minProvisionedTPS")
                self.model.updates(campaign, solutionVersionArn=version.arn, minProvisionedTPS=tps)

    @initialize(depth=st.sampled_from([8, 7, 6, 5, 3]))
    def begin_at(self, depth: int) -> None:
        """With a campaign in sync, and perhaps a newer version on its way."""
        group, solution = arn("dataset-group", "one"), arn("solution", "a")
        steps = (
            lambda: [self.create_group("one"), self.create_schema("interactions"), self.advance(60)],
            lambda: [self.create_dataset(group, "INTERACTIONS", arn("schema", "interactions")), self.advance(60)],
            lambda: self.fill(group, ENOUGH),
            lambda: [self.create_solution("a", group), self.create_version(solution), self.advance(2500)],
            lambda: [self.create_campaign_in_sync("a", solution), self.import_rows("a", group, "enough.csv")],
            lambda: [self.advance(600), self.create_version(solution)],
            lambda: self.advance(2400),
            lambda: [self.advance(60), self.create_solution("b", group), self.create_version(arn("solution", "b"))],
        )
        for step in steps[:depth]:
            step()

    @initialize(depth=st.sampled_from([7, 6, 5, 4, 3, 0]))
    def open_shop(self, depth: int) -> None:
        steps = (
            lambda: [self.create_shop(), self.advance(60)],
            lambda: [self.create_shop_dataset(), self.advance(60)],
            lambda: self.fill_shop(ENOUGH),
            lambda: self.create_recommender("a", SHOP),
            lambda: self.advance(2500),
            lambda: self.update_recommender("a", 2),
            lambda: [self.advance(2500), self.switch_recommender("a", "Stop"), self.advance(200)],
        )
        for step in steps[:depth]:
            step()

    @rule()
    def create_shop(self) -> None:
        schema = arn("schema", "shop")
        request = {"name": "shop", "schema": SHOP_SCHEMA, "domain": "ECOMMERCE"}
        if self.attempt("CreateSchema", request, self.model.taken(schema)):
            self.model.born("schema", schema)
        if self.attempt("CreateDatasetGroup", {"name": "shop", "domain": "ECOMMERCE"}, self.model.taken(SHOP)):
            self.model.born("dataset-group", SHOP)

    @rule()
    def create_shop_dataset(self) -> None:
        dataset, schema = arn("dataset", "shop/INTERACTIONS"), arn("schema", "shop")
        against = [*self.model.missing(SHOP, schema), *self.model.inactive(SHOP), *self.model.taken(dataset)]
        params = {"name": "d", "datasetGroupArn": SHOP, "schemaArn": schema, "datasetType": "Interactions"}
        if self.attempt("CreateDataset", params, against):
            life = self.model.born("dataset", dataset, SHOP, dataset_type="INTERACTIONS")
            life.values["schemaArn"] = [(self.model.now, schema)]

    @rule(users=st.sampled_from([ENOUGH - 1, ENOUGH]))
    def fill_shop(self, users: int) -> None:
        dataset = self.model.dataset(SHOP, "INTERACTIONS")
        if dataset is not None and dataset.status(self.model.now) == "ACTIVE":
            self.emulator.state.contents(dataset.arn).add_import(views(users), "INCREMENTAL", None)
            dataset.fills.append((self.model.now, users, False))

    @rule(name=names, group=st.one_of(st.just(SHOP), groups))
    def create_recommender(self, name: str, group: str) -> None:
        recommender = arn("recommender", name)
        against = [*self.model.missing(group), *self.model.inactive(group), *self.model.taken(recommender)]
        dataset = self.model.dataset(group, "INTERACTIONS")
        if group != SHOP or dataset is None or not dataset.has_rows(self.model.now):
            against.append((SENSE, INVALID))
        params = {"name": name, "datasetGroupArn": group, "recipeArn": VIEWS}
        if self.attempt("CreateRecommender", params, against):
            assert dataset is not None
            life = self.model.born("recommender", recommender, group)
            life.values["recommenderConfig"] = [(self.model.now, {"minRecommendationRequestsPerSecond": 1})]
            self.model.trains(life, dataset)

    @rule(name=names, rate=st.integers(1, 3))
    def update_recommender(self, name: str, rate: int) -> None:
        recommender, config = arn("recommender", name), {"minRecommendationRequestsPerSecond": rate}
        life, against = self.model.find(recommender), list(self.model.missing(recommender))
        if life is not None and (life.status(self.model.now) != "ACTIVE" or life.is_updating(self.model.now)):
            against.append((STATES, IN_USE))
        params = {"recommenderArn": recommender, "recommenderConfig": config}
        if self.attempt("UpdateRecommender", params, against):
            assert life is not None
            self.model.updates(life, recommenderConfig=config)

    @rule(name=names, verb=st.sampled_from(["Stop", "Start"]))
    def switch_recommender(self, name: str, verb: str) -> None:
        recommender = arn("recommender", name)
        life, against = self.model.find(recommender), list(self.model.missing(recommender))
        needed, done = ("ACTIVE", "INACTIVE") if verb == "Stop" else ("INACTIVE", "ACTIVE")
        status = self.model.state(recommender)
        if life is not None and status in (done, "CREATE FAILED"):
            against.append((STATES, INVALID))
        elif life is not None and (status != needed or life.is_updating(self.model.now)):
            against.append((STATES, IN_USE))
        if self.attempt(f"{verb}Recommender", {"recommenderArn": recommender}, against):
            assert life is not None
            way = f"{verb.upper()} PENDING", f"{verb.upper()} IN_PROGRESS", done
            life.steps += course(self.model.now, switching_duration(REAL), *way)

    @rule(name=names, group=groups, file=st.sampled_from(["enough.csv", "few.csv"]))
    def import_rows(self, name: str, group: str, file: str) -> None:
        """Imports of one dataset take turns (R-DIJ-11); too few rows fail and change nothing (R-DIJ-12)."""
        dataset, job = arn("dataset", f"{group.rpartition('/')[2]}/INTERACTIONS"), arn("dataset-import-job", name)
        against = [*self.model.missing(dataset), *self.model.inactive(dataset), *self.model.taken(job)]
        params = {"jobName": name, "datasetArn": dataset, "roleArn": ROLE}
        source = {"dataSource": {"dataLocation": f"s3://{BUCKET}/{file}"}}
        if not self.attempt("CreateDatasetImportJob", params | source, against):
            return
        before = [each.steps[2][0] for each in self.model.all("dataset-import-job") if each.parent == dataset]
        duration, now = creation_duration(REAL, "dataset-import-job"), self.model.now
        begun = max([now + duration.waiting, *before])
        done, enough = begun + duration.working, file == "enough.csv"
        life = self.model.born("dataset-import-job", job, group, parent=dataset)
        life.steps = [(now, CREATING[0]), (begun, CREATING[1]), (done, "ACTIVE" if enough else "CREATE FAILED")]
        if enough:
            self.model.lives[dataset].fills.append((done, ENOUGH, True))

    @rule(name=names, solution=solutions)
    def create_campaign_in_sync(self, name: str, solution: str) -> None:
        given = f"{solution}/$LATEST"
        version, against = self.deployable(given)
        against += self.model.taken(arn("campaign", name))
        config = {"syncWithLatestSolutionVersion": True}
        params = {"name": name, "solutionVersionArn": given, "campaignConfig": config}
        if self.attempt("CreateCampaign", params, against):
            assert version is not None
            campaign = self.model.born("campaign", arn("campaign", name), version.group, in_sync=True)
            campaign.values |= {
                "solutionVersionArn": [(self.model.now, version.arn)],
                "minProvisionedTPS": [(self.model.now, 1)],
            }

    @rule(name=names, number=numbers, file=st.sampled_from(["asked.json", "none.json"]))
    def ask_for_a_batch(self, name: str, number: int, file: str) -> None:
        """What is not there, the job finds out."""
        version, job = self.some_version(number), arn("batch-inference-job", name)
        life, against = self.model.find(version), [*self.model.missing(version), *self.model.taken(job)]
        if life is not None:
            against += [*self.model.inactive(version), *self.model.inactive(life.parent)]
        if self.attempt("CreateBatchInferenceJob", inference_request(version, f"s3://{BUCKET}/{file}", name), against):
            assert life is not None
            batch = self.model.born("batch-inference-job", job, life.group, parent=version)
            if file == "none.json":
                batch.steps[2] = (batch.steps[2][0], "CREATE FAILED")


BusyLives.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestBusyLives = BusyLives.TestCase
