"""The page on dependencies, the locked versions and pyproject.toml name the same packages."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from docs import sizes
from tests.test_architecture import PACKAGE, REPOSITORY, imported, modules

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PAGE = (REPOSITORY / "docs" / "dependencies.md").read_text()
IMPORTED_AS = {
    "flask-cors": "flask_cors",
    "prometheus-client": "prometheus_client",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
"""Packages whose modules have another name."""
NOT_IMPORTED = {"flask-cors"}
"""Imported by the server of moto."""
PROVIDED = {"packaging", "_typeshed", "dask"}
"""By tools and by packages that are listed."""


def requirements(texts: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(found.name): found for found in map(Requirement, texts)}


def rows(name: str) -> list[list[str]]:
    """Cells of the table after the comment of that name."""
    table = PAGE.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def locked() -> dict[str, Version]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def importers(root: str) -> set[str]:
    """Modules of the package that import a top-level module of that name."""
    return {name for name, roots in imported_roots().items() if root in roots}


@cache
def imported_roots() -> dict[str, set[str]]:
    """Of each module of the package, the top-level modules that it imports."""
    return {
        module.name: {
            target.split(".")[0]
            for node in ast.walk(ast.parse(module.text))
            for target in (*imported(node, module), *lazily(node))
        }
        for module in modules(REPOSITORY / PACKAGE)
    }


def lazily(node: ast.AST) -> list[str]:
    """Of `LazyModule("name")`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "LazyModule":
        return [ast.literal_eval(node.args[0])]
    return []


def test_page_names_the_dependencies_of_the_project() -> None:
    assert [row[0].strip("`") for row in rows("dependencies")] == sorted(requirements(PROJECT["dependencies"]))
    assert all(re.fullmatch(r"\d+\.\d", size) for row in rows("dependencies") for size in row[1:3])
    assert all(reason for row in rows("dependencies") for reason in row[3:])


def test_page_names_the_packages_of_each_extra() -> None:
    on_page = {row[0].strip("`"): re.findall(r"`([\w-]+)`", row[1]) for row in rows("extras")}
    extras = PROJECT["optional-dependencies"]
    assert on_page == {extra: sorted(requirements(texts)) for extra, texts in extras.items()}


def test_every_dependency_is_imported() -> None:
    unused = {name for name in requirements(PROJECT["dependencies"]) if not importers(IMPORTED_AS.get(name, name))}
    assert unused == NOT_IMPORTED


def test_every_imported_package_is_declared() -> None:
    declared = {
        *requirements(PROJECT["dependencies"]),
        *requirements(PROJECT["optional-dependencies"]["dask"]),
        "pytest",
    }
    known = {IMPORTED_AS.get(name, name) for name in declared} | PROVIDED | sys.stdlib_module_names | {PACKAGE}
    found = {
        target.split(".")[0]
        for module in modules(REPOSITORY / PACKAGE)
        for node in ast.walk(ast.parse(module.text))
        for target in imported(node, module)
    }
    assert found - known == set()


def test_page_names_the_modules_that_import_scikit_learn() -> None:
    on_page = re.findall(r"`([\w/]+)\.py`", PAGE.partition("*scikit-learn*")[2].partition("*pyarrow*")[0])
    assert {path.replace("/", ".") for path in on_page} == importers("sklearn")


def test_locked_versions_satisfy_the_project() -> None:
    """After a change of dependencies: `make lock`."""
    versions = locked()
    wanted = requirements([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
    assert wanted.keys() - versions.keys() == set()
    assert [str(each) for name, each in wanted.items() if versions[name] not in each.specifier] == []


@pytest.mark.parametrize("path", ["Makefile", "Dockerfile", ".dockerignore"])
def test_locked_versions_are_installed(path: str) -> None:
    text = (REPOSITORY / path).read_text()
    assert "constraints.txt" in text
    installs = [
        line for line in text.splitlines() if " install " in line and ("." in line.split() or "'.[dev]'" in line)
    ]
    assert all("--constraint" in line for line in installs if "$(LOCK)" not in line)


def test_moto_has_the_bounds_that_are_tested() -> None:
    """Private parts of it are used; the oldest is what `make test-oldest` installs."""
    texts = [text for each in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()) for text in each]
    bounds = {str(found.specifier) for found in map(Requirement, texts) if found.name == "moto"}
    assert len(bounds) == 1
    (bound,) = bounds
    oldest = re.search(r">=([\d.]+)", bound)
    assert oldest is not None
    assert "<" in bound.replace(">=", "")
    adapter = (REPOSITORY / PACKAGE / "edge" / "moto_adapter" / "__init__.py").read_text()
    assert f"Tested with moto {oldest[1]} (`make test-oldest`) and {locked()['moto']}." in adapter
    assert f"({oldest[1]};" in PAGE


def test_sizes_are_printed_for_every_dependency(capsys: pytest.CaptureFixture[str]) -> None:
    sizes.main()
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:-1]] == sorted(requirements(PROJECT["dependencies"]))
    assert re.fullmatch(r"\d+ packages, \d+ MB", printed[-1])
    measured = {line.split()[0]: float(line.split()[1]) for line in printed[:-1]}
    assert measured["numpy"] > 10
