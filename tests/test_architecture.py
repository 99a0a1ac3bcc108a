"""Checks the imports between packages, the places of third-party imports, file lengths, and the vocabulary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "personalize_emu"
REPOSITORY = Path(__file__).parents[1]
LONGEST_FILE = 400

# What the modules of each top-level package or module may import, besides their own package. "" is personalize_emu
# itself, which imports lazily. A longer name allows that part only.
FOUNDATION = frozenset(
    {
        "data", "recipes", "filters", "settings", "aws_services", "kms_keys", "s3_locations", "schema_files",
        "lazy_imports", "freed_memory", "dask_cluster",
    }
)
ALLOWED: Mapping[str, frozenset[str]] = {
    "settings": frozenset(),
    "schema_files": frozenset(),
    "lazy_imports": frozenset(),
    "freed_memory": frozenset(),
    "data": frozenset(),
    "wire": frozenset(),
    "kms_keys": frozenset(),
    "aws_services": frozenset({"settings", "kms_keys"}),
    "dask_cluster": frozenset({"settings"}),
    "s3_locations": frozenset({"aws_services"}),
    "recipes": frozenset({"data", "lazy_imports", "freed_memory"}),
    "filters": frozenset({"data"}),
    "state": (FOUNDATION - {"recipes"}) | {"recipes.contract.base", "wire.errors"},
    "service": FOUNDATION | {"state", "wire.errors", "wire.pages", "wire.rendered"},
    "runtime": FOUNDATION | {"state", "service", "wire.errors", "wire.pages", "wire.rendered"},
    "batch": FOUNDATION | {"state", "service", "runtime", "wire.errors", "wire.java_text"},
    "data_check": frozenset({"data", "recipes", "service.catalog", "service.state", "service.training_data", "state"}),
    "doubles": frozenset({"settings", "state", "service", "wire"}),
    "operations": FOUNDATION | {"state", "service", "runtime", "batch", "wire"},
    "durability": FOUNDATION | {"state", "service", "wire.errors"},
    "emulator": FOUNDATION
    | {"state", "service", "runtime", "batch", "wire", "operations", "doubles", "durability", ""},
    "edge": FOUNDATION
    | {"state", "service", "runtime", "batch", "wire", "operations", "doubles", "durability", "emulator", "data_check"}
    | {""},
}
ALLOWED_AT_ENTRY_POINTS = frozenset(ALLOWED) | {"cli", "demo", "shop", "tryout", ""}
ENTRY_POINTS = frozenset({"cli", "demo", "shop", "tryout", "", "__main__"})

# Third-party packages that only some modules may import; the longest matching name applies.
CONFINED: Mapping[str, tuple[str, ...]] = {
    "flask": ("edge", "shop.web"),
    "flask_cors": ("edge",),
    "boto3": ("aws_services", "edge", "demo", "tryout"),
    "botocore": ("aws_services", "kms_keys", "edge", "demo", "shop", "cli.shop", "wire.models"),
    "cryptography": ("durability.encryption", "edge"),
    "botocore.model": ("aws_services", "edge", "demo", "wire"),
    "moto": ("edge.moto_adapter",),
    "dask": ("dask_cluster",),
    "distributed": ("dask_cluster",),
    "scipy": ("lazy_imports", "recipes.training.tuning"),
    "pickle": (),
    "cPickle": (),
    "cloudpickle": (),
    "dill": (),
    "joblib": (),
    "shelve": (),
}
IMPORTS = ("import_module", "__import__", "LazyModule")
"""Calls that import the module they name."""
PUBLIC_ONLY = ("numpy", "scipy", "pyarrow", "distributed")
"""Third-party packages whose private modules and members may be gone with the next release."""
CATCHES_ALL = (
    "edge.request_pipeline",
    "edge.one_port",
    "edge.moto_adapter.clients",
    "edge.moto_adapter.services.stack_resources",
    "state.jobs",
)
"""Modules that may catch all exceptions: they convert them to error responses, failed jobs or failed resources."""


# Unusual words -> the standard terms. The words must not occur in identifiers: names of
# modules, classes, functions, parameters, variables and attributes, split at underscores and capitals. Words that also
# have an ordinary meaning here are not listed: neighbours (kNN), trust (of IAM roles), affinity (Item-Affinity, an AWS
# recipe), trial (of a search), moments, series, pieces, returns, asked, chain,
# front, gates (of a GRU cell).
VOCABULARY: Mapping[str, str] = {
    "alike": "similar, equal",
    "asker": "query subject",
    "asking": "request, filter context",
    "circumstances": "context",
    "coins": "hash split, random draws",
    "crowd": "interaction matrix, neighbours",
    "dealt": "k-fold split",
    "door": "entry point",
    "encounter": "interaction",
    "eras": "time buckets",
    "evidence": "training examples",
    "exchange": "request, response",
    "expert": "base scorer",
    "foresee": "predict",
    "foresight": "horizon",
    "had": "interacted with, seen",
    "hear": "progress, received",
    "heard": "received, recorded",
    "judge": "validation user",
    "judgement": "ensemble weight",
    "knock": "request",
    "lane": "thread pool",
    "lender": "neighbour",
    "lesson": "step result",
    "likeness": "similarity",
    "met": "interacted with, seen",
    "opinion": "score",
    "rests": "is paused",
    "said": "scores, text, message",
    "sharpness": "inverse temperature",
    "sitting": "session",
    "situated": "contextual",
    "soon": "position discount",
    "thinned": "subsampled",
    "told": "context, given",
    "trait": "feature",
    "turn": "lock",
    "visit": "interaction, session",
    "visited": "interacted with",
    "wish": "constraint",
    "world": "state",
    "worth": "relevance",
}
VOCABULARY_PENDING: tuple[str, ...] = ()
"""Packages, with their tests, to which the vocabulary does not apply yet."""


@dataclass(frozen=True)
class Module:
    """name: relative to personalize_emu, e.g. `wire.errors`; empty for the package itself."""

    name: str
    is_package: bool
    text: str

    @property
    def top_package(self) -> str:
        return self.name.partition(".")[0]


def modules(package: Path) -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        yield Module(".".join(parts[:-1] if is_package else parts), is_package, path.read_text("utf-8"))


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


def violations(package: Path) -> list[str]:
    """All violations, as `<module>: <violation>`."""
    found = list(modules(package))
    names = {module.name for module in found}
    faulty = (f"{module.name or PACKAGE}: {fault}" for module in found for fault in faults(module, names))
    return list(dict.fromkeys(faulty))


def faults(module: Module, names: set[str]) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{lines} lines"
    tree = ast.parse(module.text)
    for node in ast.walk(tree):
        for target in imported(node, module):
            yield from import_faults(module, target, names)
        if isinstance(node, ast.ExceptHandler) and catches_all(node) and module.name not in CATCHES_ALL:
            yield f"line {node.lineno} catches everything"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_false(node.value):
            yield f"line {node.lineno} allows pickles"


def imported(node: ast.AST, module: Module) -> Iterator[str]:
    """Full dotted names of what a statement imports, including members of modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = import_base(node, module)
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and called_name(node) in IMPORTS and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def import_base(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    steps = [PACKAGE, *(module.name.split(".") if module.name else [])]
    up = node.level - 1 if module.is_package else node.level
    base = ".".join(steps[: len(steps) - up])
    return f"{base}.{node.module}" if node.module else base


def called_name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def import_faults(module: Module, target: str, names: set[str]) -> Iterator[str]:
    if within(target, PACKAGE):
        ours = nearest_module(target[len(PACKAGE) + 1 :], names)
        if not may_import(module, ours):
            yield f"imports {ours or PACKAGE}"
        return
    confined = max((name for name in CONFINED if within(target, name)), key=len, default=None)
    if confined is not None and not any(within(module.name, owner) for owner in CONFINED[confined]):
        yield f"imports {confined}"
    if any(within(target, name) for name in PUBLIC_ONLY) and "._" in target:
        yield f"imports {target}, which is private"


def nearest_module(name: str, names: set[str]) -> str:
    """The module of a dotted name: `wire.errors` for `wire.errors.InvalidInputException`."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def may_import(module: Module, target: str) -> bool:
    top_package = target.partition(".")[0]
    if top_package == module.top_package:
        return True
    if module.top_package in ENTRY_POINTS:
        return top_package in ALLOWED_AT_ENTRY_POINTS
    allowed = ALLOWED.get(module.top_package, frozenset())
    return any(target == part or (bool(part) and within(target, part)) for part in allowed)


def catches_all(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException") for kind in caught)


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def test_imports_follow_the_layers() -> None:
    assert violations(REPOSITORY / PACKAGE) == []


def test_every_package_has_a_rule() -> None:
    top_packages = {module.top_package for module in modules(REPOSITORY / PACKAGE)}
    assert top_packages - set(ALLOWED) - ENTRY_POINTS == set()


def test_tests_and_benchmarks_have_at_most_400_lines() -> None:
    long = [
        path.name
        for folder in ("tests", "benchmarks")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path.read_text("utf-8").count("\n") > LONGEST_FILE
    ]
    assert long == []


def defined_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def home_made_words(name: str) -> Iterator[str]:
    """The listed words in an identifier, in singular or plural."""
    for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name):
        lower = word.lower()
        yield from (each for each in (lower, lower.removesuffix("s"), lower.removesuffix("es")) if each in VOCABULARY)


def vocabulary_faults(root: Path) -> list[str]:
    """Every identifier below `root` that has a listed word, as `<file>: <identifier>: say <words>`."""
    found = []
    paths = (path for folder in ("personalize_emu", "tests", "benchmarks") for path in root.glob(f"{folder}/**/*.py"))
    for path in sorted(paths):
        relative = path.relative_to(root)
        if len(relative.parts) > 2 and relative.parts[0] != "benchmarks" and relative.parts[1] in VOCABULARY_PENDING:
            continue
        names = dict.fromkeys([path.stem, *relative.parts[:-1], *defined_names(ast.parse(path.read_text("utf-8")))])
        for name in names:
            found += [f"{relative}: {name}: say {VOCABULARY[word]}" for word in dict.fromkeys(home_made_words(name))]
    return found


def test_identifiers_use_standard_terms() -> None:
    assert vocabulary_faults(REPOSITORY) == []


def test_listed_words_are_found_in_every_kind_of_identifier(tmp_path: Path) -> None:
    text = "class OpenDoor:\n    def shown(self, told_context):\n        self.had = lanes = 1\n        return lanes\n"
    plant(tmp_path / "benchmarks", "knocks", text)
    assert [fault.split(": ")[1] for fault in vocabulary_faults(tmp_path)] == [
        "knocks", "OpenDoor", "told_context", "had", "lanes"
    ]  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package without violations."""
    plant(tmp_path, "__init__", "def __getattr__(name):\n    from personalize_emu.edge import mock\n")
    for name in ("wire", "edge", "service", "state", "data", "recipes", "runtime"):
        plant(tmp_path, f"{name}/__init__", "")
    plant(tmp_path, "wire/errors", "class AwsError(Exception):\n    pass\n")
    plant(tmp_path, "wire/render", "import botocore.model\nfrom personalize_emu.wire import errors\n")
    plant(tmp_path, "wire/models", "import botocore.loaders\n")
    plant(tmp_path, "recipes/base", "from personalize_emu.data import avro\n")
    plant(tmp_path, "recipes/sims", "from personalize_emu.recipes.contract.base import Recipe\n")
    plant(tmp_path, "state/store", "from personalize_emu.wire.errors import AwsError\n")
    plant(tmp_path, "service/solutions", "from ..state.store import Store\nfrom ..wire import errors\n")
    plant(tmp_path, "runtime/rank", "from personalize_emu.service import solutions\n")
    plant(tmp_path, "edge/request_pipeline", "import flask\ntry:\n    pass\nexcept Exception:\n    pass\n")
    plant(tmp_path, "edge/moto_adapter", "from moto.core import responses\n")
    plant(tmp_path, "aws_services", "import boto3\n")
    plant(tmp_path, "cli", "from personalize_emu.edge.request_pipeline import answer\n")
    return tmp_path


def plant(package: Path, name: str, text: str) -> None:
    path = package / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_valid_package_has_no_violations(package: Path) -> None:
    assert violations(package) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("data/csv", "from personalize_emu.wire.errors import AwsError", "imports wire.errors"),
        ("data/csv", "import personalize_emu.state.store", "imports state.store"),
        (
            "recipes/ease",
            "def fit():\n    from personalize_emu.service import solutions",
            "imports service.solutions",
        ),
        ("wire/parse", "from ..state import store", "imports state.store"),
        ("wire/__init__", "from .. import aws_services", "imports aws_services"),
        ("state/jobs", "from personalize_emu.wire import errors, render", "imports wire.render"),
        ("state/jobs", "from personalize_emu.recipes import sims", "imports recipes.sims"),
        ("service/tags", "from personalize_emu import edge", "imports edge"),
        ("service/tags", "from personalize_emu.wire.render import render", "imports wire.render"),
        ("service/tags", "from personalize_emu.runtime import rank", "imports runtime.rank"),
        ("service/tags", "from personalize_emu import mock_personalize", "imports personalize_emu"),
        ("service/tags", "import importlib\nimportlib.import_module('personalize_emu.cli')", "imports cli"),
        ("runtime/events", "from personalize_emu.cli import main", "imports cli"),
        ("emulator", "from personalize_emu.edge.request_pipeline import answer", "imports edge.request_pipeline"),
        ("service/tags", "from flask import request", "imports flask"),
        ("service/tags", "import boto3.session", "imports boto3"),
        ("wire/sigv4", "from botocore.auth import SigV4Auth", "imports botocore"),
        ("service/tags", "from botocore.model import Shape", "imports botocore.model"),
        ("edge/mock", "import moto", "imports moto"),
        ("recipes/ease", "import pickle", "imports pickle"),
        ("lazy_imports", "LazyModule('scipy.sparse._base')", "imports scipy.sparse._base, which is private"),
        ("recipes/ease", "load(path, allow_pickle=True)", "line 1 allows pickles"),
        ("service/tags", "try:\n    pass\nexcept Exception:\n    pass", "line 3 catches everything"),
        (
            "service/tags",
            "try:\n    pass\nexcept (KeyError, BaseException):\n    pass",
            "line 3 catches everything",
        ),
        ("service/tags", "try:\n    pass\nexcept:\n    pass", "line 3 catches everything"),
        ("service/tags", "\n" * 400, "401 lines"),
        ("cellar", "from personalize_emu.state import store", "imports state.store"),
    ],
)
def test_planted_violation_is_found(package: Path, name: str, text: str, fault: str) -> None:
    plant(package, name, text + "\n")
    module = name.removesuffix("/__init__").replace("/", ".")
    assert violations(package) == [f"{module}: {fault}"]
