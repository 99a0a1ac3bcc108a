"""Hyperparameters and HPO ranges: accepted values, refused ones, resolved ones (R-50 to R-71, T-30 to T-33)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu.service.catalog.parameter_values import decimal_value, integer_value
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.service.configuration.hpo_config import searched_ranges
from personalize_emu.service.configuration.solution_config import resolved_hyperparameters, shown_solution_config
from personalize_emu.service.training.model_selection import requested_search
from tests.service.solution_requests import BARE, check, ranges, recipe, refused, schema

# --- hyperparameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "kind", "name", "good", "bad"),
    [
        (
            "aws-user-personalization",
            "algorithm",
            "hidden_dimension",
            ["32", "256"],
            ["31", "257", "64.0", ""],
        ),
        ("aws-user-personalization", "algorithm", "bptt", ["2", "32"], ["1", "33"]),
        (
            "aws-user-personalization",
            "algorithm",
            "recency_mask",
            ["true", "False", "TRUE"],
            ["1", "yes", ""],
        ),
        ("aws-personalized-ranking-v2", "algorithm", "apply_recency_bias", ["true", "False"], ["on"]),
        ("aws-sims", "algorithm", "popularity_discount_factor", ["0", "1", "0.25"], ["-0.1", "1.1", "nan"]),
        ("aws-sims", "algorithm", "min_cointeraction_count", ["0", "10"], ["-1", "11"]),
        ("aws-sims", "featureTransformation", "min_hist_length_percentile", ["0.1"], ["2"]),
        (
            "aws-trending-now",
            "featureTransformation",
            "trend_discovery_frequency",
            ["30 minutes", "1 hour", "2 hours", "3 hours", "1 day"],
            ["2 Hours", "4 hours", "2hours"],
        ),
    ],
)
def test_r54_accepted_and_refused_values(on: str, kind: str, name: str, good: list[str], bad: list[str]) -> None:
    member = "algorithmHyperParameters" if kind == "algorithm" else "featureTransformationParameters"
    for text in good:
        check({member: {name: text}}, on=on)
    for text in bad:
        assert member in refused({member: {name: text}}, on=on)


def test_r70a_frequency_spellings_of_the_2023_guide() -> None:
    for text, value in (("30 min", "30 minutes"), ("1h", "1 hour"), ("2h", "2 hours"), ("3h", "3 hours")):
        config = {"featureTransformationParameters": {"trend_discovery_frequency": text}}
        check(config, on="aws-trending-now")
        found = resolved_hyperparameters(recipe("aws-trending-now"), config)
        assert found == {"trend_discovery_frequency": value}


def test_r70c_action_optimization_period() -> None:
    actions = schema("Actions", ACTION_ID="string", COST="float")
    schemas = {"INTERACTIONS": BARE, "ACTIONS": actions}
    for text in ("7", "28"):
        config = {"featureTransformationParameters": {"action_optimization_period": text}}
        check(config, on="aws-next-best-action", schemas=schemas)
    config = {"featureTransformationParameters": {"action_optimization_period": "29"}}
    assert "from 7 to 28" in refused(config, on="aws-next-best-action", schemas=schemas)


@pytest.mark.parametrize(
    ("on", "given", "words"),
    [
        ("aws-user-personalization", {"min": "0.9", "max": "0.1"}, ("min_user", " 0.9 above max_user", " 0.1,")),
        ("aws-personalized-ranking", {"min": "0.995"}, ("min_user", " 0.995 above max_user", " 0.99 (its default)")),
        ("aws-sims", {"max": "0.001"}, ("min_user", " 0.005 (its default) above max_user", " 0.001,")),
    ],
)
def test_r71_minimum_percentile_above_maximum_is_refused(on: str, given: dict[str, str], words: Any) -> None:
    """Nobody would be left; the text says which of the two to change."""
    values = {f"{side}_user_history_length_percentile": value for side, value in given.items()}
    text = refused({"featureTransformationParameters": values}, on=on)
    assert all(word in text for word in words)
    assert "Lower min_user_history_length_percentile or raise max_user_history_length_percentile" in text


def test_r71_percentiles_of_items_and_synonyms() -> None:
    """R-69c, R-69d: the others are compared, too, by whichever name they go."""
    member = "featureTransformationParameters"
    assert "max_item_interaction" in refused({member: {"min_item_interaction_count_percentile": ".95"}}, on="aws-sims")
    synonyms = {"min_hist_length_percentile": "0.6", "max_hist_length_percentile": "0.5"}
    assert "min_user_history_length_percentile 0.6" in refused({member: synonyms}, on="aws-sims")
    check({member: {"min_user_history_length_percentile": "0.5", "max_user_history_length_percentile": "0.5"}})
    check({member: {"min_user_history_length_percentile": "0.99"}})


def test_r53_r54_names_belong_to_one_recipe_and_one_map() -> None:
    assert "unknown parameter" in refused({"algorithmHyperParameters": {"hidden_dim": "64"}})
    assert "unknown parameter" in refused({"algorithmHyperParameters": {"bptt": "8"}}, on="aws-sims")
    assert "unknown parameter" in refused({"featureTransformationParameters": {"bptt": "8"}})
    assert "unknown parameter" in refused({"algorithmHyperParameters": {"min_user_history_length_percentile": "0.1"}})


def test_r51_prefixed_names_are_synonyms_but_not_additions() -> None:
    check({"algorithmHyperParameters": {"training.bptt": "8", "data.recency_mask": "false"}})
    assert "more than once" in refused({"algorithmHyperParameters": {"training.bptt": "8", "bptt": "9"}})
    assert "unknown parameter" in refused({"algorithmHyperParameters": {"data.bptt": "8"}})


def test_r67_similar_items_dimensions_are_set_through_ranges_only() -> None:
    given = {"algorithmHyperParameters": {"item_id_hidden_dim": "50"}}
    assert "range" in refused(given, on="aws-similar-items")
    check(ranges(integer=[("item_id_hidden_dim", 50, 60)]), on="aws-similar-items", performHPO=True)


def test_r51_r54_resolved_values_have_one_name_and_one_spelling() -> None:
    config = {
        "algorithmHyperParameters": {"network.hidden_dimension": "+064", "recency_mask": "False"},
        "featureTransformationParameters": {"max_user_history_length_percentile": ".5"},
    }
    check(config)
    assert resolved_hyperparameters(recipe("aws-user-personalization"), config) == {
        "hidden_dimension": "64",
        "bptt": "32",
        "recency_mask": "false",
        "min_user_history_length_percentile": "0.0",
        "max_user_history_length_percentile": "0.5",
    }


def test_defaults_are_valid_values() -> None:
    for facts in all_recipes():
        config: dict[str, dict[str, str]] = {
            "algorithmHyperParameters": {},
            "featureTransformationParameters": {},
        }
        for parameter in facts.hyperparameters:
            if not parameter.ranges_only:
                index = 0 if parameter.kind == "algorithm" else 1
                list(config.values())[index][parameter.name] = parameter.default
        assert resolved_hyperparameters(facts, config) == resolved_hyperparameters(facts, None)


@given(st.text())
def test_parsing_of_any_text_returns_a_number_or_none(text: str) -> None:
    integer, decimal = integer_value(text), decimal_value(text)
    if integer is not None:
        assert decimal == float(integer)
    if decimal is not None:
        assert abs(decimal) < float("inf")
        assert text.isascii()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_a_round_trip(value: float) -> None:
    assert decimal_value(repr(value)) == value


@pytest.mark.parametrize("text", ["9" * 1000, "1" + "0" * 400, "1" * 200_000, "٣٢", "32\n", " 32", "3_2", "0x20"])
def test_r54_hostile_numbers_are_refused(text: str) -> None:
    assert len(refused({"algorithmHyperParameters": {"hidden_dimension": text}})) < 300
    config = {"algorithmHyperParameters": {"popularity_discount_factor": text}}
    assert len(refused(config, on="aws-sims")) < 300


# --- HPO ----------------------------------------------------------------------------------------------------


def test_t33_r56_hpo_of_recipes_without_tunable_parameters() -> None:
    """The guide says which recipes have no HPO, and not that asking for it is refused."""
    for facts in all_recipes():
        if not facts.listed or facts.domain is not None or facts.name == "aws-next-best-action":
            continue
        for perform in (True, False):
            check(on=facts.name, performHPO=perform)
        assert (requested_search(facts, {}) is not None) == facts.tunes


def test_t30_resource_configuration_alone_is_enough() -> None:
    resources = {"maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "10"}
    config = {"hpoConfig": {"hpoResourceConfig": resources}}
    check(config, performHPO=True)
    searched = searched_ranges(recipe("aws-user-personalization"), config["hpoConfig"])
    assert [parameter.name for parameter in searched] == ["hidden_dimension", "bptt", "recency_mask"]


@pytest.mark.parametrize(
    ("member", "good", "bad"),
    [
        ("maxNumberOfTrainingJobs", ["1", "40"], ["0", "41", "-1", "x", "", "4.0", "٤"]),
        ("maxParallelTrainingJobs", ["1", "10"], ["0", "11", "1e1", "9" * 500]),
    ],
)
def test_t31_r_sol_19_job_counts(member: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        check({"hpoConfig": {"hpoResourceConfig": {member: text}}}, performHPO=True)
    for text in bad:
        assert member in refused({"hpoConfig": {"hpoResourceConfig": {member: text}}}, performHPO=True)


def test_t32_objective_is_accepted_and_ignored() -> None:
    check({"hpoConfig": {"hpoObjective": {"type": "Maximize", "metricName": "m", "metricRegex": "("}}})
    assert "Maximize" in refused({"hpoConfig": {"hpoObjective": {"type": "maximise"}}})


def test_t30_t33_ranges_narrow_the_search() -> None:
    config = ranges(integer=[("training.bptt", 4, 8)], categorical=[("recency_mask", ["True"])])
    check(config, performHPO=True)
    bptt, mask = searched_ranges(recipe("aws-user-personalization"), config["hpoConfig"])
    assert (bptt.name, bptt.minimum, bptt.maximum) == ("bptt", 4, 8)
    assert (mask.name, mask.values) == ("recency_mask", ("true",))


@pytest.mark.parametrize(
    "config",
    [
        ranges(integer=[("bptt", 1, 8)]),
        ranges(integer=[("bptt", 4, 33)]),
        ranges(integer=[("bptt", 9, 8)]),
        ranges(integer=[("min_user_history_length_percentile", 0, 1)]),
        ranges(integer=[("nonsense", 0, 1)]),
        ranges(continuous=[("bptt", 4.0, 8.0)]),
        ranges(integer=[("bptt", 4, 8), ("training.bptt", 4, 8)]),
        ranges(categorical=[("recency_mask", [])]),
        ranges(categorical=[("recency_mask", ["true", "maybe"])]),
    ],
)
def test_t33_bad_ranges(config: dict[str, Any]) -> None:
    refused(config, performHPO=True)


def test_t33_a_range_of_an_unknown_name_is_refused_with_the_recorded_text() -> None:
    for name in ("nonsense", "hidden_dim", ""):
        assert refused(ranges(integer=[(name, 0, 1)]), performHPO=True) == (
            "Provide a hyperparameter that is used in the algorithm: "
            "arn:aws:personalize:::algorithm/aws-user-personalization"
        )


def test_t33_ranges_of_recipes_without_hpo() -> None:
    config = ranges(integer=[("hidden_dimension", 32, 64)])
    assert "tunable" in refused(config, on="aws-item-affinity")


def test_t30_missing_bounds_default_to_those_of_the_recipe() -> None:
    entry = {"name": "popularity_discount_factor", "minValue": 0.4}
    config = {"algorithmHyperParameterRanges": {"continuousHyperParameterRanges": [entry]}}
    (searched,) = searched_ranges(recipe("aws-sims"), config)
    assert (searched.minimum, searched.maximum) == (0.4, 1.0)


def test_r51_r_sol_24_describe_changes_only_staged_range_names() -> None:
    config = {"algorithmHyperParameters": {"bptt": "8"}} | ranges(
        integer=[("bptt", 2, 8), ("hidden_dimension", 32, 64)],
        categorical=[("recency_mask", ["true"])],
    )
    shown = shown_solution_config(recipe("aws-user-personalization"), config)
    shown_ranges = shown["hpoConfig"]["algorithmHyperParameterRanges"]
    names = [entry["name"] for entries in shown_ranges.values() for entry in entries]
    assert names == ["training.bptt", "network.hidden_dimension", "data.recency_mask"]
    assert shown["algorithmHyperParameters"] == {"bptt": "8"}
    assert config["hpoConfig"]["algorithmHyperParameterRanges"]["integerHyperParameterRanges"][0]["name"] == "bptt"
    sims = ranges(integer=[("min_cointeraction_count", 1, 2)])
    assert shown_solution_config(recipe("aws-sims"), sims) == sims
    assert shown_solution_config(None, {"autoMLConfig": {}}) == {"autoMLConfig": {}}
