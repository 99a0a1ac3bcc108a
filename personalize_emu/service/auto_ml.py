"""AutoML: which recipe does best with the data of a group (T-40, T-41)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.recipes.base import NETWORK_FROM, NotEnoughData, Progress
from personalize_emu.recipes.blas_threads import one_blas_thread
from personalize_emu.recipes.training import check_enough, evaluated_on
from personalize_emu.recipes.tuning import METRIC, validation_split
from personalize_emu.service.event_selection import EventSelection
from personalize_emu.service.recipe_facts import ARN_PREFIX
from personalize_emu.service.solution_config import resolved_hyperparameters
from personalize_emu.service.training import TrainingInput, read_data

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
