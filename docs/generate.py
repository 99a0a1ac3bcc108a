"""Writes the tables and pictures made from code into the pages: `make pages`. A test fails when they are stale."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from docs.api_reference import python_reference
from docs.facts import facts_table, write_facts
from docs.packages import picture
from personalize_emu.edge.auth.condition_keys import CONDITION_KEYS
from personalize_emu.edge.auth.service_authorization import PASS_ROLE, RESOURCE_TYPES, ROWS, Checked
from personalize_emu.operations import HANDLERS
from personalize_emu.recipes.registry import recipe_named, use_case_recipe
from personalize_emu.schema_files import schema_names
from personalize_emu.service.access.policy_conditions import NEGATED_OPERATORS, OPERATORS
from personalize_emu.service.access.policy_context import KEY_NAMES
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from personalize_emu.settings import Settings, environment_name
from personalize_emu.wire.errors import AwsError, CommonError, ModelledError
from personalize_emu.wire.models import operations

PAGES = Path(__file__).parent
_FACT = re.compile(r" \([^)]*\d\)")
SERVICES = {
    "personalize": "Control plane",
    "personalize-runtime": "Runtime",
    "personalize-events": "Events",
}


def settings_table() -> str:
    hints = get_type_hints(Settings)
    rows = [
        (
            f"`--{option.name.replace('_', '-')}`",
            f"`{environment_name(option.name)}`",
            _default(option.default, hints[option.name]),
            option.metadata["help"],
        )
        for option in fields(Settings)
    ]
    return _table(("option", "environment variable", "default", "meaning"), rows)


def coverage_table() -> str:
    parts = []
    for service, title in SERVICES.items():
        names = sorted(name for name, operation in operations().items() if operation.service == service)
        done = sum(name in HANDLERS for name in names)
        rows = [(name, "implemented" if name in HANDLERS else "501") for name in names]
        parts.append(f"## {title}: {done} of {len(names)}\n\n{_table(('operation', 'state'), rows)}")
    summary = f"{len(HANDLERS)} of the {len(operations())} operations of the service model are implemented."
    return "\n\n".join((summary, *parts))


def recipe_table() -> str:
    rows = [
        (f"`{facts.name}`", facts.recipe_type, "trained" if _is_trained(facts.name) else "described only")
        for facts in sorted(all_recipes(), key=lambda facts: facts.name)
    ]
    return _table(("recipe", "type", "state"), rows)


def _is_trained(name: str) -> bool:
    return (recipe_named(name) or use_case_recipe(name)) is not None


def schema_table() -> str:
    return "\n".join(f"- `{name}`" for name in schema_names())


def error_table() -> str:
    rows = [
        (f"`{error.__name__}`", str(error.status), _FACT.sub("", error.__doc__ or ""))
        for family in (ModelledError, CommonError)
        for error in _leaves(family)
    ]
    return _table(("error", "status", "when"), rows)


def permissions_table() -> str:
    rows = [
        (
            name,
            row.level,
            ", ".join(_resource(each) for each in row.resources) or "`*`",
            ", ".join(_resource(each) for each in row.also),
            ", ".join([*(["TagResource"] if row.tags else []), *([PASS_ROLE] if row.role else [])]),
        )
        for name, row in sorted(ROWS.items())
    ]
    return _table(("action", "access level", "resource", "also checked", "also needed"), rows)


def _resource(checked: Checked) -> str:
    """The type, and the member with the ARN where its name does not say the type."""
    kinds = checked.types[0] if len(checked.types) == 1 else "any with tags"
    if not checked.member:
        return f"new {kinds}"
    return kinds if checked.member in (f"{kinds}Arn", "resourceArn") else f"{kinds} (`{checked.member}`)"


def resource_types_table() -> str:
    rows = [(name, f"`{kind.arn}`", "yes" if kind.has_tags else "") for name, kind in RESOURCE_TYPES.items()]
    return _table(("resource", "ARN", "aws:ResourceTag"), rows)


def condition_keys_table() -> str:
    return _table(("key", "value"), [(f"`{key}`", value) for key, value in CONDITION_KEYS.items()])


def condition_operators() -> str:
    """Those with a negation, then those without, then keys that no call has."""
    negations = {plain: f"`{plain}`/`{name}`" for name, plain in NEGATED_OPERATORS.items()}
    operators = ", ".join(negations.get(name, f"`{name}`") for name in OPERATORS)
    present = {key.lower() for key in CONDITION_KEYS}
    absent = ", ".join(f"`{key}`" for key in KEY_NAMES if key.lower() not in present and key.startswith("aws:"))
    return f"Operators: {operators}, `Null`.\n\nKeys that no call has: {absent}."


TABLES: Mapping[tuple[str, str], Callable[[], str]] = {
    ("api.md", "python"): python_reference,
    ("settings.md", "settings"): settings_table,
    ("coverage.md", "coverage"): coverage_table,
    ("recipes-and-metrics.md", "recipes"): recipe_table,
    ("data-and-schemas.md", "schemas"): schema_table,
    ("errors.md", "errors"): error_table,
    ("access.md", "permissions"): permissions_table,
    ("access.md", "resource types"): resource_types_table,
    ("access.md", "condition keys"): condition_keys_table,
    ("access.md", "condition operators"): condition_operators,
    ("architecture.md", "packages"): partial(picture, ""),
    ("architecture.md", "service packages"): partial(picture, "service"),
    ("architecture.md", "recipes packages"): partial(picture, "recipes"),
}

# Depends on the tests and not on the code; another test checks it.
FACT_TABLES: Mapping[tuple[str, str], Callable[[], str]] = {("fidelity.md", "facts"): facts_table}


def rendered(page: str, text: str) -> str:
    """The page with the content of each `<!-- name -->` ... `<!-- end -->` replaced.

    Raises:
        ValueError: the page lacks a marker.
    """
    for (owner, name), table in {**TABLES, **FACT_TABLES}.items():
        if owner == page:
            before, start, rest = text.partition(f"<!-- {name} -->\n")
            _, end, after = rest.partition("<!-- end -->\n")
            if not (start and end):
                raise ValueError(f"{page} has no place for the table of {name}")
            text = f"{before}{start}\n{table()}\n\n{end}{after}"
    return text


def _leaves(family: type[AwsError]) -> list[type[AwsError]]:
    own = [error for error in family.__subclasses__() if error.__module__ == AwsError.__module__]
    return sorted(own, key=lambda error: error.__name__)


def _default(value: Any, kind: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    shown = f"`{text}`" if text else "empty"
    if get_origin(kind) is not None:
        others = ", ".join(f"`{choice}`" for choice in get_args(kind) if choice != value)
        return f"{shown} ({others})"
    return shown


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> int:
    write_facts()
    for page in sorted({page for page, _ in (*TABLES, *FACT_TABLES)}):
        path = PAGES / page
        path.write_text(rendered(page, path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
