"""Evaluation of IAM policy documents for one request.

Elements that cannot be evaluated are not guessed: where the result depends on one, CannotEvaluate is raised.

    CannotEvaluate
    MalformedPolicy     AWS would not have taken the document
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.service.access.policy_conditions import holds
from personalize_emu.service.access.policy_context import CannotEvaluate, PolicyContext, RequestFacts
from personalize_emu.service.access.policy_patterns import glob_matches, resolve, without_variables

Statement = Mapping[str, Any]


class MalformedPolicy(Exception):
    """A document that is not a valid policy. The message says what is wrong with it."""


WITH_VARIABLES = "2012-10-17"
"""The Version of policies in which variables are replaced."""


@dataclass(frozen=True)
class PolicyRequest:
    """An action on a resource by a caller.

    principals: types and names by which resource policies may name the caller, e.g.
    ("Service", "personalize.amazonaws.com"). context: condition keys in lower case and their values; a frozen set
    for keys with several. families: prefixes of keys for which the context is complete.
    """

    action: str
    resource: str
    principals: frozenset[tuple[str, str]] = frozenset()
    context: PolicyContext = field(default_factory=dict)
    families: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Effects:
    """certain: effects of statements that match. possible: of statements that may match, and what is not evaluated."""

    certain: frozenset[str]
    possible: Mapping[str, CannotEvaluate]

    def has(self, effect: str) -> bool:
        """Raises CannotEvaluate if it depends on something that is not evaluated."""
        if effect not in self.certain and effect in self.possible:
            raise self.possible[effect]
        return effect in self.certain


def allows(documents: Iterable[object], request: PolicyRequest) -> bool:
    """Whether an Allow matches and no Deny does. Raises CannotEvaluate, MalformedPolicy."""
    effects = _effects(documents, request)
    if "Allow" not in effects.certain and "Allow" not in effects.possible:
        return False
    return not effects.has("Deny") and effects.has("Allow")


def denies(documents: Iterable[object], request: PolicyRequest) -> bool:
    """Whether a Deny matches. Raises CannotEvaluate, MalformedPolicy."""
    return _effects(documents, request).has("Deny")


def statements_of(document: object) -> list[Statement]:
    """The statements of a policy as it came, checked for their form. Raises MalformedPolicy."""
    if not isinstance(document, Mapping):
        raise MalformedPolicy("it is not a JSON object")
    statements = _listed(document.get("Statement"))
    for statement in statements:
        _require_form(statement)
    return statements


def require_identity_policies(documents: Iterable[object]) -> None:
    """Raises MalformedPolicy unless each statement names actions and resources, as all but trust policies must."""
    for statement in (each for document in documents for each in statements_of(document)):
        for element in ("Action", "Resource"):
            if element not in statement and f"Not{element}" not in statement:
                raise MalformedPolicy(f"a statement has neither {element} nor Not{element}")


def _effects(documents: Iterable[object], request: PolicyRequest) -> _Effects:
    certain: set[str] = set()
    possible: dict[str, CannotEvaluate] = {}
    facts = RequestFacts(request.context, request.families)
    for document in documents:
        for statement in statements_of(document):
            try:
                if _matches(_Evaluation(statement, request, facts, _has_variables(document))):
                    certain.add(statement["Effect"])
            except CannotEvaluate as error:
                possible.setdefault(statement["Effect"], error)
    return _Effects(frozenset(certain), possible)


def _has_variables(document: object) -> bool:
    """In policies of 2008, `${aws:username}` is plain text."""
    return isinstance(document, Mapping) and document.get("Version") == WITH_VARIABLES


@dataclass(frozen=True)
class _Evaluation:
    """A statement and the request it is compared with. variables: whether policy variables are replaced."""

    statement: Statement
    request: PolicyRequest
    facts: RequestFacts
    variables: bool


def _matches(evaluation: _Evaluation) -> bool:
    """Raises CannotEvaluate only if everything that can be evaluated matches."""
    unknown: CannotEvaluate | None = None
    for part in _parts(evaluation):
        try:
            if not part():
                return False
        except CannotEvaluate as error:
            unknown = unknown or error
    if unknown:
        raise unknown
    return True


def _parts(evaluation: _Evaluation) -> Iterator[Callable[[], bool]]:
    """Functions that must all return True for a statement to match."""
    statement, request, variables = evaluation.statement, evaluation.request, evaluation.variables
    yield lambda: _matches_action(statement, request.action)
    # A trust policy has no Resource: it is about the role it belongs to.
    if "Resource" in statement or "NotResource" in statement:
        yield lambda: _matches_resource(evaluation)
    yield lambda: _names_caller(statement, request.principals)
    for operator, tests in statement.get("Condition", {}).items():
        for key, values in tests.items():
            yield lambda operator=operator, key=key, values=values: holds(  # type: ignore[misc]
                operator, key, _listed(values), evaluation.facts, variables=variables
            )


def _matches_action(statement: Statement, action: str) -> bool:
    """Names of services and actions match in any case."""
    negated, patterns = _element(statement, "Action")
    return any(glob_matches(without_variables(each).lower(), action.lower()) for each in patterns) != negated


def _matches_resource(evaluation: _Evaluation) -> bool:
    """A pattern with a variable for which the request has no value matches nothing."""
    negated, patterns = _element(evaluation.statement, "Resource")
    resolved = [
        resolve(each, evaluation.facts) if evaluation.variables else without_variables(each) for each in patterns
    ]
    if negated and None in resolved:
        raise CannotEvaluate("a policy variable in NotResource for which the request has no value")
    resource = evaluation.request.resource
    return any(each is not None and glob_matches(each, resource) for each in resolved) != negated


def _element(statement: Statement, element: str) -> tuple[bool, list[str]]:
    """Whether it is the negation that a statement has, and its values."""
    negated = f"Not{element}" in statement
    return negated, _listed(statement.get(f"Not{element}" if negated else element))


def _names_caller(statement: Statement, callers: frozenset[tuple[str, str]]) -> bool:
    """A policy without Principal belongs to a role and matches it; `*` and {"AWS": "*"} match every caller."""
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], callers)
    return "Principal" not in statement or _names(statement["Principal"], callers)


def _names(principal: Any, callers: frozenset[tuple[str, str]]) -> bool:
    if principal == "*":
        return True
    named = {(kind, name) for kind, names in principal.items() for name in _listed(names)}
    return ("AWS", "*") in named or not callers.isdisjoint(named)


def _require_form(statement: object) -> None:
    if not isinstance(statement, Mapping):
        raise MalformedPolicy("a statement is not a JSON object")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("a statement has no Effect that is Allow or Deny")
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(each, str) for each in _listed(statement.get(element))):
            raise MalformedPolicy(f"the {element} of a statement is neither a string nor a list of strings")
    for element in ("Action", "Resource", "Principal"):
        if element in statement and f"Not{element}" in statement:
            raise MalformedPolicy(f"a statement has both {element} and Not{element}")
    for element in ("Principal", "NotPrincipal"):
        if element in statement and not _is_principal(statement[element]):
            raise MalformedPolicy(f'the {element} of a statement is neither "*" nor an object of names')
    tests = statement.get("Condition", {})
    if not (isinstance(tests, Mapping) and all(isinstance(each, Mapping) for each in tests.values())):
        raise MalformedPolicy("the Condition of a statement is not an object of objects")


def _is_principal(value: object) -> bool:
    if not isinstance(value, Mapping):
        return value == "*"
    return all(isinstance(name, str) for names in value.values() for name in _listed(names))


def _listed(value: Any) -> list[Any]:
    """Elements of policies are one value or a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


__all__ = [
    "CannotEvaluate",
    "MalformedPolicy",
    "PolicyRequest",
    "allows",
    "denies",
    "require_identity_policies",
    "statements_of",
]
