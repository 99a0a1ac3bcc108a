"""Parses filter expressions (spec 08 section 2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from personalize_emu.filters.errors import InvalidExpression, PlaceholderNotAllowed
from personalize_emu.filters.expressions import (
    ACTION_INTERACTIONS,
    ACTIONS,
    CURRENT_ITEM,
    CURRENT_USER,
    INTERACTIONS,
    ITEMS,
    USERS,
    Action,
    AnyEvent,
    Column,
    Comparison,
    Condition,
    Constant,
    Entity,
    Expression,
    FilterExpression,
    Membership,
    Operator,
    Parameter,
)

# Keywords are contextual, so a column may be called IN or WHERE.
_GRAMMAR = r"""
    filter: expression ("|" expression)*
    expression: ACTION ENTITY _WHERE conjunction (_OR conjunction)* [_IF test (_AND test)*]
    conjunction: condition (_AND condition)*
    ?condition: column [NOT] _IN ("(" values ")" | column) -> membership
        | column COMPARE (value | "(" value ")") -> comparison
    ?test: column [NOT] _IN ("(" values ")" | column) -> membership
        | column COMPARE value -> comparison
    column: NAME "." NAME
    values: (value | STAR) ("," (value | STAR))*
    ?value: STRING -> string
        | NUMBER -> number
        | PARAMETER -> parameter
        | column

    ACTION: /(?ai:INCLUDE|EXCLUDE)\b/
    ENTITY: /(?ai:ItemID|UserID|ActionID)\b/
    _WHERE: /(?ai:WHERE)\b/
    _AND: /(?ai:AND)\b/
    _OR: /(?ai:OR)\b/
    _IF: /(?ai:IF)\b/
    _IN: /(?ai:IN)\b/
    NOT: /(?ai:NOT)\b/
    STAR: "*"
    COMPARE: /<=|>=|!=|=|<|>/
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    PARAMETER: /\$[A-Za-z0-9_]+/
    NUMBER: /-?[0-9]+(\.[0-9]+)?/
    STRING: /"(?:\\["\\]|[^"\\]|\\(?!["\\]))*"/
    %ignore /[ \t\r\n\f]+/
"""

_OWNERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("items", "item"), ITEMS),
        **dict.fromkeys(("interactions", "interaction"), INTERACTIONS),
        **dict.fromkeys(("users", "user"), USERS),
        **dict.fromkeys(("actions", "action"), ACTIONS),
        **dict.fromkeys(("action_interactions", "action_interaction"), ACTION_INTERACTIONS),
        **dict.fromkeys(("actioninteractions", "actioninteraction"), ACTION_INTERACTIONS),
        "currentuser": CURRENT_USER,
        "currentitem": CURRENT_ITEM,
    }
)
"""Spellings in lower case (F-25, F-27)."""

_ENTITIES: Mapping[str, Entity] = MappingProxyType({"itemid": "ItemID", "userid": "UserID", "actionid": "ActionID"})
_QUOTED_PARAMETER = re.compile(r"\$([A-Za-z0-9_]+)")
_ESCAPE = re.compile(r'\\(["\\])')
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "ACTION": "INCLUDE or EXCLUDE",
        "ENTITY": "ItemID, UserID or ActionID",
        "_WHERE": "WHERE",
        "_AND": "AND",
        "_OR": "OR",
        "_IF": "IF",
        "_IN": "IN",
        "NOT": "NOT",
        "STAR": '"*"',
        "COMPARE": "a comparison",
        "NAME": "a name",
        "PARAMETER": "a parameter",
        "NUMBER": "a number",
        "STRING": "a quoted string",
        "LPAR": '"("',
        "RPAR": '")"',
        "COMMA": '","',
        "DOT": '"."',
        "VBAR": '"|"',
        "$END": "the end",
    }
)


def parse(text: str) -> FilterExpression:
    """Parse an expression; columns and types are checked by `check`.

    Raises:
        InvalidExpression: a syntax error (F-90), or a placeholder after NOT IN (F-91).
    """
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    try:
        parsed: FilterExpression = _TreeTransformer().transform(tree)
    except VisitError as error:
        raise error.orig_exc from None
    return parsed


def unescaped(inner: str) -> str:
    """Remove the escapes from the text between the quotes of a string."""
    return _ESCAPE.sub(r"\1", inner)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, start="filter", parser="lalr", lexer="contextual", maybe_placeholders=True)


class _TreeTransformer(Transformer[Token, FilterExpression]):
    """Converts the syntax tree bottom-up; every method takes the children of its rule."""

    def filter(self, parts: list[Expression]) -> FilterExpression:
        return FilterExpression(tuple(parts))

    def expression(self, parts: list[Any]) -> Expression:
        action, entity, *rest = parts
        conjunctions = tuple(part.conditions for part in rest if isinstance(part, _Conjunction))
        tests = tuple(part for part in rest if isinstance(part, Membership | Comparison))
        return Expression(_action(action), _ENTITIES[entity.lower()], conjunctions, tests)

    def conjunction(self, conditions: list[Condition]) -> _Conjunction:
        return _Conjunction(tuple(conditions))

    def membership(self, parts: list[Any]) -> Membership:
        column, negation, values = parts
        if negation is not None and isinstance(values, Parameter):
            raise PlaceholderNotAllowed(values.name)
        return Membership(column, values, negation is not None)

    def comparison(self, parts: list[Any]) -> Comparison:
        column, operator, value = parts
        return Comparison(column, _operator(operator), value)

    def values(self, parts: list[Any]) -> tuple[Constant, ...] | Parameter | Column | AnyEvent:
        """One parameter, one column of CurrentItem or "*" alone, or constants (F-16, F-18)."""
        if len(parts) == 1 and not isinstance(parts[0], str | Decimal):
            alone: Parameter | Column = parts[0]
            return alone
        if any(isinstance(part, Parameter) for part in parts):
            raise InvalidExpression("a parameter must stand alone in a list")
        if any(isinstance(part, Column) for part in parts):
            raise InvalidExpression("CurrentItem must stand alone in a list")
        if "*" in parts:
            return AnyEvent()
        return tuple(parts)

    def column(self, parts: list[Token]) -> Column:
        owner, name = parts
        known = _OWNERS.get(owner.lower())
        if known is None:
            raise InvalidExpression(f"unknown dataset {owner}", owner.start_pos)
        return Column(known, str(name))

    def string(self, parts: list[Token]) -> str | Parameter:
        """A string that contains only a placeholder is a parameter (F-21)."""
        inner = unescaped(parts[0][1:-1])
        quoted = _QUOTED_PARAMETER.fullmatch(inner)
        return Parameter(quoted[1]) if quoted else inner

    def number(self, parts: list[Token]) -> Decimal:
        return Decimal(str(parts[0]))

    def parameter(self, parts: list[Token]) -> Parameter:
        return Parameter(str(parts[0][1:]))


class _Conjunction:
    """Distinguishes conjunctions from the tests after IF."""

    def __init__(self, conditions: tuple[Condition, ...]) -> None:
        self.conditions = conditions


def _action(word: Token) -> Action:
    return "INCLUDE" if word.upper() == "INCLUDE" else "EXCLUDE"


def _operator(sign: Token) -> Operator:
    operators: dict[str, Operator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
    return operators[str(sign)]


def _syntax_error(text: str, error: UnexpectedInput) -> InvalidExpression:
    names = getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", ())
    expected = " or ".join(sorted(_WORDS.get(name, name) for name in names or ()))
    token = getattr(error, "token", None)
    position = len(text) if token is not None and token.type == "$END" else error.pos_in_stream or 0
    place = f"near {text[position : position + 20]!r}" if position < len(text) else "at the end"
    return InvalidExpression(f"expected {expected} {place}", position)
