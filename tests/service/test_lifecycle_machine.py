"""Random histories of creations, updates, deletions and leaps of the clock, against a model of the rules.

Every answer and every refusal must be the model's, and after each step every state, list and date too
(spec 02; R-GEN-4, R-GEN-6, R-GEN-9 to R-GEN-20, P-44, P-56, P-76, P-78, P-79).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ManualClock
from personalize_emu.wire.errors import ModelledError
from tests.given import INTERACTIONS_SCHEMA, ITEMS_SCHEMA, POPULARITY, arn, avro, field
from tests.service.lifecycle_model import (
    ENOUGH,
    EXISTENCE,
    GONE,
    IN_USE,
    INVALID,
    REAL,
    SENSE,
    STATES,
    Life,
    Model,
    Refusal,
)

WIDE_SCHEMA = avro(
    "Items", field("ITEM_ID"), field("GENRE", "string", categorical=True), field("PRICE", ["null", "float"])
)
REPLACEABLE = frozenset({("items", "items"), ("items", "wide"), ("wide", "wide")})
"""Names of a schema and of one that can take its place."""
SCHEMAS = {"interactions": INTERACTIONS_SCHEMA, "items": ITEMS_SCHEMA, "wide": WIDE_SCHEMA}
FITTING = {"INTERACTIONS": ("interactions",), "ITEMS": ("items", "wide")}
MEMBERS = {
    "dataset-group": "datasetGroup",
    "schema": "schema",
    "dataset": "dataset",
    "event-tracker": "eventTracker",
    "filter": "filter",
    "solution": "solution",
    "solution-version": "solutionVersion",
    "campaign": "campaign",
    "recommender": "recommender",
    "dataset-import-job": "datasetImportJob",
    "batch-inference-job": "batchInferenceJob",
}
"""Kind to the member that Describe answers; the operation and the ARN are called after it."""
UPDATES = {
    "campaign": "latestCampaignUpdate",
    "solution": "latestSolutionUpdate",
    "recommender": "latestRecommenderUpdate",
}
DELETABLE = sorted(set(MEMBERS) - {"solution-version", "dataset-import-job", "batch-inference-job"})

groups = st.sampled_from(["one", "two"]).map(lambda name: arn("dataset-group", name))
names = st.sampled_from(["a", "b"])
types = st.sampled_from(["INTERACTIONS", "ITEMS"])
schemas = st.sampled_from(sorted(SCHEMAS)).map(lambda name: arn("schema", name))
solutions = names.map(lambda name: arn("solution", name))
numbers = st.integers(0, 5)


@cache
def interactions_of(users: int) -> Any:
    """More than the 1000 interactions of T-80 in any case."""
    rows = [{"USER_ID": f"u{n // 42}", "ITEM_ID": f"i{n % 5}", "TIMESTAMP": n} for n in range(42 * users)]
    return rows_table(parse_schema(INTERACTIONS_SCHEMA), rows)


def operation_of(verb: str, kind: str) -> str:
    return verb + MEMBERS[kind][0].upper() + MEMBERS[kind][1:]


class Lives(RuleBasedStateMachine):
    recipe = POPULARITY

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.emulator = self.made_emulator()
        self.model = Model(self.clock.now())

    def made_emulator(self) -> Emulator:
        return Emulator(REAL, clock=self.clock)

    def teardown(self) -> None:
        self.emulator.close()

    def attempt(
        self, operation: str, params: Mapping[str, Any], refusals: Iterable[Refusal]
    ) -> dict[str, Any] | None:
        """Call; the answer, or None when it is refused as the model says: by one of the first checks (P-56)."""
        against = sorted(refusals)
        expected = {code for place, code in against if place == against[0][0]}
        answer, code = None, ""
        try:
            answer = self.emulator.call(operation, params) or {}
        except ModelledError as refused:
            code = refused.code
        assert code in (expected or {""}), f"{operation} {params}: {code or 'answered'}, not {expected}"
        return answer

    @initialize(depth=st.sampled_from([8, 7, 6, 5, 3, 0]))
    def begin_at(self, depth: int) -> None:
        """Most of what can go wrong happens late, so a history may begin with things in place."""
        group, version = arn("dataset-group", "one"), lambda: self.model.all("solution-version")[0].arn
        steps = (
            lambda: [self.create_group("one"), *map(self.create_schema, sorted(SCHEMAS)), self.move(60)],
            lambda: [self.create_dataset(group, kind, arn("schema", kind.lower())) for kind in FITTING],
            lambda: [self.move(60), self.fill(group, ENOUGH)],
            lambda: [self.create_solution("a", group), self.create_version(arn("solution", "a"))],
            lambda: self.move(2500),
            lambda: self.create_campaign("a", version()),
            lambda: [self.create_filter("a", group), self.create_tracker("a", group), self.move(600)],
            lambda: [self.create_solution("b", group), self.create_version(arn("solution", "b")), self.move(2500)],
        )
        for step in steps[:depth]:
            step()

    @rule(seconds=st.sampled_from([1, 5, 10, 20, 30, 45, 60, 120, 500, 2400, 2500]))
    def move(self, seconds: int) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.emulator.advance(seconds)
        self.model.now = self.clock.now()

    @rule(name=st.sampled_from(["one", "two"]))
    def create_group(self, name: str) -> None:
        group = arn("dataset-group", name)
        if self.attempt("CreateDatasetGroup", {"name": name}, self.model.taken(group)):
            self.model.born("dataset-group", group)

    @rule(name=st.sampled_from(sorted(SCHEMAS)))
    def create_schema(self, name: str) -> None:
        schema = arn("schema", name)
        if self.attempt("CreateSchema", {"name": name, "schema": SCHEMAS[name]}, self.model.taken(schema)):
            self.model.born("schema", schema)

    @rule(group=groups, kind=types, schema=schemas)
    def create_dataset(self, group: str, kind: str, schema: str) -> None:
        dataset = arn("dataset", f"{group.rpartition('/')[2]}/{kind}")
        against = [*self.model.missing(group, schema), *self.model.inactive(group), *self.model.taken(dataset)]
        if schema.rpartition("/")[2] not in FITTING[kind]:
            against.append((SENSE, INVALID))
        params = {"name": "d", "datasetGroupArn": group, "schemaArn": schema, "datasetType": kind.title()}
        if self.attempt("CreateDataset", params, against):
            life = self.model.born("dataset", dataset, group, dataset_type=kind)
            life.values["schemaArn"] = [(self.model.now, schema)]

    @rule(group=groups, kind=types, schema=schemas)
    def update_dataset(self, group: str, kind: str, schema: str) -> None:
        """Of ITEMS: fields can be added, not taken away (D-92, D-93)."""
        dataset = arn("dataset", f"{group.rpartition('/')[2]}/{kind}")
        against = [*self.model.missing(dataset, schema), *self.model.inactive(dataset)]
        life = self.model.find(dataset)
        now = None if life is None else life.value("schemaArn", self.model.now).rpartition("/")[2]
        if (now, schema.rpartition("/")[2]) not in REPLACEABLE:
            against.append((SENSE, INVALID))
        if any(self.model.at_work(("dataset-import-job",), parents=(dataset,))):
            against.append((STATES, IN_USE))
        if self.attempt("UpdateDataset", {"datasetArn": dataset, "schemaArn": schema}, against):
            assert life is not None
            self.model.replaces_schema(life, schema)

    @rule(group=groups, users=st.sampled_from([ENOUGH - 1, ENOUGH]))
    def fill(self, group: str, users: int) -> None:
        """Rows come in without a job; whether there are enough decides what trainings come to."""
        dataset = self.model.dataset(group, "INTERACTIONS")
        if dataset is None or dataset.status(self.model.now) != "ACTIVE":
            return
        self.emulator.state.contents(dataset.arn).add_import(interactions_of(users), "INCREMENTAL", None)
        dataset.fills.append((self.model.now, users, False))

    @rule(name=names, group=groups)
    def create_tracker(self, name: str, group: str) -> None:
        """One a group with interactions, whatever its name (R-ET-5, R-ET-6, R-ET-10)."""
        against = [*self.model.missing(group), *self.model.inactive(group)]
        dataset = self.model.dataset(group, "INTERACTIONS")
        if dataset is None or dataset.status(self.model.now).startswith("DELETE"):
            against.append((SENSE, INVALID))
        for tracker in self.model.all("event-tracker"):
            against += self.model.taken(tracker.arn) if tracker.group == group else ()
        if answer := self.attempt("CreateEventTracker", {"name": name, "datasetGroupArn": group}, against):
            self.model.born("event-tracker", answer["eventTrackerArn"], group)
            self.model.lives[group].tracked = True

    @rule(name=names, group=groups)
    def create_filter(self, name: str, group: str) -> None:
        """The datasets that an expression speaks of must be there and stay (R-FLT-5, R-DS-18)."""
        # CreateFilter declares no ResourceInUseException (P-43).
        early = [(place, INVALID) for place, _ in self.model.inactive(group)]
        against = [*self.model.missing(group), *early, *self.model.taken(arn("filter", name))]
        items = self.model.dataset(group, "ITEMS")
        if items is None or items.status(self.model.now).startswith("DELETE"):
            against.append((SENSE, INVALID))
        expression = 'INCLUDE ItemID WHERE Items.GENRE IN ("x")'
        params = {"name": name, "datasetGroupArn": group, "filterExpression": expression}
        if self.attempt("CreateFilter", params, against):
            self.model.born("filter", arn("filter", name), group)

    @rule(name=names, group=groups)
    def create_solution(self, name: str, group: str) -> None:
        solution = arn("solution", name)
        against = [*self.model.missing(group), *self.model.inactive(group), *self.model.taken(solution)]
        dataset = self.model.dataset(group, "INTERACTIONS")
        if dataset is None or not dataset.has_rows(self.model.now):
            against.append((SENSE, INVALID))
        params = {"name": name, "datasetGroupArn": group, "recipeArn": self.recipe, "performAutoTraining": False}
        if self.attempt("CreateSolution", params, against):
            self.model.born("solution", solution, group).values["performAutoTraining"] = [(self.model.now, False)]

    @rule(solution=solutions, trains=st.booleans())
    def update_solution(self, solution: str, trains: bool) -> None:
        life = self.model.find(solution)
        against = [*self.model.missing(solution), *self.model.inactive(solution)]
        if life is not None and life.is_updating(self.model.now):
            against.append((STATES, IN_USE))
        if self.attempt("UpdateSolution", {"solutionArn": solution, "performAutoTraining": trains}, against):
            assert life is not None
            self.model.updates(life, performAutoTraining=trains)

    @rule(solution=solutions)
    def create_version(self, solution: str) -> None:
        life = self.model.find(solution)
        against = [*self.model.missing(solution), *self.model.inactive(solution)]
        dataset = None if life is None else self.model.dataset(life.group, "INTERACTIONS")
        if dataset is None or dataset.status(self.model.now) in ("CREATE PENDING", "CREATE IN_PROGRESS"):
            against.append((SENSE, INVALID))
        if answer := self.attempt("CreateSolutionVersion", {"solutionArn": solution}, against):
            assert life is not None
            assert dataset is not None
            version = self.model.born("solution-version", answer["solutionVersionArn"], life.group, parent=solution)
            self.model.trains(version, dataset)

    def some_version(self, number: int) -> str:
        """One that exists or has existed, or one that never will."""
        arns = [each.arn for each in self.model.lives.values() if each.kind == "solution-version"]
        return arns[number % len(arns)] if arns else arn("solution", "a/00000000")

    @rule(number=numbers)
    def stop_version(self, number: int) -> None:
        version = self.model.find(self.some_version(number))
        against = list(self.model.missing(self.some_version(number)))
        if version is not None and version.status(self.model.now) not in ("CREATE PENDING", "CREATE IN_PROGRESS"):
            against.append((STATES, IN_USE))
        params = {"solutionVersionArn": self.some_version(number)}
        if self.attempt("StopSolutionVersionCreation", params, against) is not None:
            assert version is not None
            self.model.stops(version)

    def deployable(self, given: str) -> tuple[Life | None, list[Refusal]]:
        """The version that a campaign would have, and what is against it (R-CMP-6 to R-CMP-8)."""
        version, against = self.model.find(given), list[Refusal]()
        if given.endswith("/$LATEST"):
            solution = given.removesuffix("/$LATEST")
            versions = self.model.versions_of(solution)
            active = [each for each in versions if each.status(self.model.now) == "ACTIVE"]
            version = (active or versions or [None])[-1]
            against += self.model.missing(solution)
            if version is None:
                against += [(STATES, INVALID), *self.model.inactive(solution)]
        elif version is None:
            against.append((EXISTENCE, "ResourceNotFoundException"))
        if version is not None:
            against += [*self.model.inactive(version.arn), *self.model.inactive(version.parent)]
        return version, against

    @rule(name=names, number=numbers)
    def create_campaign_of(self, name: str, number: int) -> None:
        self.create_campaign(name, self.some_version(number))

    @rule(name=names, solution=solutions)
    def create_campaign_of_latest(self, name: str, solution: str) -> None:
        self.create_campaign(name, f"{solution}/$LATEST")

    def create_campaign(self, name: str, given: str) -> None:
        version, against = self.deployable(given)
        against += self.model.taken(arn("campaign", name))
        if self.attempt("CreateCampaign", {"name": name, "solutionVersionArn": given}, against):
            assert version is not None
            campaign = self.model.born("campaign", arn("campaign", name), version.group)
            campaign.values |= {
                "solutionVersionArn": [(self.model.now, version.arn)],
                "minProvisionedTPS": [(self.model.now, 1)],
            }

    @rule(name=names, number=st.none() | numbers, tps=st.integers(1, 3))
    def update_campaign(self, name: str, number: int | None, tps: int) -> None:
        campaign, life = arn("campaign", name), self.model.find(arn("campaign", name))
        params: dict[str, Any] = {"campaignArn": campaign, "minProvisionedTPS": tps}
        against, version = list(self.model.missing(campaign)), None
        if life is not None:
            given = life.value("solutionVersionArn", self.model.now)
            if number is not None:
                given = params["solutionVersionArn"] = self.some_version(number)
            version, more = self.deployable(given)
            against += more
            if life.status(self.model.now) != "ACTIVE" or life.is_updating(self.model.now):
                against.append((STATES, IN_USE))
        if self.attempt("UpdateCampaign", params, against):
            assert life is not None
            assert version is not None
            self.model.updates(life, solutionVersionArn=version.arn, minProvisionedTPS=tps)

    @rule(kind=st.sampled_from(DELETABLE), number=numbers)
    def delete(self, kind: str, number: int) -> None:
        """One that exists or has existed; the second DELETE is refused until the thing is gone (P-79)."""
        if lives := [each for each in self.model.lives.values() if each.kind == kind]:
            self.delete_one(lives[number % len(lives)])

    @rule(number=numbers)
    def delete_what_nothing_stands_on(self, number: int) -> None:
        lives = [each for kind in DELETABLE for each in self.model.all(kind)]
        if free := [each for each in lives if not any(self.model.undeletable(each))]:
            self.delete_one(free[number % len(free)])

    def delete_one(self, life: Life) -> None:
        against = self.model.undeletable(life) if life.exists(self.model.now) else self.model.missing(life.arn)
        params = {f"{MEMBERS[life.kind]}Arn": life.arn}
        if self.attempt(operation_of("Delete", life.kind), params, against) is None:
            return
        if life.kind == "schema":
            life.steps.append((self.model.now, GONE))
        else:
            self.model.dies(life)

    @invariant()
    def every_life_is_as_the_model_says(self) -> None:
        for life in self.model.lives.values():
            member = MEMBERS[life.kind]
            answer = self.attempt(
                operation_of("Describe", life.kind), {f"{member}Arn": life.arn}, self.model.missing(life.arn)
            )
            if answer is not None:
                self.compare(life, answer[member])

    def compare(self, life: Life, shown: Mapping[str, Any]) -> None:
        now, status = self.model.now, life.status(self.model.now)
        assert shown.get("status", "ACTIVE") == status
        assert ("failureReason" in shown) == (status == "CREATE FAILED")
        assert shown["creationDateTime"] == life.steps[0][0]
        assert shown["lastUpdatedDateTime"] == life.touched(now)
        assert {member: shown[member] for member in life.values} == {m: life.value(m, now) for m in life.values}
        if life.kind in UPDATES:
            update = shown.get(UPDATES[life.kind], {})
            assert update.get("status") == (life.update.status(now) if life.update else None)
        if life.kind == "solution":
            versions = [version.arn for version in self.model.versions_of(life.arn)]
            newest = shown.get("latestSolutionVersion", {}).get("solutionVersionArn")
            assert newest == (versions[-1] if versions else None)

    @invariant()
    def lists_show_what_exists(self) -> None:
        """In order of creation (P-73), to the end of the deletion (P-76)."""
        for kind, member in MEMBERS.items():
            answer = self.emulator.call(operation_of("List", kind) + "s", {})
            assert answer is not None
            (listed,) = answer.values()
            arns = [life.arn for life in self.model.all(kind)]
            if kind == "schema":
                listed = self.without_event_schemas(listed)
            assert [entry[f"{member}Arn"] for entry in listed] == (arns if "version" in kind else arns[::-1])

    def without_event_schemas(self, listed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """A group has one from its first tracker on (R-DS-21)."""
        made = {entry["name"] for entry in listed if entry["name"].endswith("-event-interactions")}
        tracked = {group.arn.rpartition("/")[2] for group in self.model.all("dataset-group") if group.tracked}
        assert made == {f"{name}-event-interactions" for name in tracked}
        return [entry for entry in listed if entry["name"] not in made]


Lives.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestLives = Lives.TestCase
