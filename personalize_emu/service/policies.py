"""What IAM policy documents say about one request. Knows no resource and calls nobody.

An element this cannot evaluate is never guessed at: where the answer would depend on it, CannotEvaluate is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Document = Mapping[str, Any]

KNOWN_KEYS = frozenset(
    {
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:securetransport",
        "aws:principalisawsservice",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:requestedregion",
        "aws:tagkeys",
        "iam:passedtoservice",
    }
)
"""Condition keys a request can be asked for, in lower case. Some are absent from all: nobody comes through a VPC."""
TAG_KEYS = ("aws:requesttag/", "aws:resourcetag/")
"""Beginnings of condition keys that end with the key of a tag (S-31)."""


Circumstances = Mapping[str, "str | frozenset[str]"]


class CannotEvaluate(Exception):
    """A statement that matters uses an element or a condition that is not evaluated here."""


@dataclass(frozen=True)
class PolicyRequest:
    """What somebody wants to do.

    principals: the names that statements of resource policies may give the caller, as type and name, e.g.
    ("Service", "personalize.amazonaws.com"). context: condition keys in lower case and their values; a frozen set
    where a key has any number of them.
    """

    action: str
    resource: str
    principals: frozenset[tuple[str, str]] = frozenset()
    context: Circumstances = field(default_factory=dict)


def allows(documents: Iterable[Document], request: PolicyRequest) -> bool:
    """An Allow fits and no Deny does. Raises CannotEvaluate."""
    effects = set(_effects(documents, request))
    return "Allow" in effects and "Deny" not in effects


def denies(documents: Iterable[Document], request: PolicyRequest) -> bool:
    """A Deny fits. Raises CannotEvaluate."""
    return "Deny" in _effects(documents, request)


def _effects(documents: Iterable[Document], request: PolicyRequest) -> Iterator[str]:
    for document in documents:
        for statement in _listed(document.get("Statement")):
            if _fits(statement, request):
                yield statement["Effect"]


def _fits(statement: Mapping[str, Any], request: PolicyRequest) -> bool:
    for element in ("NotAction", "NotResource", "NotPrincipal"):
        if element in statement:
            raise CannotEvaluate(element)
    action = request.action.lower()
    # A trust policy has no Resource: it is about the role it belongs to.
    resources = _listed(statement.get("Resource", request.resource))
    return (
        any(_matches(pattern.lower(), action) for pattern in _listed(statement.get("Action")))
        and any(_matches(pattern, request.resource) for pattern in resources)
        and _names(statement.get("Principal"), request.principals)
        and all(
            _holds(operator, key, values, request.context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _names(principal: Any, callers: frozenset[tuple[str, str]]) -> bool:
    """A policy of a role names nobody and means the role; `*` and {"AWS": "*"} mean everybody."""
    if principal is None or principal == "*":
        return True
    named = {(kind, name) for kind, names in principal.items() for name in _listed(names)}
    return ("AWS", "*") in named or not callers.isdisjoint(named)


def _holds(operator: str, key: str, values: Any, context: Circumstances) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    name = plain.removesuffix("IfExists")
    test, wanted = _OPERATORS.get(name.replace("Not", "")), [str(value) for value in _listed(values)]
    actual = context.get(key.lower())
    if (test is None and name != "Null") or not _is_known(key.lower()):
        raise CannotEvaluate(f"the condition {operator} of {key}")
    if quantifier not in _QUANTIFIERS or (isinstance(actual, frozenset) != bool(quantifier) and actual is not None):
        raise CannotEvaluate(f"the condition {operator} of {key}")
    if test is None:
        return (actual is None) == (wanted[0].lower() == "true")

    def fits(value: str) -> bool:
        return any(test(each, value) for each in wanted) != ("Not" in name)

    if quantifier:
        return _QUANTIFIERS[quantifier](map(fits, actual or ()))
    return fits(actual) if isinstance(actual, str) else "Not" in name or name != plain


def _is_known(key: str) -> bool:
    return key in KNOWN_KEYS or key.startswith(TAG_KEYS)


def _matches(pattern: str, value: str) -> bool:
    return _expression(pattern).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """`*` stands for any characters, `?` for one."""
    if "${" in pattern:
        raise CannotEvaluate(f"the policy variable in {pattern}")
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in _WILDCARDS.split(pattern))
    return re.compile("".join(parts), re.DOTALL)


_WILDCARDS = re.compile(r"(\?|\*)\**")

_QUANTIFIERS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"": any, "ForAllValues": all, "ForAnyValue": any}

_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, actual: wanted == actual,
    "StringEqualsIgnoreCase": lambda wanted, actual: wanted.lower() == actual.lower(),
    "StringLike": _matches,
    "ArnEquals": _matches,
    "ArnLike": _matches,
    "Bool": lambda wanted, actual: wanted.lower() == actual.lower(),
}
"""By name without Not and IfExists. ArnEquals knows wildcards as well."""


def _listed(value: Any) -> list[Any]:
    """Policies write one thing, or a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
