"""The hyperparameters of every recipe (spec 06 section 2.2)."""

from __future__ import annotations

from dataclasses import replace

from personalize_emu.service.catalog.recipe_facts import Hyperparameter

_BOOLEAN = ("true", "false")


def _hidden_dimension(default: int, *, tunable: bool) -> Hyperparameter:
    return Hyperparameter(
        "hidden_dimension", "algorithm", str(default), "integer", minimum=32, maximum=256, tunable=tunable
    )


def _percentile(name: str, default: str, *synonyms: str) -> Hyperparameter:
    return Hyperparameter(name, "featurization", default, "continuous", minimum=0.0, maximum=1.0, synonyms=synonyms)


def _recurrent(hidden_dimension: int) -> tuple[Hyperparameter, ...]:
    """R-57 to R-61, whose names DescribeSolution shows with a stage (R-51)."""
    dimension = replace(_hidden_dimension(hidden_dimension, tunable=True), staged_name="network.hidden_dimension")
    return (
        dimension,
        Hyperparameter(
            "bptt",
            "algorithm",
            "32",
            "integer",
            minimum=2,
            maximum=32,
            tunable=True,
            staged_name="training.bptt",
        ),
        Hyperparameter(
            "recency_mask",
            "algorithm",
            "true",
            "categorical",
            values=_BOOLEAN,
            tunable=True,
            staged_name="data.recency_mask",
        ),
        _percentile("min_user_history_length_percentile", "0.0"),
        _percentile("max_user_history_length_percentile", "0.99"),
    )


USER_PERSONALIZATION = _recurrent(149)
"""R-57 to R-61; also aws-personalized-ranking (R-64)."""

HRNN = _recurrent(43)
"""R-65; also aws-hrnn-metadata."""

HRNN_COLDSTART = (
    *_recurrent(149),
    Hyperparameter("cold_start_max_interactions", "featurization", "15", "integer", minimum=1),
    Hyperparameter("cold_start_max_duration", "featurization", "5.0", "continuous", minimum=0.0, above_minimum=True),
    Hyperparameter(
        "cold_start_relative_from",
        "featurization",
        "latestItem",
        "categorical",
        values=("currentTime", "latestItem"),
    ),
)
"""R-65, R-66."""

RECENCY_BIAS = (Hyperparameter("apply_recency_bias", "algorithm", "true", "categorical", values=_BOOLEAN),)
"""R-55: both v2 recipes."""


def _similar_items_dimension(name: str) -> Hyperparameter:
    return Hyperparameter(name, "algorithm", "100", "integer", minimum=30, maximum=200, tunable=True, ranges_only=True)


SIMILAR_ITEMS = (
    _similar_items_dimension("item_id_hidden_dim"),
    _similar_items_dimension("item_metadata_hidden_dim"),
)
"""R-67, R-68."""

SIMS = (
    Hyperparameter(
        "popularity_discount_factor",
        "algorithm",
        "0.5",
        "continuous",
        minimum=0.0,
        maximum=1.0,
        tunable=True,
    ),
    Hyperparameter("min_cointeraction_count", "algorithm", "3", "integer", minimum=0, maximum=10, tunable=True),
    _percentile("min_user_history_length_percentile", "0.005", "min_hist_length_percentile"),
    _percentile("max_user_history_length_percentile", "0.995", "max_hist_length_percentile"),
    _percentile("min_item_interaction_count_percentile", "0.01"),
    _percentile("max_item_interaction_count_percentile", "0.9"),
)
"""R-69 to R-69e, with the internal names as synonyms."""

TRENDING_NOW = (
    Hyperparameter(
        "trend_discovery_frequency",
        "featurization",
        "2 hours",
        "categorical",
        values=("30 minutes", "1 hour", "2 hours", "3 hours", "1 day"),
        spellings={"30 min": "30 minutes", "1h": "1 hour", "2h": "2 hours", "3h": "3 hours"},
    ),
)
"""R-70a, R-70b. The guide of 2023 has the short spellings."""

NEXT_BEST_ACTION = (
    Hyperparameter("action_optimization_period", "featurization", "14", "integer", minimum=7, maximum=28),
)
"""R-70c."""

AFFINITY = (_hidden_dimension(149, tunable=False),)
"""R-70d: aws-item-affinity and aws-item-attribute-affinity."""
