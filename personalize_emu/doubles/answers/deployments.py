"""Campaigns and recommenders that answers are declared for, also such as are declared without any data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalize_emu.service.catalog.recipe_catalog import all_recipes, recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import ARN_PREFIX, RecipeFacts
from personalize_emu.service.core.context import Context
from personalize_emu.service.lifecycle.creation import new_record
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import Campaign, DatasetGroup, Recommender, Resource, SolutionVersion
from personalize_emu.state.store import Store
from personalize_emu.wire.errors import ValidationException
from personalize_emu.wire.models import operations
from personalize_emu.wire.validate import validate

DEFAULT_RECIPES: Mapping[str, str] = {
    "campaign": "aws-user-personalization",
    "recommender": "aws-ecomm-recommended-for-you",
}
"""Of deployments without data, by kind."""
NO_VERSION = "00000000"
"""Version of the solution that a campaign without data names, and which does not exist."""


@dataclass(frozen=True)
class Deployment:
    """A campaign or recommender as it is now.

    facts: of its recipe. has_model: False if it was declared without data.
    """

    record: Campaign | Recommender
    facts: RecipeFacts
    ordinal: int
    has_model: bool

    @property
    def arn(self) -> str:
        return self.record.arn

    @property
    def member(self) -> str:
        """The member of requests that names it."""
        return "campaignArn" if isinstance(self.record, Campaign) else "recommenderArn"

    @property
    def config(self) -> Mapping[str, Any] | None:
        record = self.record
        return record.campaign_config if isinstance(record, Campaign) else record.recommender_config


class DeclaredDeployments:
    """Which campaigns and recommenders have been declared without data, and with which recipe.

    The records are in the store, like all others; they are ACTIVE at once and count for no quota. A campaign names a
    solution version, and a recommender a dataset group, that does not exist.
    """

    def __init__(self) -> None:
        self._facts: dict[str, tuple[int, RecipeFacts]] = {}

    def find(self, store: Store, arn: str) -> Deployment | None:
        """By the ARN of a campaign or recommender of any account and region; None if it does not exist."""
        campaign = store.get(Campaign, arn)
        record = campaign or store.get(Recommender, arn)
        if record is None:
            return None
        ordinal = store.ordinal(record)
        recipe_arn = record.recipe_arn if isinstance(record, Recommender) else None
        if campaign is not None:
            version = store.get(SolutionVersion, campaign.solution_version_arn)
            recipe_arn = version.recipe_arn if version is not None else None
        declared = self._facts.get(arn)
        is_declared = declared is not None and declared[0] == ordinal
        # A declared campaign that has been updated to a trained version has a model.
        if declared is not None and is_declared and (campaign is None or recipe_arn is None):
            return Deployment(record, declared[1], ordinal, has_model=False)
        facts = recipe_by_arn(recipe_arn or "")
        return None if facts is None else Deployment(record, facts, ordinal, has_model=True)

    def _remove_left_over(self, store: Store, arn: str) -> None:
        """A data directory keeps records of declared deployments, while declarations end with the process."""
        record = store.find(arn)
        if record is not None and arn not in self._facts and _made_from(store, record) is None:
            store.remove(record)

    def declare(self, context: Context, kind: str, name: str, facts: RecipeFacts) -> Deployment:
        """A new ACTIVE deployment, or one that has been declared before. kind: `campaign` or `recommender`.

        Raises:
            ValueError: the name is not allowed or taken.
        """
        arn = context.arn(kind, name)
        store = context.state.store
        with store.lock:
            self._remove_left_over(store, arn)
            existing = self.find(store, arn)
            if existing is None:
                record = _campaign(context, name) if kind == "campaign" else _recommender(context, name, facts)
                store.insert(record)
                self._facts[arn] = (store.ordinal(record), facts)
            elif existing.has_model:
                raise ValueError(f"the {kind} {name} exists already: declare answers for its ARN {arn}")
            elif existing.facts is not facts:
                raise ValueError(f"the {kind} {name} was declared with the recipe {existing.facts.name} before")
            found = self.find(store, arn)
        if found is None:
            raise ValueError(f"the {kind} {name} was deleted meanwhile")
        return found


def _made_from(store: Store, record: Resource) -> Resource | None:
    """The version of a campaign or the group of a recommender; None for those that were declared."""
    if isinstance(record, Campaign):
        return store.get(SolutionVersion, record.solution_version_arn)
    return store.get(DatasetGroup, record.dataset_group_arn) if isinstance(record, Recommender) else None


def unknown(store: Store, arn: str) -> ValueError:
    """The error for an ARN that names neither a campaign nor a recommender."""
    parsed = parse_arn(arn)
    kind = "recommender" if parsed is not None and parsed.resource_type == "recommender" else "campaign"
    known = [record.arn for record in (*store.all(Campaign), *store.all(Recommender))]
    there_are = f"there are {', '.join(known[:5])}" if known else "there are none yet"
    return ValueError(
        f"{arn!r:.300} is not the ARN of a {kind}; {there_are}. Create it first, or declare one without data: "
        f'{kind}("home-page") of the emulator, or {{"{kind}": "home-page"}} in a POST to /_emu/answers'
    )


def recipe_for(kind: str, name: str) -> RecipeFacts:
    """The recipe of that name or ARN, by default the one for the kind of deployment.

    Raises:
        ValueError: there is no such recipe, or deployments of that kind cannot have it.
    """
    name = name or DEFAULT_RECIPES[kind]
    facts = recipe_by_arn(name if name.startswith("arn:") else f"{ARN_PREFIX}recipe/{name}")
    fitting = [each.name for each in all_recipes() if each.operation and (each.domain is None) == (kind == "campaign")]
    if facts is None or facts.name not in fitting:
        raise ValueError(f"recipe of a {kind} must be one of {', '.join(sorted(fitting))}; not {name!r:.200}")
    return facts


def _campaign(context: Context, name: str) -> Campaign:
    version_arn = context.arn("solution", f"declared-{name}/{NO_VERSION}")
    _check_request("CreateCampaign", {"name": name, "solutionVersionArn": version_arn})
    return new_record(
        context, Campaign, name, name=name, status=ACTIVE, solution_version_arn=version_arn, min_provisioned_tps=1
    )


def _recommender(context: Context, name: str, facts: RecipeFacts) -> Recommender:
    group_arn = context.arn("dataset-group", f"declared-{name}")
    _check_request("CreateRecommender", {"name": name, "datasetGroupArn": group_arn, "recipeArn": facts.arn})
    return new_record(
        context,
        Recommender,
        name,
        name=name,
        status=ACTIVE,
        dataset_group_arn=group_arn,
        recipe_arn=facts.arn,
        recommender_config={"minRecommendationRequestsPerSecond": 1},
    )


def _check_request(operation: str, params: Mapping[str, Any]) -> None:
    try:
        validate(operations()[operation], params)
    except ValidationException as error:
        raise ValueError(error.message) from error
