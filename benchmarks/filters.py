"""Cost of filters over a large catalog: first use of columns, new mask, cached mask."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from benchmarks.report import show
from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.filters.binding import bind
from personalize_emu.filters.check import check
from personalize_emu.filters.grammar import parse
from personalize_emu.filters.interactions import RecordEvents
from personalize_emu.filters.masks import FilterContext, admitted, nothing_known
from personalize_emu.filters.records import Records, View
from personalize_emu.recipes.contract.topk import top_k

SCHEMAS = {
    "ITEMS": Schema(
        "Items",
        (
            Field("ITEM_ID", "string"),
            Field("CATEGORY", "string", categorical=True),
            Field("GENRES", "string", nullable=True, categorical=True),
            Field("PRICE", "float", nullable=True),
            Field("STOCK", "int"),
            Field("CREATION_TIMESTAMP", "long"),
        ),
    ),
    "INTERACTIONS": Schema("Interactions", (Field("USER_ID", "string"), Field("EVENT_TYPE", "string"))),
}

EXPRESSIONS: Mapping[str, str] = {
    "category IN 3": 'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1", "c2", "c3")',
    "genres of many NOT IN 2": 'INCLUDE ItemID WHERE Items.GENRES NOT IN ("g1", "g2")',
    "two numbers": "INCLUDE ItemID WHERE Items.PRICE < 50 AND Items.CREATION_TIMESTAMP > 500000",
    "three columns, OR": (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c1") AND Items.STOCK > 0 '
        'OR Items.GENRES IN ("g5") AND Items.PRICE < 9'
    ),
    "items, less what was bought": (
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("c7", "c8") | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")'
    ),
    "100 item ids": "INCLUDE ItemID WHERE Items.ITEM_ID IN (" + ", ".join(f'"i{n:07d}"' for n in range(100)) + ")",
}


def catalog(size: int, rng: np.random.Generator) -> pa.Table:
    """A table of `size` items with 200 categories and 4,000 combinations of genres."""
    combinations = ["|".join(f"g{n}" for n in sorted(rng.choice(40, 3, replace=False))) for _ in range(4000)]
    missing = rng.random(size) < 0.1
    columns = {
        "ITEM_ID": pa.array([f"i{number:07d}" for number in range(size)]).dictionary_encode(),
        "CATEGORY": _drawn([f"c{number}" for number in range(200)], size, rng),
        "GENRES": _drawn(combinations, size, rng),
        "PRICE": pa.array(rng.uniform(1, 100, size).astype(np.float32), mask=missing),
        "STOCK": pa.array(rng.integers(0, 9, size).astype(np.int32)),
        "CREATION_TIMESTAMP": pa.array(rng.integers(0, 1_000_000, size)),
    }
    return pa.table(columns)


def _drawn(values: list[str], size: int, rng: np.random.Generator) -> pa.DictionaryArray:
    codes = rng.integers(0, len(values), size).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values))


def milliseconds(action: Callable[[], object], times: int) -> float:
    """The median of `times` runs."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        spent.append(time.perf_counter() - began)
    return sorted(spent)[times // 2] * 1000


def row(name: str, text: str, view_of: Callable[[], View], filter_context: FilterContext, times: int) -> list[str]:
    checked = check(parse(text), SCHEMAS)
    bound = bind(checked, {}, nothing_known)
    warm = view_of()
    first = milliseconds(lambda: admitted(bound, warm, filter_context), 1)

    def again() -> object:
        warm.forget_masks()
        return admitted(bound, warm, filter_context)

    uncached = milliseconds(again, times)
    cached = milliseconds(lambda: admitted(bind(checked, {}, nothing_known), warm, filter_context), times * 10)
    share = f"{admitted(bound, warm, filter_context).mean():.1%}"
    return [name, f"{first:.1f}", f"{uncached:.2f}", f"{cached:.3f}", share]


def _after_a_change(records: Records, view: View, filter_context: FilterContext) -> object:
    """Cost of the next request after PutItems with one item."""
    changed = {"ITEM_ID": "i0000005", "CATEGORY": "c1", "STOCK": 1, "CREATION_TIMESTAMP": 5}
    checked = check(parse(EXPRESSIONS["three columns, OR"]), SCHEMAS)
    return admitted(bind(checked, {}, nothing_known), view.over(records.changed_by([changed])), filter_context)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filters", description=__doc__)
    parser.add_argument("--items", type=int, default=750_000)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    table = catalog(options.items, rng)
    ids = table.column("ITEM_ID").to_pylist()
    numbers = {item: number for number, item in enumerate(ids)}
    records = Records(table, SCHEMAS["ITEMS"], "ITEM_ID")
    began = time.perf_counter()
    assert len(records.row_of) == options.items
    laid_out = time.perf_counter() - began
    bought = RecordEvents(frozenset((ids[n], "buy") for n in rng.choice(options.items, 300, replace=False).tolist()))
    filter_context = FilterContext(user_known=True, interactions=lambda _: bought)
    rows = [
        row(name, text, lambda: View(records, ids, numbers), filter_context, options.times)
        for name, text in EXPRESSIONS.items()
    ]
    header = ["filter", "first ms", "uncached ms", "cached ms", "items left"]
    show(f"Filters over {options.items:,} items; rows by id laid out in {laid_out * 1000:.0f} ms", header, rows)
    view = View(records, ids, numbers)
    _after_a_change(records, view, filter_context)
    changed = milliseconds(lambda: _after_a_change(records, view, filter_context), options.times)
    show("One item put", ["what", "ms"], [["the next filtered request", f"{changed:.1f}"]])
    scores = rng.random(options.items, np.float32)
    mask = rng.random(options.items) < 0.3
    plain = milliseconds(lambda: top_k(scores, 25), options.times)
    masked = milliseconds(lambda: top_k(np.where(mask, scores, np.float32(-np.inf)), 25), options.times)
    show("The best 25", ["scores", "ms"], [["all", f"{plain:.2f}"], ["through a mask", f"{masked:.2f}"]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
