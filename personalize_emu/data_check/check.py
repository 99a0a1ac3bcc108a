"""The whole check of some files, in the order a user would fix things."""

from __future__ import annotations

from collections.abc import Sequence

from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, INTERACTIONS, ITEMS
from personalize_emu.data_check.columns import check_columns
from personalize_emu.data_check.files import DataFile, ReadFile, read_file
from personalize_emu.data_check.findings import Report
from personalize_emu.data_check.interactions import check_cold_items, check_future, check_interactions
from personalize_emu.data_check.recipes import check_recipe, recipe_named

TOLERATED = 0.05
"""Default share of rows that may be left out (D-58)."""


def check_files(
    files: Sequence[DataFile],
    *,
    domain: str | None = None,
    recipe: str | None = None,
    tolerated: float = TOLERATED,
    now: float | None = None,
) -> Report:
    """Check files of one dataset group.

    Args:
        domain: ECOMMERCE or VIDEO_ON_DEMAND; that of the recipe if the recipe is a use case.
        recipe: name or ARN of a recipe or use case whose minima are checked.
        now: epoch seconds, to warn of later timestamps.

    Raises:
        OSError: a file cannot be read. ValueError: no such recipe, or two files of one dataset type.
    """
    facts = recipe_named(recipe) if recipe is not None else None
    if facts is not None and domain is None:
        domain = facts.domain
    report = Report()
    read: dict[str, ReadFile] = {}
    for file in files:
        found = read_file(file, domain, tolerated, report)
        if found is None:
            continue
        if found.dataset_type in read:
            raise ValueError(f"two files of type {found.dataset_type}; put them in one folder to check them together")
        read[found.dataset_type] = found
        check_columns(found, report)
    kinds = [kind for kind in (INTERACTIONS, ACTION_INTERACTIONS) if kind in read]
    interactions = {kind: check_interactions(read[kind], report) for kind in kinds}
    if now is not None:
        for kind in kinds:
            check_future(read[kind], now, report)
    if ITEMS in read and INTERACTIONS in interactions:
        check_cold_items(read[ITEMS], interactions[INTERACTIONS], report)
    if facts is not None and len(read) == len(files):
        check_recipe(facts, read, interactions, report)
    return report
