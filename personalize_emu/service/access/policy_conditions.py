"""The Condition element of IAM policies: operators, sets of values, and keys that a request does not have.

    {"StringLike": {"aws:SourceArn": "arn:aws:personalize:*"}}
     operator ─────  key ─────────    wanted values

All operators and keys of an element must hold: one wanted value must match, with a negated operator none may.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

PolicyContext = Mapping[str, "str | frozenset[str]"]
"""Condition keys in lower case and their values; a frozen set where a key has any number of them."""

KNOWN_KEYS = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalisawsservice",
        "aws:principalservicename",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:tagkeys",
        "aws:username",
        "aws:viaawsservice",
        "aws:vpcsourceip",
        "aws:useragent",
        "iam:passedtoservice",
        "s3:resourceaccount",
        "s3:tlsversion",
    }
)
"""Keys for which the context is complete. Some, as those of VPCs, are in no request."""
TAG_KEYS = ("aws:requesttag/", "aws:resourcetag/")
"""Prefixes of such keys, which end with the key of a tag (S-31)."""

_QUANTIFIERS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"forallvalues": all, "foranyvalue": any}
_IF_EXISTS = "ifexists"
_NULL = "null"
_ARN_PARTS = 6

Matches = Callable[[str, str], bool]
"""(wanted value of a policy, actual value) to whether they match."""


class CannotEvaluate(Exception):
    """The result depends on an element or a condition that is not evaluated here."""


def holds(
    operator: str, key: str, values: Iterable[Any], context: PolicyContext, families: tuple[str, ...] = ()
) -> bool:
    """Whether one condition holds. Raises CannotEvaluate.

    families: prefixes of further keys for which the context is complete.

    An absent key fails a positive operator; it satisfies a negated one, one with IfExists, and ForAllValues.
    """
    wanted = [_text(value) for value in values]
    actual = context.get(key.lower())
    quantifier, _, plain = operator.lower().rpartition(":")
    name = plain.removesuffix(_IF_EXISTS)
    if (actual is None and not _is_known(key.lower(), families)) or quantifier not in {"", *_QUANTIFIERS}:
        raise CannotEvaluate(f"the condition {operator} of {key}")
    if name == _NULL:
        return any((actual is None) == (each.lower() == "true") for each in wanted)
    negated, fits = _operator(name, f"the condition {operator} of {key}")
    if isinstance(actual, frozenset) and not quantifier:
        raise CannotEvaluate(f"the condition {operator} of {key}")
    if actual is None:
        return quantifier == "forallvalues" or plain.endswith(_IF_EXISTS) or (negated and not quantifier)
    held = [actual] if isinstance(actual, str) else actual
    each_holds = (any(fits(one, value) for one in wanted) != negated for value in held)
    return _QUANTIFIERS.get(quantifier, all)(each_holds)


def glob_matches(pattern: str, value: str) -> bool:
    """`*` stands for any characters, `?` for one. Takes time in proportion to the product of both lengths at most.

    Raises:
        CannotEvaluate: the pattern has a policy variable.
    """
    return _expression(pattern).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise CannotEvaluate(f"the policy variable in {pattern}")
    first, *between = ("".join(map(_one, part)) for part in re.split(r"\*+", pattern))
    if not between:
        return re.compile(first, re.DOTALL)
    # The first match of a part is as good as any later one, so atomic groups avoid backtracking.
    *between, last = between
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between) + ".*" + last, re.DOTALL)


def _one(character: str) -> str:
    return "." if character == "?" else re.escape(character)


def _is_known(key: str, families: tuple[str, ...]) -> bool:
    return key in KNOWN_KEYS or key.startswith(TAG_KEYS + families)


def _text(value: Any) -> str:
    """Policies may write true and 5 without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _operator(name: str, described: str) -> tuple[bool, Matches]:
    """(whether it is negated, what it compares) by the name in lower case, without IfExists."""
    if name in _OPERATORS:
        return False, _OPERATORS[name]
    plain = name.replace("not", "", 1)
    if plain == name or plain not in _NEGATABLE:
        raise CannotEvaluate(described)
    return True, _OPERATORS[plain]


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


_OPERATORS: Mapping[str, Matches] = MappingProxyType(
    {
        "stringequals": lambda wanted, actual: wanted == actual,
        "stringequalsignorecase": lambda wanted, actual: wanted.lower() == actual.lower(),
        "stringlike": glob_matches,
        "arnequals": _arns_match,
        "arnlike": _arns_match,
        "bool": lambda wanted, actual: wanted.lower() == actual.lower(),
        "binaryequals": _same_bytes,
        "ipaddress": _is_in_network,
        "numericequals": _numbers(lambda actual, wanted: actual == wanted),
        "numericlessthan": _numbers(lambda actual, wanted: actual < wanted),
        "numericlessthanequals": _numbers(lambda actual, wanted: actual <= wanted),
        "numericgreaterthan": _numbers(lambda actual, wanted: actual > wanted),
        "numericgreaterthanequals": _numbers(lambda actual, wanted: actual >= wanted),
        "dateequals": _dates(lambda actual, wanted: actual == wanted),
        "datelessthan": _dates(lambda actual, wanted: actual < wanted),
        "datelessthanequals": _dates(lambda actual, wanted: actual <= wanted),
        "dategreaterthan": _dates(lambda actual, wanted: actual > wanted),
        "dategreaterthanequals": _dates(lambda actual, wanted: actual >= wanted),
    }
)
"""By name in lower case, without Not and IfExists. ArnEquals knows wildcards as well."""

_NEGATABLE = frozenset(
    {
        "stringequals",
        "stringequalsignorecase",
        "stringlike",
        "arnequals",
        "arnlike",
        "ipaddress",
        "numericequals",
        "dateequals",
    }
)
