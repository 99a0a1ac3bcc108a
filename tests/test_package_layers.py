"""The layers inside the larger packages, and the size of packages and modules; see docs/architecture.md."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.test_architecture import PACKAGE, REPOSITORY, Module, imported, modules, nearest_module, plant, within

# The packages and modules right below each package, from the lowest layer to the highest. A layer may import from
# lower layers only, so there are no cycles.
LAYERS: Mapping[str, tuple[frozenset[str], ...]] = {
    "data": (frozenset({"rejection"}), frozenset({"schemas"}), frozenset({"files", "records"})),
    "runtime": (
        frozenset({"deployments", "events", "exploration", "model_inputs", "responses"}),
        frozenset({"filtering"}),
        frozenset({"remembered"}),
        frozenset({"actions", "metadata", "promotions"}),
        frozenset({"rank", "recommend"}),
        frozenset({"explanations"}),
    ),
    "edge": (
        frozenset({"admin", "auth", "endpoints", "http", "request_log", "tls"}),
        frozenset({"kinesis", "request_pipeline", "start_state"}),
        frozenset({"operation_calls"}),
        frozenset({"cloudformation", "console"}),
        frozenset({"moto_adapter"}),
        frozenset({"application", "embedded_services"}),
        frozenset({"one_port"}),
        frozenset({"dispatcher"}),
        frozenset({"server", "testing"}),
        frozenset({"pytest_plugin"}),
    ),
    "service": (
        frozenset({"catalog"}),
        frozenset({"state"}),
        frozenset({"core"}),
        frozenset({"access", "recipes", "service_metrics", "usage"}),
        frozenset({"configuration", "lifecycle"}),
        frozenset({"datasets"}),
        frozenset({"attribution", "filters", "training_data"}),
        frozenset({"dataset_jobs", "refresh"}),
        frozenset({"dataset_groups", "training"}),
        frozenset({"batch_jobs", "deployments"}),
        frozenset({"solutions"}),
    ),
    "recipes": (
        frozenset({"contract", "numerics"}),
        frozenset({"content"}),
        frozenset({"scorers"}),
        frozenset({"actions", "ensemble", "wrappers"}),
        frozenset({"context", "sequential"}),
        frozenset({"hrnn", "personalized", "popularity_count", "segments", "sims", "trending_now"}),
        frozenset({"hrnn_metadata", "next_best_action", "semantic_similarity", "similar_items"}),
        frozenset({"registry"}),
        frozenset({"training"}),
    ),
}
MOST_MODULES = 12
"""Of one package, without its `__init__`."""
SHORTEST_MODULE = 20
"""Lines: what is shorter belongs to another module, unless it is listed here."""
SHORT_MODULES = frozenset({"__main__"})


def layer_faults(package: Path) -> list[str]:
    """`<module>: imports <module>` for arrows to the same or a higher layer; `<module>: has no layer`."""
    found = list(modules(package))
    names = {module.name for module in found}
    return list(dict.fromkeys(fault for module in found for fault in module_faults(module, names)))


def module_faults(module: Module, names: set[str]) -> Iterator[str]:
    if module.top_package not in LAYERS or module.name == module.top_package:
        return
    part = part_of(module.name)
    if layer_of(module.top_package, part) is None:
        yield f"{module.name}: has no layer"
        return
    targets = (target for node in ast.walk(ast.parse(module.text)) for target in imported(node, module))
    for target in targets:
        if within(target, f"{PACKAGE}.{module.top_package}"):
            ours = nearest_module(target[len(PACKAGE) + 1 :], names)
            if part_of(ours) != part and not is_below(module.top_package, part_of(ours), part):
                yield f"{module.name}: imports {ours}"


def part_of(name: str) -> str:
    """`service.state.entries` is in the part `state` of `service`; "" for the package itself."""
    return name.split(".")[1] if "." in name else ""


def layer_of(top_package: str, part: str) -> int | None:
    return next((number for number, parts in enumerate(LAYERS[top_package]) if part in parts), None)


def is_below(top_package: str, part: str, other: str) -> bool:
    lower, upper = layer_of(top_package, part), layer_of(top_package, other)
    return lower is not None and upper is not None and lower < upper


def size_faults(package: Path) -> list[str]:
    """Packages with too many modules, and modules that are too short and not listed."""
    found = [module for module in modules(package) if not module.is_package]
    counts = Counter(module.name.rpartition(".")[0] for module in found)
    many = [f"{name or PACKAGE}: {count} modules" for name, count in counts.items() if count > MOST_MODULES]
    lines = [(module.name, module.text.count("\n")) for module in found if module.name not in SHORT_MODULES]
    return many + [f"{name}: {count} lines" for name, count in lines if count < SHORTEST_MODULE]


def test_packages_import_lower_layers_only() -> None:
    assert layer_faults(REPOSITORY / PACKAGE) == []


def test_every_listed_package_exists() -> None:
    names = {module.name for module in modules(REPOSITORY / PACKAGE)}
    listed = {f"{top_package}.{part}" for top_package, layers in LAYERS.items() for parts in layers for part in parts}
    assert listed | SHORT_MODULES <= names


def test_packages_and_modules_have_a_readable_size() -> None:
    assert size_faults(REPOSITORY / PACKAGE) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        (
            "service/core/tags",
            "from personalize_emu.service.datasets import schemas",
            "imports service.datasets.schemas",
        ),
        ("service/core/tags", "from ..datasets import schemas", "imports service.datasets.schemas"),
        (
            "service/access/roles",
            "def f():\n    from personalize_emu.service import recipes",
            "imports service.recipes",
        ),
        ("service/core/tags", "from personalize_emu import service\nimport personalize_emu.service", "imports service"),
        ("service/cellar/wine", "", "has no layer"),
        ("recipes/cellar", "", "has no layer"),
    ],
)
def test_a_wrong_arrow_between_layers_is_found(tmp_path: Path, name: str, text: str, fault: str) -> None:
    for each in ("service/__init__", "recipes/__init__", "service/recipes", "service/datasets/schemas"):
        plant(tmp_path, each, "from personalize_emu.service.state import entries\n" if "schemas" in each else "")
    plant(tmp_path, "service/state/entries", "from personalize_emu.service.catalog import use_cases\n")
    plant(tmp_path, "service/catalog/use_cases", "")
    assert layer_faults(tmp_path) == []
    plant(tmp_path, name, text + "\n")
    assert layer_faults(tmp_path) == [f"{name.replace('/', '.')}: {fault}"]


def test_large_packages_and_short_modules_are_found(tmp_path: Path) -> None:
    for number in range(MOST_MODULES + 1):
        plant(tmp_path, f"wire/m{number}", "\n" * SHORTEST_MODULE)
    plant(tmp_path, "wire/m0", "\n" * (SHORTEST_MODULE - 1))
    assert size_faults(tmp_path) == ["wire: 13 modules", "wire.m0: 19 lines"]
