"""The Avro schemas in the package, by name, such as `ecommerce/items`.

A wheel has them next to this module, a source checkout in its top folder.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SUFFIX = ".avsc"


@cache
def _folder() -> Path:
    package = Path(__file__).parent
    for folder in (package / "schemas", package.parent / "schemas"):
        if (folder / "custom" / f"interactions{SUFFIX}").is_file():
            return folder
    raise FileNotFoundError("this installation has no schema files; install the package again")


@cache
def schema_names() -> tuple[str, ...]:
    """Names of all bundled schemas, sorted: domain (or custom, demo), slash, dataset type."""
    folder = _folder()
    files = folder.rglob(f"*{SUFFIX}")
    return tuple(sorted(path.relative_to(folder).as_posix().removesuffix(SUFFIX) for path in files))


def schema_text(name: str) -> str:
    """The schema as JSON text for CreateSchema.

    Raises:
        KeyError: there is no such schema; the message lists the existing ones.
    """
    if name not in schema_names():
        raise KeyError(f"no schema {name!r}; there are {', '.join(schema_names())}")
    return (_folder() / f"{name}{SUFFIX}").read_text(encoding="utf-8")
