"""A saved model is the same model, the same training gives the same file, and a file can name nothing but models."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from personalize_emu.recipes.contract.base import History, Model, Recipe, TrainingData, TrainingRun
from personalize_emu.recipes.contract.saving import DOCUMENT, NotAModelFile, load_model, save_model, saved
from personalize_emu.recipes.popularity_count import PopularityModel
from personalize_emu.recipes.registry import all_recipes
from personalize_emu.recipes.scorers.popularity import Popularity
from personalize_emu.recipes.segments import segment_recipes
from tests.recipes.made_data import checkerboard, random_data, soap_shop

RECIPES = (*all_recipes(), *segment_recipes())
DATA = {"few users": checkerboard(), "returns": soap_shop(users=30, months=4), "few items": random_data(60, 12, 900, 3)}
NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.int64))


def fitted(recipe: Recipe, data: TrainingData) -> Model:
    return recipe.fit(data, TrainingRun({}, 7))


def first_history(data: TrainingData) -> History:
    own = slice(0, int(data.offsets[1]))
    return History(data.items[own], data.timestamps[own])


def popular() -> PopularityModel:
    counts = np.array([3, 1], np.int64)
    return PopularityModel(("a", "b"), Popularity(counts, counts, np.array([0, 1], np.int32)))


def rewritten(model: Model, change: dict[str, str]) -> BytesIO:
    """The file of a model with texts of its document replaced."""
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(saved(model))) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == DOCUMENT:
                for old, new in change.items():
                    assert old in content.decode()
                    content = content.decode().replace(old, new).encode()
            after.writestr(name, content)
    return target


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_a_model_comes_back_whole_and_answers_the_same(recipe: Recipe, data: TrainingData, tmp_path: Path) -> None:
    model = fitted(recipe, data)
    path = tmp_path / "model.zip"
    save_model(model, path)
    back = load_model(path)
    assert type(back) is type(model)
    assert back.catalog == model.catalog
    for history in (NOTHING, first_history(data)):
        assert np.array_equal(back.scores(history), model.scores(history))
    assert np.array_equal(back.trained_items, model.trained_items)
    assert saved(back) == path.read_bytes()


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_the_same_seed_gives_the_same_bytes(recipe: Recipe) -> None:
    data = DATA["few users"]
    assert saved(fitted(recipe, data)) == saved(fitted(recipe, data))


def test_other_data_give_other_bytes() -> None:
    recipe = RECIPES[0]
    assert saved(fitted(recipe, DATA["few users"])) != saved(fitted(recipe, DATA["few items"]))


def test_what_is_shared_is_written_once() -> None:
    counts = np.arange(100_000, dtype=np.int64)
    model = PopularityModel(("a",), Popularity(counts, counts, np.zeros(1, np.int32)))
    assert len(saved(model)) < 1.1 * counts.nbytes
    back = load_model(BytesIO(saved(model)))
    assert isinstance(back, PopularityModel)
    assert back.popularity.users is back.popularity.interactions


@dataclass(frozen=True, eq=False)
class Stranger(Model):
    """Not of the package, so a file may not name it."""

    catalog: tuple[str, ...]
    has_scores = False

    def scores(self, history: History) -> NDArray[np.float32]:
        return np.zeros(len(self.catalog), np.float32)

    @property
    def trained_items(self) -> NDArray[np.bool_]:
        return np.ones(len(self.catalog), np.bool_)


@pytest.mark.parametrize("part", [["a"], {1, 2}, object(), sp.coo_matrix((2, 2)), np.array([object()])])
def test_what_is_no_plain_data_is_refused_when_saving(part: object) -> None:
    model = PopularityModel(("a", "b"), Popularity(part, popular().popularity.interactions, np.zeros(2, np.int32)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot be part of a saved model"):
        saved(model)


def test_strangers_are_refused_when_saving() -> None:
    with pytest.raises(TypeError, match="Stranger"):
        saved(Stranger(("a",)))


OURS = "personalize_emu.recipes.popularity_count:PopularityModel"


@pytest.mark.parametrize(
    "change",
    [
        {'"format":1': '"format":2'},
        {OURS: "os:system"},
        {OURS: "personalize_emu.recipes.popularity_count:np"},
        {OURS: "personalize_emu.recipes.popularity_count:count_popularity"},
        {OURS: "personalize_emu.recipes.nowhere:PopularityModel"},
        {OURS: "personalize_emu.recipes.popularity_count:Nothing"},
        {OURS: "personalize_emu.recipes.scorers.popularity:Popularity"},
        {'{"array":0}': '{"array":77}'},
        {'"catalog"': '"catalogue"'},
    ],
    ids=lambda change: next(iter(change.values())),
)
def test_a_file_that_says_something_else_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(NotAModelFile):
        load_model(rewritten(popular(), change))


@pytest.mark.parametrize("content", [b"", b"no archive", json.dumps({"format": 1}).encode()])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(NotAModelFile):
        load_model(BytesIO(content))


def test_pickled_arrays_are_refused() -> None:
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(saved(popular()))) as before, zipfile.ZipFile(target, "w") as after:
        after.writestr(DOCUMENT, before.read(DOCUMENT))
        for name in before.namelist()[1:]:
            with after.open(name, "w") as member:
                np.lib.format.write_array(member, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(NotAModelFile):
        load_model(target)
