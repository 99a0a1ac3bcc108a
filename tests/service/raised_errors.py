"""Which modelled errors an operation may raise, read from the code that its handler calls.

    handler ─calls─▶ function ─calls─▶ ...      each function: `raise Error(...)`, or a call of what makes one

Followed are calls by name, of a module's functions, and of Context's methods. What is only handed on (the work
of jobs, what they do when they end) happens after the answer and is not followed.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from personalize_emu.service.core.context import Context
from personalize_emu.wire.errors import ModelledError

PACKAGE = "personalize_emu"


def errors_of(handler: Callable[..., Any]) -> frozenset[str]:
    """Codes of the modelled errors in the code that an operation reaches before it answers."""
    found: set[str] = set()
    waiting, seen = [_plain(handler)], set[FunctionType]()
    while waiting:
        function = waiting.pop()
        if function is None or function in seen:
            continue
        seen.add(function)
        for value in _called(function):
            if isinstance(value, type) and issubclass(value, ModelledError):
                found.add(value.__name__)
            elif not isinstance(value, type):
                waiting.append(_plain(value))
    return frozenset(found)


def _plain(value: Any) -> FunctionType | None:
    """The function below decorators, if it is one of ours."""
    value = inspect.unwrap(value) if callable(value) else None
    ours = isinstance(value, FunctionType) and (value.__module__ or "").startswith(PACKAGE)
    return value if ours else None


@cache
def _called(function: FunctionType) -> tuple[Any, ...]:
    tree = _definition(function)
    module, values = sys.modules[function.__module__], list[Any]()
    contexts = {name for name, hint in function.__annotations__.items() if hint in ("Context", Context)}
    if function.__qualname__.startswith("Context."):
        contexts.add("self")
    for node in _reached(tree):
        target = node.func if isinstance(node, ast.Call) else node.exc
        values.append(_resolved(target, module, contexts))
    return tuple(value for value in values if value is not None)


def _definition(function: FunctionType) -> ast.AST:
    module = sys.modules[function.__module__]
    for node in ast.walk(_tree(module)):
        is_function = isinstance(node, ast.FunctionDef) and node.name == function.__name__
        if is_function and abs(node.lineno - function.__code__.co_firstlineno) <= 2:
            return node
    raise LookupError(function)


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _reached(node: ast.AST) -> Iterator[ast.Call | ast.Raise]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Call | ast.Raise):
            yield child
        yield from _reached(child)


def _resolved(target: ast.expr | None, module: ModuleType, contexts: set[str]) -> Any:
    if isinstance(target, ast.Name):
        return vars(module).get(target.id)
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        if target.value.id in contexts:
            return getattr(Context, target.attr, None)
        owner = vars(module).get(target.value.id)
        return getattr(owner, target.attr, None) if isinstance(owner, ModuleType | type) else None
    return None
