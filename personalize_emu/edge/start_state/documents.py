"""Declarative start files: YAML that names resources instead of ARNs.

    groups:
      films:
        datasets:
          interactions: {schema: interactions.avsc, data: interactions.csv}
        solutions:
          for-you:
            recipe: aws-user-personalization-v2
            campaigns: {home: {}}
        filters: {unseen: EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")}

Everything is checked before anything is created. Members of operations have the names of the API; the service checks
their values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from personalize_emu.schema_files import schema_names, schema_text
from personalize_emu.wire.models import operations

DATASET_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "interactions": "Interactions",
        "items": "Items",
        "users": "Users",
        "actions": "Actions",
        "action-interactions": "Action_Interactions",
    }
)
"""Key of a dataset -> its type in the API."""


class InvalidStartFile(Exception):
    """A start file cannot be applied. The text names file, place and what is known there."""


@dataclass(frozen=True)
class Declared:
    """A resource. place: its path of keys, for messages. members: of the Create operation, beside name and ARNs."""

    place: str
    name: str
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeclaredDataset(Declared):
    """name: the type in the API. schema: JSON text. data: files to import, perhaps none."""

    schema: str = ""
    data: tuple[Path, ...] = ()


@dataclass(frozen=True)
class DeclaredSolution(Declared):
    """train: whether a version is trained; campaigns need one."""

    train: bool = True
    campaigns: tuple[Declared, ...] = ()


@dataclass(frozen=True)
class DeclaredGroup(Declared):
    datasets: tuple[DeclaredDataset, ...] = ()
    solutions: tuple[DeclaredSolution, ...] = ()
    recommenders: tuple[Declared, ...] = ()
    filters: tuple[Declared, ...] = ()
    event_tracker: Declared | None = None


@dataclass(frozen=True)
class Document:
    """region: None for that of the server. buckets: name -> folder whose files are put there, or None."""

    region: str | None
    buckets: Mapping[str, Path | None]
    groups: tuple[DeclaredGroup, ...]


def read_document(path: Path) -> Document:
    """Read and check a declarative file; relative paths in it start at its folder.

    Raises:
        InvalidStartFile: it is no YAML, has an unknown key, or names a missing file.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return _Reader(path.parent).document({} if content is None else content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidStartFile(f"{path}: not YAML: {error}") from error
    except _Invalid as error:
        raise InvalidStartFile(f"{path}: {error}") from error


class _Invalid(Exception):
    """The text names the place in the document."""


@dataclass(frozen=True)
class _Reader:
    """folder: where relative paths start."""

    folder: Path

    def document(self, content: Any) -> Document:
        given = _mapping(content, "the file", ("region", "buckets", "groups"))
        groups = _named(given.get("groups"), "groups")
        buckets = _named(given.get("buckets"), "buckets")
        region = given.get("region")
        return Document(
            None if region is None else str(region),
            {name: self._path(folder, f"buckets.{name}") if folder else None for name, folder in buckets.items()},
            tuple(self._group(name, content) for name, content in groups.items()),
        )

    def _group(self, name: str, content: Any) -> DeclaredGroup:
        place = f"groups.{name}"
        members = _members("CreateDatasetGroup", "name")
        own = ("datasets", "solutions", "recommenders", "filters", "eventTracker")
        given = _mapping(content, place, (*own, *members))
        parts = {key: _named(given.get(key), f"{place}.{key}") for key in own[:4]}
        tracker = given.get("eventTracker")
        return DeclaredGroup(
            place,
            name,
            _chosen(given, members),
            tuple(self._dataset(f"{place}.datasets.{kind}", kind, each) for kind, each in parts["datasets"].items()),
            tuple(_solution(f"{place}.solutions.{key}", key, each) for key, each in parts["solutions"].items()),
            tuple(
                _recommender(f"{place}.recommenders.{key}", key, each) for key, each in parts["recommenders"].items()
            ),
            tuple(_filter(f"{place}.filters.{key}", key, each) for key, each in parts["filters"].items()),
            None if tracker is None else Declared(f"{place}.eventTracker", _text(tracker, f"{place}.eventTracker")),
        )

    def _dataset(self, place: str, kind: str, content: Any) -> DeclaredDataset:
        if kind not in DATASET_TYPES:
            raise _Invalid(f"{place}: unknown dataset {kind!r}; known ones are {', '.join(DATASET_TYPES)}")
        given = _mapping(content, place, ("schema", "data", "tags"))
        if "schema" not in given:
            raise _Invalid(f"{place}: the key 'schema' is missing")
        schema, data = self._schema(given["schema"], f"{place}.schema"), given.get("data") or ()
        files = [data] if isinstance(data, str) else data
        if not isinstance(files, Iterable):
            raise _Invalid(f"{place}.data: must be a path or a list of paths, not {data!r}")
        paths = tuple(self._path(each, f"{place}.data") for each in files)
        return DeclaredDataset(place, DATASET_TYPES[kind], _chosen(given, ("tags",)), schema, paths)

    def _schema(self, value: Any, place: str) -> str:
        """The text of an inline schema, of one in the package, or of one in a file."""
        if isinstance(value, dict):
            return json.dumps(value)
        if value in schema_names():
            return schema_text(value)
        try:
            return self._path(value, place).read_text("utf-8")
        except _Invalid as error:
            raise _Invalid(f"{error}, and no schema of the package is named so") from error

    def _path(self, value: Any, place: str) -> Path:
        path = self.folder / _text(value, place)
        if not path.exists():
            raise _Invalid(f"{place}: there is no file {path}")
        return path


def _solution(place: str, name: str, content: Any) -> DeclaredSolution:
    members = _members("CreateSolution", "name", "datasetGroupArn", "recipeArn")
    given = _mapping(content, place, ("recipe", "train", "campaigns", *members))
    allowed = _members("CreateCampaign", "name", "solutionVersionArn")
    campaigns = _named(given.get("campaigns"), f"{place}.campaigns")
    declared = tuple(
        Declared(f"{place}.campaigns.{key}", key, _mapping(each, f"{place}.campaigns.{key}", allowed))
        for key, each in campaigns.items()
    )
    train = given.get("train", True)
    if not isinstance(train, bool):
        raise _Invalid(f"{place}.train: must be true or false, not {train!r}")
    if declared and not train:
        raise _Invalid(f"{place}: campaigns need a trained version, so 'train' must not be false")
    return DeclaredSolution(place, name, {**_chosen(given, members), **_recipe(given, place)}, train, declared)


def _recommender(place: str, name: str, content: Any) -> Declared:
    members = _members("CreateRecommender", "name", "datasetGroupArn", "recipeArn")
    given = _mapping(content, place, ("recipe", *members))
    if "recipe" not in given:
        raise _Invalid(f"{place}: the key 'recipe' is missing")
    return Declared(place, name, {**_chosen(given, members), **_recipe(given, place)})


def _filter(place: str, name: str, content: Any) -> Declared:
    if isinstance(content, str):
        return Declared(place, name, {"filterExpression": content})
    return Declared(place, name, _mapping(content, place, _members("CreateFilter", "name", "datasetGroupArn")))


def _recipe(given: Mapping[str, Any], place: str) -> dict[str, str]:
    """recipeArn of a recipe given by name or ARN; a solution with AutoML has none."""
    if "recipe" not in given:
        return {}
    recipe = _text(given["recipe"], f"{place}.recipe")
    return {"recipeArn": recipe if recipe.startswith("arn:") else f"arn:aws:personalize:::recipe/{recipe}"}


def _members(operation_name: str, *without: str) -> tuple[str, ...]:
    shape = operations()[operation_name].input_shape
    assert shape is not None, "every Create operation has parameters"
    return tuple(name for name in shape.members if name not in without)


def _mapping(content: Any, place: str, known: Iterable[str]) -> dict[str, Any]:
    """The mapping at a place; nothing there is an empty one."""
    given = {} if content is None else content
    if not isinstance(given, dict):
        raise _Invalid(f"{place}: must be a mapping, not {content!r}")
    for key in given:
        if key not in known:
            raise _Invalid(f"{place}: unknown key {key!r}; known keys are {', '.join(sorted(known))}")
    return given


def _named(content: Any, place: str) -> dict[str, Any]:
    """A mapping whose keys are names of resources."""
    if content is not None and not isinstance(content, dict):
        raise _Invalid(f"{place}: must be a mapping from names, not {content!r}")
    return {str(name): each for name, each in (content or {}).items()}


def _chosen(given: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Members of an operation, with tags as the API has them."""
    members = {key: given[key] for key in keys if key in given}
    tags = members.get("tags")
    if isinstance(tags, dict):
        members["tags"] = [{"tagKey": str(key), "tagValue": str(value)} for key, value in tags.items()]
    return members


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _Invalid(f"{place}: must be a text, not {value!r}")
    return value
