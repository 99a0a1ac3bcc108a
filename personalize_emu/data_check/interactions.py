"""Insights into interactions: duplicates, users and items, skew, time, share of cold items."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.records.interactions import Interactions, collect_interactions
from personalize_emu.data.schemas.columns import ACTION_ID, ITEM_ID, TIMESTAMP
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data_check.files import ReadFile
from personalize_emu.data_check.findings import Report, share
from personalize_emu.recipes.training.training import MINIMUM_INTERACTIONS, MINIMUM_USERS

MANY_DUPLICATES = 0.1
"""Share of rows from which repeated rows are worth a warning."""
SKEWED_SHARE = 0.5
SKEWED_USERS = 0.01
"""Interactions are skewed when this share of them is of this share of the users."""
TOP_ITEMS = 0.01
CLOCKS_DIFFER = 24 * 3600
"""Seconds."""
MILLISECONDS = 10**11
"""Larger numbers are no seconds, which has a warning of its own."""
MANY_COLD = 0.5
"""Share of the items without any interaction from which they are worth a warning."""


def check_interactions(file: ReadFile, report: Report) -> Interactions:
    """Report on one file of interactions and return its distinct ones."""
    column = ACTION_ID if file.dataset_type == ACTION_INTERACTIONS else ITEM_ID
    found = collect_interactions(file.table, [], item_column=column)
    if len(found):
        _report_counts(file, found, report)
        _report_skew(file.name, found, report)
        _report_time(file.name, found, report)
    return found


def check_cold_items(file: ReadFile, found: Interactions, report: Report) -> None:
    """file: of items. Items that nobody interacted with, and interactions with items that the file lacks."""
    listed, seen = set(file.table.column(ITEM_ID).to_pylist()), set(found.item_ids)
    cold, missing = listed - seen, seen - listed
    if cold:
        level = report.warn if len(cold) > MANY_COLD * len(listed) else report.note
        level(file.name, f"{share(len(cold), len(listed))} items have no interaction (cold items)")
    if missing:
        report.warn(
            file.name, f"{share(len(missing), len(seen))} items with interactions are not in the file{_first(missing)}"
        )


def check_enough_to_train(file: ReadFile, found: Interactions, report: Report) -> None:
    """Warn below the minima of recipes that recommend to users (R-40, T-80, T-81), without choosing one."""
    active = found.users_with_at_least(2)
    if len(found) < MINIMUM_INTERACTIONS:
        text = f"too few to train: {len(found):,} interactions, at least {MINIMUM_INTERACTIONS:,} needed"
        report.warn(file.name, text)
    if active < MINIMUM_USERS:
        text = f"too few to train: {active:,} users with two interactions or more, at least {MINIMUM_USERS} needed"
        report.warn(file.name, text)


def check_future(file: ReadFile, now: float, report: Report) -> None:
    """Warn about timestamps after now, but for clocks that differ. now: epoch seconds."""
    timestamps = np.asarray(file.table.column(TIMESTAMP).drop_null(), dtype=np.int64)
    later = timestamps[(timestamps > now + CLOCKS_DIFFER) & (timestamps < MILLISECONDS)]
    if len(later):
        found = share(len(later), len(timestamps))
        report.warn(file.name, f"{found} timestamps are in the future, the last on {_day(int(later.max()))}")


def _first(ids: Collection[str]) -> str:
    return f", the first {min(ids)!r}"


def _report_counts(file: ReadFile, found: Interactions, report: Report) -> None:
    rows = file.table.num_rows
    users, items = len(found.user_ids), len(found.item_ids)
    report.note(file.name, f"{len(found):,} distinct interactions of {users:,} users with {items:,} items")
    if rows > len(found):
        level = report.warn if rows - len(found) > MANY_DUPLICATES * rows else report.note
        level(file.name, f"{share(rows - len(found), rows)} rows are exact duplicates and count once (D-82)")
    single = users - found.users_with_at_least(2)
    report.note(file.name, f"{share(single, users)} users have one interaction only")


def _report_skew(name: str, found: Interactions, report: Report) -> None:
    of_users, of_items = np.diff(found.offsets), np.bincount(found.items)
    top = _top_share(of_items, TOP_ITEMS)
    report.note(name, f"the most popular 1 % of the items have {100 * top:.0f} % of the interactions")
    heavy = _top_share(of_users, SKEWED_USERS)
    if heavy > SKEWED_SHARE:
        report.warn(name, f"skewed: 1 % of the users have {100 * heavy:.0f} % of the interactions; are these robots?")


def _top_share(counts: NDArray[np.int64], share_of_all: float) -> float:
    """Share of the sum that the largest counts hold. counts: int64[n]."""
    most = max(1, round(share_of_all * len(counts)))
    return float(np.sort(counts)[-most:].sum() / counts.sum())


def _report_time(name: str, found: Interactions, report: Report) -> None:
    first, last = int(found.timestamps.min()), int(found.timestamps.max())
    report.note(name, f"from {_day(first)} to {_day(last)}")
    if first == last:
        report.warn(name, "all interactions have the same timestamp; sequences and trends cannot be learned")


def _day(timestamp: int) -> str:
    """timestamp: epoch seconds; as a number where no calendar has such a year."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return f"{timestamp} s"
