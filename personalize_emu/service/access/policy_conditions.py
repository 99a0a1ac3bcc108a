"""The Condition element of IAM policies: operators, sets of values, and keys that a request does not have.

    {"StringLike": {"aws:SourceArn": "arn:aws:personalize:*"}}
     operator ─────  key ─────────    wanted values

All operators and keys of an element must hold: one wanted value must match, with a negated operator none may.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from personalize_emu.service.access.policy_context import CannotEvaluate, RequestFacts
from personalize_emu.service.access.policy_patterns import glob_matches, plain, resolve, without_variables

_QUANTIFIERS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"forallvalues": all, "foranyvalue": any}
_IF_EXISTS = "ifexists"
_NULL = "null"
_ARN_PARTS = 6

Matches = Callable[[str, str], bool]
"""(wanted value of a policy, actual value) to whether they match."""


def holds(operator: str, key: str, values: Iterable[Any], facts: RequestFacts, *, variables: bool = True) -> bool:
    """Whether one condition holds. variables: whether policy variables are replaced in the values.

    An absent key fails a positive operator; it satisfies a negated one, one with IfExists, and ForAllValues.

    Raises:
        CannotEvaluate: operator or key are not known here, or a variable of a negated condition has no value.
    """
    described = f"the condition {operator} of {key}"
    actual = facts.value(key)
    quantifier, _, unquantified = operator.lower().rpartition(":")
    name = unquantified.removesuffix(_IF_EXISTS)
    if (actual is None and not facts.is_known(key)) or quantifier not in {"", *_QUANTIFIERS}:
        raise CannotEvaluate(described)
    texts = [_text(value) for value in values]
    if unquantified == _NULL:
        return any((actual is None) == (text.lower() == "true") for text in texts)
    negated, fits = _operator(name, described)
    if isinstance(actual, frozenset) and not quantifier:
        raise CannotEvaluate(described)
    if actual is None:
        return quantifier == "forallvalues" or name != unquantified or (negated and not quantifier)
    wanted = [_resolved(text, name, facts, variables) for text in texts]
    if negated and None in wanted:
        raise CannotEvaluate(f"{described}, because the request has no value for a policy variable")
    held = [actual] if isinstance(actual, str) else actual
    each_holds = (any(one is not None and fits(one, value) for one in wanted) != negated for value in held)
    return _QUANTIFIERS.get(quantifier, all)(each_holds)


def _resolved(text: str, name: str, facts: RequestFacts, variables: bool) -> str | None:
    """A wanted value; None if the request has no value for a variable. name: of the operator, in lower case."""
    takes_variables = _NEGATIONS.get(name, name).startswith(("string", "arn"))
    if not variables:
        return without_variables(text) if takes_variables else text
    if takes_variables:
        return resolve(text, facts)
    if "${" in text:
        raise CannotEvaluate(f"the policy variable in {text}")
    return text


def _text(value: Any) -> str:
    """Policies may write true and 5 without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _operator(name: str, described: str) -> tuple[bool, Matches]:
    """(whether it is negated, what it compares) by the name in lower case, without IfExists."""
    compares = _COMPARES.get(_NEGATIONS.get(name, name))
    if compares is None:
        raise CannotEvaluate(described)
    return name in _NEGATIONS, compares


def _arns_match(wanted: str, actual: str) -> bool:
    """Each of the six parts between colons by itself."""
    pattern, parts = wanted.split(":", _ARN_PARTS - 1), actual.split(":", _ARN_PARTS - 1)
    return len(pattern) == len(parts) and all(map(glob_matches, pattern, parts))


def _numbers(compare: Callable[[float, float], bool]) -> Matches:
    return _parsed(float, compare)


def _dates(compare: Callable[[float, float], bool]) -> Matches:
    return _parsed(_epoch_seconds, compare)


def _parsed(parse: Callable[[str], float], compare: Callable[[float, float], bool]) -> Matches:
    """Values that cannot be parsed match nothing."""

    def fits(wanted: str, actual: str) -> bool:
        try:
            return compare(parse(actual), parse(wanted))
        except (ValueError, OverflowError):
            return False

    return fits


def _epoch_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_in_network(wanted: str, actual: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _same_bytes(wanted: str, actual: str) -> bool:
    try:
        return b64decode(wanted, validate=True) == b64decode(actual, validate=True)
    except (NotBase64, ValueError):
        return False


OPERATORS: Mapping[str, Matches] = MappingProxyType(
    {
        "StringEquals": lambda wanted, actual: plain(wanted) == actual,
        "StringEqualsIgnoreCase": lambda wanted, actual: plain(wanted).lower() == actual.lower(),
        "StringLike": glob_matches,
        "ArnEquals": _arns_match,
        "ArnLike": _arns_match,
        "Bool": lambda wanted, actual: wanted.lower() == actual.lower(),
        "BinaryEquals": _same_bytes,
        "IpAddress": _is_in_network,
        "NumericEquals": _numbers(lambda actual, wanted: actual == wanted),
        "NumericLessThan": _numbers(lambda actual, wanted: actual < wanted),
        "NumericLessThanEquals": _numbers(lambda actual, wanted: actual <= wanted),
        "NumericGreaterThan": _numbers(lambda actual, wanted: actual > wanted),
        "NumericGreaterThanEquals": _numbers(lambda actual, wanted: actual >= wanted),
        "DateEquals": _dates(lambda actual, wanted: actual == wanted),
        "DateLessThan": _dates(lambda actual, wanted: actual < wanted),
        "DateLessThanEquals": _dates(lambda actual, wanted: actual <= wanted),
        "DateGreaterThan": _dates(lambda actual, wanted: actual > wanted),
        "DateGreaterThanEquals": _dates(lambda actual, wanted: actual >= wanted),
    }
)
"""ArnEquals has wildcards as well."""

NEGATED_OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        "StringNotEquals": "StringEquals",
        "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
        "StringNotLike": "StringLike",
        "ArnNotEquals": "ArnEquals",
        "ArnNotLike": "ArnLike",
        "NotIpAddress": "IpAddress",
        "NumericNotEquals": "NumericEquals",
        "DateNotEquals": "DateEquals",
    }
)
_COMPARES = {name.lower(): compares for name, compares in OPERATORS.items()}
_NEGATIONS = {name.lower(): plain_name.lower() for name, plain_name in NEGATED_OPERATORS.items()}
