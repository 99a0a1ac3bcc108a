"""Prints the installed sizes of the dependencies: `python -m docs.sizes`, for the page on dependencies."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_EXTRAS = re.compile(r"\[([\w,-]+)\]")


def needed(requirement: str) -> set[str]:
    """Names of the installed packages that a requirement brings, its own included."""
    found: set[str] = set()
    waiting = [requirement]
    while waiting:
        text = waiting.pop()
        name, extras = name_of(text), set(",".join(_EXTRAS.findall(text.partition(";")[0])).split(","))
        if (name, *sorted(extras)) in found or installed(name) is None:
            continue
        found.add(name)
        for each in requires(name) or ():
            extra = _EXTRA.search(each)
            if name_of(each) not in found and (extra is None or extra[1] in extras):
                waiting.append(each)
    return found


def name_of(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def megabytes(name: str) -> float:
    """Of the files of a package, without compiled modules."""
    files = distribution(name).files or ()
    paths = [Path(str(each.locate())) for each in files if "__pycache__" not in each.parts]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 2**20


def main() -> None:
    direct = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    brings = {name_of(each): needed(each) for each in direct}
    everything = set().union(*brings.values())
    for name, own in sorted(brings.items()):
        others = set().union(*(names for other, names in brings.items() if other != name))
        alone = own - others
        print(f"{name:20} {megabytes(name):7.1f} MB; with all that only it needs {sum(map(megabytes, alone)):7.1f} MB")  # noqa: T201
    print(f"{len(everything)} packages, {sum(map(megabytes, everything)):.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
