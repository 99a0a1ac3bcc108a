"""AutoML: which recipe does best with the data of a group (T-40, T-41).

From the configuration of a solution to the search for its hyperparameters (T-14, T-30 to T-35).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from personalize_emu.recipes.contract.base import NETWORK_FROM, NotEnoughData, Progress
from personalize_emu.recipes.training.blas_threads import one_blas_thread
from personalize_emu.recipes.training.training import check_enough, evaluated_on
from personalize_emu.recipes.training.tuning import METRIC, Axis, Search, validation_split
from personalize_emu.service.catalog.recipe_facts import ARN_PREFIX, Hyperparameter, RecipeFacts
from personalize_emu.service.configuration.hpo_config import searched_ranges
from personalize_emu.service.configuration.solution_config import resolved_hyperparameters
from personalize_emu.service.state.event_selection import EventSelection
from personalize_emu.service.training.training import TrainingInput, read_data

USUAL_CANDIDATES = tuple(f"{ARN_PREFIX}recipe/{name}" for name in ("aws-user-personalization", "aws-popularity-count"))
"""Without a recipeList (T-41)."""
CHOOSING = 0.3
"""Share of the whole work that the choice is said to be."""


def candidates_of(config: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the recipes to choose from; `config` is a solutionConfig, of which AutoML reads nothing else (T-40)."""
    listed = config.get("autoMLConfig", {}).get("recipeList")
    return tuple(dict.fromkeys(listed)) if listed else USUAL_CANDIDATES


def metric_of(config: Mapping[str, Any]) -> str:
    """What the recipes are compared by."""
    return str(config.get("autoMLConfig", {}).get("metricName", METRIC))


def chosen_source(source: TrainingInput, progress: Progress) -> TrainingInput:
    """The best of the rivals of `source`, of equal ones the first; `source` itself where it has none.

    They are compared on users that the metrics of the version are not measured on, and without the networks that the
    chosen one may train. A metric that recipes do not have
    stands for the usual one.
    """
    scores: list[float] = []
    with one_blas_thread():
        for place, rival in enumerate(source.rivals):
            begun = CHOOSING * place / len(source.rivals)
            try:
                scores.append(_score(rival, source.metric, progress, begun))
            except NotEnoughData:
                # The training of any will say what is missing.
                return rival
    return source.rivals[scores.index(max(scores))] if scores else source


def _score(rival: TrainingInput, metric: str, progress: Progress, begun: float) -> float:
    def hear(stage: str, share: float) -> None:
        del share
        progress(f"choosing, {rival.facts.name}: {stage}", begun)

    selection = EventSelection.of(rival.event_type, rival.config)
    data = read_data(rival, selection, len(rival.interactions.log))
    check_enough(data)
    parameters = {**resolved_hyperparameters(rival.facts, rival.config), NETWORK_FROM: "0"}
    _, metrics = evaluated_on(rival.recipe, validation_split(data, rival.seed), parameters, rival.seed, hear)
    return metrics.get(metric, metrics[METRIC])


DEFAULT_JOBS = 16
"""Where nothing is said: fewer than may be asked for, as a search is to end in a minute on small data."""
DEFAULT_PARALLEL_JOBS = 10
AUTO_ML_JOBS = 10
"""AutoML cannot be told how many (T-40)."""


def auto_ml_search(facts: RecipeFacts) -> Search | None:
    """The search that AutoML does with the recipe it chose."""
    search = requested_search(facts, {})
    return search and replace(search, jobs=AUTO_ML_JOBS)


def requested_search(facts: RecipeFacts, config: Mapping[str, Any]) -> Search | None:
    """The search that a checked configuration asks for; None for a recipe without anything to tune."""
    hpo: Mapping[str, Any] = config.get("hpoConfig", {})
    resources: Mapping[str, str] = hpo.get("hpoResourceConfig", {})
    given = resolved_hyperparameters(facts, config)
    axes = tuple(_axis(parameter, given[parameter.name]) for parameter in searched_ranges(facts, hpo))
    if not axes:
        return None
    jobs = int(resources.get("maxNumberOfTrainingJobs", DEFAULT_JOBS))
    return Search(axes, jobs, int(resources.get("maxParallelTrainingJobs", DEFAULT_PARALLEL_JOBS)))


def _axis(parameter: Hyperparameter, usual: str) -> Axis:
    if parameter.type == "categorical":
        return Axis(parameter.name, usual, values=parameter.values)
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None:
        raise ValueError(f"{parameter.name} has no bounds to search between")
    return Axis(parameter.name, usual, low, high, whole=parameter.type == "integer")
