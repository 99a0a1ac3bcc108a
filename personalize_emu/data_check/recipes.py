"""The minima of a recipe or use case, checked by the functions that training uses (R-40, T-80 to T-83)."""

from __future__ import annotations

from collections.abc import Mapping

from personalize_emu.data.records.interactions import Interactions
from personalize_emu.data.schemas.columns import ITEM_ID
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, INTERACTIONS, ITEMS
from personalize_emu.data_check.files import ReadFile
from personalize_emu.data_check.findings import Report
from personalize_emu.recipes.contract.base import NotEnoughData
from personalize_emu.recipes.training.training import MINIMUM_USERS, check_enough
from personalize_emu.service.catalog.recipe_catalog import recipe_by_arn
from personalize_emu.service.catalog.recipe_facts import ARN_PREFIX, RecipeFacts
from personalize_emu.service.state.training_selection import EventSelection, training_data
from personalize_emu.service.training_data.dataset_input import refuse_reserved_event_types, refuse_too_many_event_types
from personalize_emu.service.training_data.training_input import ANY_NUMBER_OF_USERS, ITEMS_ONLY
from personalize_emu.state.jobs import JobFailed

ACTIONS_RECIPE = "aws-next-best-action"


def recipe_named(text: str) -> RecipeFacts:
    """A recipe by name or ARN.

    Raises:
        ValueError: there is none.
    """
    facts = recipe_by_arn(text if text.startswith("arn:") else ARN_PREFIX + "recipe/" + text)
    if facts is None:
        raise ValueError(f"no recipe {text!r}; `aws personalize list-recipes` lists them")
    return facts


def check_recipe(
    facts: RecipeFacts, files: Mapping[str, ReadFile], found: Mapping[str, Interactions], report: Report
) -> None:
    """files: by dataset type. found: the interactions of those files that have some, by dataset type."""
    wanted = _required(facts)
    missing = [each for each in wanted if each not in files]
    for each in missing:
        report.refuse(facts.name, f"the recipe needs a dataset of type {each}")
    if missing or INTERACTIONS not in found or facts.name in ITEMS_ONLY:
        return
    file, interactions = files[INTERACTIONS], found[INTERACTIONS]
    selection = EventSelection.of(facts.required_event, {}, any_case=facts.domain is not None)
    items = set(files[ITEMS].table.column(ITEM_ID).to_pylist()) if ITEMS in files else set()
    try:
        refuse_reserved_event_types(file.table, file.table.slice(0, 0), interactions.event_types)
        refuse_too_many_event_types(file.table, file.table.slice(0, 0), interactions.event_types)
        data = training_data(interactions, selection, items)
        least = 0 if facts.name in ANY_NUMBER_OF_USERS else MINIMUM_USERS
        check_enough(data, event_type=facts.required_event, minimum_users=least)
    except (JobFailed, NotEnoughData) as error:
        report.refuse(facts.name, str(error))
    else:
        report.note(facts.name, f"enough data to train: {len(data.items):,} interactions, {len(data.catalog):,} items")


def _required(facts: RecipeFacts) -> tuple[str, ...]:
    if facts.name in ITEMS_ONLY:
        return (ITEMS,)
    return (INTERACTIONS, "ACTIONS", ACTION_INTERACTIONS) if facts.name == ACTIONS_RECIPE else (INTERACTIONS,)
