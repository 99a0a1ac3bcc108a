"""The choice of a recipe (AutoML, T-40, T-41) and of hyperparameters (HPO, T-14, T-30 to T-35).

Reads the configuration of a solution; the search itself is in recipes/training/tuning.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from personalize_emu.recipes.contract.base import NotEnoughData, Progress, within
from personalize_emu.recipes.training.training_place import TrainingPlace
from personalize_emu.recipes.training.tuning import METRIC, Axis, Search
from personalize_emu.service.catalog.recipe_facts import ARN_PREFIX, Hyperparameter, RecipeFacts
from personalize_emu.service.configuration.hpo_config import searched_ranges
from personalize_emu.service.configuration.solution_config import resolved_hyperparameters
from personalize_emu.service.training_data.training_input import TrainingInput
from personalize_emu.state.resources import Document, Solution

DEFAULT_CANDIDATES = tuple(
    f"{ARN_PREFIX}recipe/{name}" for name in ("aws-user-personalization", "aws-popularity-count")
)
"""Without a recipeList (T-41)."""
CHOOSING = 0.3
"""Share of the whole work that choosing a recipe is reported as."""
DEFAULT_JOBS = 16
"""Of a search that names no number: less than the service's, so that it ends in a minute on small data."""
DEFAULT_PARALLEL_JOBS = 10
AUTO_ML_JOBS = 10
"""AutoML takes no number (T-40)."""


def candidates_of(config: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the recipes that AutoML chooses from; it reads nothing else of a solutionConfig (T-40)."""
    listed = config.get("autoMLConfig", {}).get("recipeList")
    return tuple(dict.fromkeys(listed)) if listed else DEFAULT_CANDIDATES


def metric_of(config: Mapping[str, Any]) -> str:
    """The metric of a solutionConfig that AutoML compares recipes by."""
    return str(config.get("autoMLConfig", {}).get("metricName", METRIC))


def best_input(
    candidates: Sequence[TrainingInput], metric: str, progress: Progress, place: TrainingPlace
) -> TrainingInput:
    """The candidate whose recipe scores best on validation users, of equal ones the first.

    Metrics of the version are measured on other users. No candidate trains a recurrent network here. The first
    candidate with too few data is returned, since its training will say so.
    """
    ended: list[int] = []

    def scored(number: int) -> float | None:
        share = CHOOSING * len(ended) / len(candidates)
        score = _validation_score(candidates[number], metric, within(progress, share, share), place)
        ended.append(number)
        return score

    with ThreadPoolExecutor(place.at_once) as pool:
        futures = [pool.submit(scored, number) for number in range(len(candidates))]
        try:
            scores = [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)
    known = [score for score in scores if score is not None]
    return candidates[scores.index(None) if len(known) < len(scores) else known.index(max(known))]


def _validation_score(candidate: TrainingInput, metric: str, progress: Progress, place: TrainingPlace) -> float | None:
    """The metric, or METRIC where the recipe does not have it; None of too few data."""

    def report(stage: str, share: float) -> None:
        progress(f"choosing, {candidate.facts.name}: {stage}", share)

    try:
        data = candidate.read(candidate.selection, len(candidate.interactions.log))
        candidate.check_enough(data)
        metrics = place.validation_metrics(candidate.recipe, data, candidate.run(report))
    except NotEnoughData:
        return None
    return metrics.get(metric, metrics[METRIC])


def search_of(solution: Solution, facts: RecipeFacts, config: Document) -> Search | None:
    """The search for hyperparameters that a training of the solution begins with; None for none."""
    if solution.perform_auto_ml:
        return auto_ml_search(facts)
    return requested_search(facts, config) if solution.perform_hpo else None


def auto_ml_search(facts: RecipeFacts) -> Search | None:
    """With the recipe that AutoML chose."""
    search = requested_search(facts, {})
    return search and replace(search, jobs=AUTO_ML_JOBS)


def requested_search(facts: RecipeFacts, config: Mapping[str, Any]) -> Search | None:
    """With the recipe and configuration of a solution; None for a recipe without anything to tune."""
    hpo: Mapping[str, Any] = config.get("hpoConfig", {})
    resources: Mapping[str, str] = hpo.get("hpoResourceConfig", {})
    given = resolved_hyperparameters(facts, config)
    axes = tuple(_axis(parameter, given[parameter.name]) for parameter in searched_ranges(facts, hpo))
    if not axes:
        return None
    jobs = int(resources.get("maxNumberOfTrainingJobs", DEFAULT_JOBS))
    return Search(axes, jobs, int(resources.get("maxParallelTrainingJobs", DEFAULT_PARALLEL_JOBS)))


def _axis(parameter: Hyperparameter, default: str) -> Axis:
    if parameter.type == "categorical":
        return Axis(parameter.name, default, values=parameter.values)
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None:
        raise ValueError(f"{parameter.name} has no bounds to search between")
    return Axis(parameter.name, default, low, high, whole=parameter.type == "integer")
