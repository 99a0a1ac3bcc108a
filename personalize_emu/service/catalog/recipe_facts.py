"""Facts about a recipe: names, hyperparameters, operations, and the columns it reads (spec 06 sections 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

ARN_PREFIX = "arn:aws:personalize:::"
"""Of recipes, algorithms and feature transformations, which have no region and no account (R-36)."""

ParameterKind = Literal["algorithm", "featurization"]
ParameterType = Literal["integer", "continuous", "categorical"]
RuntimeOperation = Literal["GetRecommendations", "GetPersonalizedRanking", "GetActionRecommendations"]
BatchJob = Literal["inference", "segment"]


@dataclass(frozen=True)
class Hyperparameter:
    """One row of spec 06 section 2.2.

    kind: `algorithm` goes in algorithmHyperParameters, `featurization` in featureTransformationParameters.
    default: a string, as in requests. minimum, maximum: bounds of numbers; maximum None is unbounded.
    above_minimum: the minimum is excluded. values: of a categorical parameter; `true` and `false` for a Boolean.
    tunable: may appear in HPO ranges. ranges_only: cannot be set to one value (R-67).
    staged_name: how DescribeSolution shows the name in HPO ranges, where it differs (R-51).
    synonyms: other names accepted in requests. spellings: other spellings of listed values, each with its value.
    """

    name: str
    kind: ParameterKind
    default: str
    type: ParameterType
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    tunable: bool = False
    above_minimum: bool = False
    ranges_only: bool = False
    staged_name: str | None = None
    synonyms: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_boolean(self) -> bool:
        return set(self.values) == {"true", "false"}

    def names(self) -> Iterator[str]:
        """Every name accepted in a request."""
        yield self.name
        if self.staged_name is not None:
            yield self.staged_name
        yield from self.synonyms


@dataclass(frozen=True)
class RecipeFacts:
    """A recipe or a domain use case (spec 06 sections 1 to 4).

    created: epoch seconds. domain: None for recipes of custom dataset groups. listed: False for the legacy
    recipes, which are described but neither listed nor trained (R-32).
    operation: the runtime operation that answers from it, None when only batch jobs do (R-20).
    needs: request members without which that operation is refused.
    real_time: a PutEvents changes the user's answers at once (R-110). auto_update: refreshed every two hours.
    exploration_age_minimum: least explorationItemAgeCutOff in days, 0 excluded; None when exploration cannot
    be configured (R-64, R-101). has_scores: answers carry scores. batch: the batch job that accepts it.
    required_event, hidden_event: of use cases, the event type that is counted against the training minimum
    (None: any) and the one whose items are filtered out by themselves (R-90 to R-99).
    """

    name: str
    recipe_type: str
    description: str
    created: float
    algorithm_name: str
    feature_transformation_name: str
    domain: str | None = None
    listed: bool = True
    hyperparameters: tuple[Hyperparameter, ...] = ()
    operation: RuntimeOperation | None = "GetRecommendations"
    needs: tuple[str, ...] = ("userId",)
    real_time: bool = False
    auto_update: bool = False
    exploration_age_minimum: float | None = None
    has_scores: bool = False
    batch: BatchJob | None = None
    required_event: str | None = None
    hidden_event: str | None = None

    @property
    def arn(self) -> str:
        return f"{ARN_PREFIX}recipe/{self.name}"

    @property
    def algorithm_arn(self) -> str:
        return f"{ARN_PREFIX}algorithm/{self.algorithm_name}"

    @property
    def feature_transformation_arn(self) -> str:
        return f"{ARN_PREFIX}feature-transformation/{self.feature_transformation_name}"

    @property
    def explores(self) -> bool:
        """Exploration can be configured."""
        return self.exploration_age_minimum is not None

    @property
    def tunes(self) -> bool:
        """The customer can run hyperparameter optimisation (T-33)."""
        return any(parameter.tunable for parameter in self.hyperparameters)

    def of_kind(self, kind: ParameterKind) -> tuple[Hyperparameter, ...]:
        return tuple(parameter for parameter in self.hyperparameters if parameter.kind == kind)


def midnight(year: int, month: int, day: int) -> float:
    """Epoch seconds of the beginning of a day in UTC."""
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class RecipeInputs:
    """What a recipe reads beside users, items and times of interactions (spec 06 section 1.1, R-21 to R-23).

    items, users: metadata of these datasets. texts: also textual columns of items (R-23).
    context: metadata columns of interactions (R-21). impressions: the items that were shown (R-22).
    """

    items: bool = False
    texts: bool = False
    users: bool = False
    context: bool = False
    impressions: bool = False


NOTHING = RecipeInputs()
_ITEMS = RecipeInputs(items=True, texts=True)
_PERSONAL = RecipeInputs(items=True, texts=True, users=True, context=True)
_SHOWN = RecipeInputs(items=True, texts=True, users=True, context=True, impressions=True)
_WITHOUT_TEXTS = RecipeInputs(items=True, users=True, context=True)

_INPUTS: Mapping[str, RecipeInputs] = MappingProxyType(
    {
        "aws-user-personalization": _SHOWN,
        "aws-user-personalization-v2": _PERSONAL,
        "aws-personalized-ranking": _PERSONAL,
        "aws-personalized-ranking-v2": _PERSONAL,
        "aws-similar-items": _ITEMS,
        "aws-semantic-similarity": _ITEMS,
        "aws-hrnn-metadata": _WITHOUT_TEXTS,
        "aws-hrnn-coldstart": _WITHOUT_TEXTS,
        "aws-next-best-action": RecipeInputs(items=True, users=True),
        "aws-item-affinity": RecipeInputs(items=True, texts=True, users=True),
        "aws-item-attribute-affinity": _ITEMS,
        "aws-ecomm-recommended-for-you": _SHOWN,
        "aws-vod-top-picks": _SHOWN,
        "aws-vod-more-like-x": _ITEMS,
    }
)


def inputs_of(facts: RecipeFacts) -> RecipeInputs:
    """Recipes without an entry read interactions only."""
    return _INPUTS.get(facts.name, NOTHING)
