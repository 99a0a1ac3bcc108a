"""The reference of the Python surface in docs/api.md, from signatures and docstrings: `make pages` writes it."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from personalize_emu.doubles.answers.declared_answers import AnswerHandle
from personalize_emu.doubles.fault_list import DeclaredFault
from personalize_emu.doubles.recorded_calls import RecordedCall
from personalize_emu.durability.directory import UnusableDirectory
from personalize_emu.edge import pytest_plugin
from personalize_emu.edge.testing.mock import MockPersonalize, mock_personalize
from personalize_emu.edge.testing.server_control import ServerControl
from personalize_emu.edge.testing.trained_campaign import TrainedCampaigns, TrainingFailed
from personalize_emu.emulator import Emulator
from personalize_emu.recipes.contract.base import ScorePart
from personalize_emu.runtime.explanations.explanation import Effect, Explanation
from personalize_emu.service.core.context import MustWait
from personalize_emu.service.usage import WrongPrices
from personalize_emu.state.clock import ClockOutOfRange, ManualClock, SystemClock
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.tryout.advice import UnsuitableData
from personalize_emu.tryout.columns import ColumnNotFound
from personalize_emu.tryout.in_process import TriedOut, try_out
from personalize_emu.tryout.session import TryFailed
from personalize_emu.tryout.tables import UnreadableTable
from personalize_emu.wire.errors import AwsError

WIDTH = 100
"""Of signatures, in characters."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Declared answers": (
        *("recommend", "rank", "actions", "campaign", "recommender", "declare"),
        *("answers", "clear_answers", "strict_answers"),
    ),
    "Recorded calls": ("calls", "clear_calls"),
    "Faults": ("fail", "fail_job", "faults", "job_faults", "clear_faults"),
    "Explanations": ("explain",),
    "Time, state and jobs": ("advance", "wait_idle", "reset", "export", "job_log", "usage", "health", "shown_state"),
    "Calls without a client": ("call", "close"),
}
"""Methods of `Emulator` for users, by title."""
INNER = (
    *("doubles", "state", "service_rows", "write_services", "open_groups", "resume_jobs", "measure", "new_request_id"),
    *("raise_quota", "starting", "writes_later", "write_queued"),
)
"""Public members of `Emulator` that server and mock use."""
HANDLES = (AnswerHandle, DeclaredFault, RecordedCall, Explanation, Effect, ScorePart)
EXCEPTIONS: tuple[type[Exception], ...] = (
    *(AwsError, NotWritten, MustWait, UnusableDirectory, WrongPrices, ClockOutOfRange, TrainingFailed),
    *(UnreadableTable, ColumnNotFound, UnsuitableData, TryFailed),
)
_FACTS = re.compile(r" \((?:spec )?(?:\d\d )?[A-Z]-[^()]*\)")
_SECTION = re.compile(r"^(Args|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^([\w, ]+): ")


def python_reference() -> str:
    """The content of the page."""
    parts = [
        "## `mock_personalize`",
        callable_text(mock_personalize, "mock_personalize"),
        *members(MockPersonalize, ("start", "stop"), "###"),
        "## `Emulator`",
        callable_text(Emulator, "Emulator"),
        *(part for title, names in GROUPS.items() for part in (f"### {title}", *members(Emulator, names, "####"))),
        "Server and mock use further members, which may change: " + ", ".join(f"`{name}`" for name in INNER) + ".",
        "## `ServerControl`",
        callable_text(ServerControl, "ServerControl"),
        *server_members(),
        "## `try_out`",
        callable_text(try_out, "try_out"),
        "### `TriedOut`",
        text_of(TriedOut),
        *members(TriedOut, public(TriedOut), "####"),
        "## pytest",
        *plugin(),
        "## Handles and records",
        *(part for kind in HANDLES for part in class_parts(kind)),
        "## Clocks",
        table(
            ("clock", "from", "what it is"),
            [(f"`{each.__name__}`", f"`{each.__module__}`", first_line(each)) for each in (SystemClock, ManualClock)],
        ),
        "## Exceptions",
        table(
            ("exception", "from", "when"),
            [(f"`{each.__name__}`", f"`{each.__module__}`", first_line(each)) for each in EXCEPTIONS],
        ),
    ]
    return "\n\n".join(parts)


def public(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if not name.startswith("_"))


def members(kind: type, names: tuple[str, ...], level: str) -> Iterator[str]:
    """Heading and text of each member of a class."""
    for name in names:
        yield f"{level} `{kind.__name__}.{name}`"
        member = inspect.getattr_static(kind, name)
        yield text_of(member) if isinstance(member, property) else callable_text(getattr(kind, name), name)


def server_members() -> Iterator[str]:
    """What is different from an emulator in the process."""
    own = tuple(name for name in public(ServerControl) if text_of(getattr(ServerControl, name)) != emulator_text(name))
    same = ", ".join(f"`{name}`" for name in public(ServerControl) if name not in own)
    yield f"As those of `Emulator`: {same}."
    yield from members(ServerControl, own, "###")


def emulator_text(name: str) -> str:
    return text_of(getattr(Emulator, name, None))


def class_parts(kind: type) -> Iterator[str]:
    """A class whose members are small."""
    fields = ", ".join(f"`{name}`" for name in getattr(kind, "__dataclass_fields__", {}))
    yield f"### `{kind.__name__}`"
    yield text_of(kind) + (f"\n\nFields: {fields}." if fields else "")
    own = [name for name in public(kind) if name not in getattr(kind, "__dataclass_fields__", {})]
    if own:
        yield table(("member", "what it is"), [(f"`{name}`", first_line(getattr(kind, name))) for name in own])


def plugin() -> Iterator[str]:
    """Marker and fixtures of the plugin, from its source: objects of pytest hide the functions."""
    yield "The marker `personalize_emu` takes the arguments of `mock_personalize`, by name, for the emulator of a test."
    tree = ast.parse(Path(pytest_plugin.__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        scope = fixture_scope(node)
        if scope is not None and isinstance(node, ast.FunctionDef):
            gives = "" if node.returns is None else ast.unparse(node.returns)
            gives = re.sub(r"Iterator\[(.*)\]", r"\1", gives)
            yield f"### `{node.name}`"
            yield f"A fixture of scope *{scope}* that gives `{gives}`.\n\n" + prose(ast.get_docstring(node) or "")
    yield "### `trained_campaign(rows, ...)`"
    yield callable_text(TrainedCampaigns.__call__, "trained_campaign")


def fixture_scope(node: ast.stmt) -> str | None:
    """Of a function that is a fixture."""
    for each in getattr(node, "decorator_list", ()):
        if ast.unparse(each).startswith("pytest.fixture"):
            words = each.keywords if isinstance(each, ast.Call) else []
            return next((str(ast.literal_eval(word.value)) for word in words if word.arg == "scope"), "function")
    return None


def callable_text(target: Callable[..., Any], name: str) -> str:
    """Signature and docstring."""
    # Of `object` for a class whose constructor says nothing.
    constructor = (target.__init__.__doc__ or "") if inspect.isclass(target) else ""
    more = "" if constructor == object.__init__.__doc__ else prose(inspect.cleandoc(constructor))
    said = "\n\n".join(filter(None, (text_of(target), more)))
    return f"```text\n{signature(target, name)}\n```\n\n{said}"


def signature(target: Callable[..., Any], name: str) -> str:
    """As in the source, in several lines if it is long."""
    found = inspect.signature(target)
    shown, star = [], False
    for parameter in found.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            shown.append("*")
            star = True
        shown.append(_parameter(parameter))
    returned = "" if inspect.isclass(target) else f" -> {found.return_annotation}"
    line = f"{name}({', '.join(shown)}){returned}"
    return line if len(line) <= WIDTH else "\n".join([f"{name}(", *(f"    {each}," for each in shown), f"){returned}"])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        text += f": {parameter.annotation}"
    return text if parameter.default is parameter.empty else f"{text} = {parameter.default!r}"


def text_of(target: Any) -> str:
    return prose(inspect.getdoc(target) or "")


def first_line(target: Any) -> str:
    """The first sentence or line of a docstring."""
    return re.split(r"(?<=\.)\s|\n\n", prose(inspect.getdoc(target) or ""))[0].replace("\n", " ")


def prose(docstring: str) -> str:
    """A docstring as Markdown: arguments and exceptions are lists; numbers of the specification are left out."""
    text, *sections = _SECTION.split(_FACTS.sub("", docstring))
    entries, after = [], []
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        listed, _, rest = textwrap.dedent(body.strip("\n")).partition("\n\n")
        entries += [f"- {_entry(each, title)}" for each in re.split(r"\n(?! )", listed)]
        after.append(rest.strip())
    return "\n\n".join(filter(None, (text.strip(), "\n".join(entries), *after)))


def _entry(text: str, section: str) -> str:
    """`name: what` of a section."""
    joined = " ".join(textwrap.dedent(text).split())
    found = _ENTRY.match(joined)
    if found is None:
        return joined
    names = ", ".join(f"`{name.strip()}`" for name in found[1].split(","))
    return f"{'raises ' if section == 'Raises' else ''}{names}: {joined[found.end() :]}"


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
