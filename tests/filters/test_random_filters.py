"""Random filters on random data, compared with a slow reference."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.columns import rows_table
from personalize_emu.filters.binding import bind
from personalize_emu.filters.check import check
from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.filters.expressions import (
    AnyEvent,
    Column,
    Comparison,
    Condition,
    Expression,
    FilterExpression,
    Membership,
    Parameter,
    formatted,
)
from personalize_emu.filters.grammar import parse
from personalize_emu.filters.interactions import RecordEvents, folded
from personalize_emu.filters.masks import FilterContext, admitted
from personalize_emu.filters.records import Records, View
from tests.filters.plain_filters import PlainShop
from tests.given import avro, field

_NULL = "null"
SCHEMAS = {
    "ITEMS": parse_schema(
        avro(
            "Items",
            field("ITEM_ID"),
            field("KIND", [_NULL, "string"]),
            field("TAGS", [_NULL, "string"], categorical=True),
            field("COUNT", [_NULL, "int"]),
            field("MADE", "long"),
            field("PRICE", [_NULL, "float"]),
            field("WEIGHT", [_NULL, "double"]),
        )
    ),
    "USERS": parse_schema(
        avro(
            "Users",
            field("USER_ID"),
            field("AGE", [_NULL, "int"]),
            field("GROUPS", [_NULL, "string"], categorical=True),
        )
    ),
    "INTERACTIONS": parse_schema(
        avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"), field("EVENT_TYPE"))
    ),
}
IDS = tuple(f"i{number}" for number in range(8))
TEXTS = ("a", "b", "c", "a b", "A")
NUMBERS = (-1, 0, 1, 2, 3)
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Items": {"text": ("KIND", "TAGS"), "number": ("COUNT", "MADE", "PRICE", "WEIGHT")},
    "CurrentUser": {"text": ("GROUPS",), "number": ("AGE",)},
}

numbers = st.sampled_from(NUMBERS)
decimals = st.sampled_from([Decimal(text) for text in ("-1", "0", "0.5", "1", "1.25", "2.0", "3", "-99", "9" * 30)])
texts = st.sampled_from(TEXTS)
categories = st.lists(texts, min_size=1, max_size=3).map("|".join)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


halves = numbers.map(lambda number: number / 2)
items = st.fixed_dictionaries(
    {
        "KIND": maybe(texts),
        "TAGS": maybe(categories),
        "COUNT": maybe(numbers),
        "MADE": numbers,
        "PRICE": maybe(halves),
        "WEIGHT": maybe(halves),
    }
)
events = st.lists(st.tuples(st.sampled_from(IDS), maybe(st.sampled_from(["Click", "click", "buy"]))), max_size=6)
users = maybe(st.fixed_dictionaries({"AGE": maybe(numbers), "GROUPS": maybe(categories)}))
values = st.fixed_dictionaries(
    {},
    optional={
        "T": st.lists(texts, min_size=1, max_size=2).map(tuple),
        "N": numbers.map(lambda number: (str(number),)),
    },
)
shops = st.builds(
    PlainShop,
    ids=st.just(IDS),
    items=st.dictionaries(st.sampled_from(IDS), items),
    events=events.map(tuple),
    user=users,
    current_item=st.sampled_from(IDS),
    values=values,
)


@st.composite
def record_conditions(draw: st.DrawFn, owner: str, *, may_lack: bool) -> Condition:
    """A condition on a column. may_lack: whether it may have a parameter without a value."""
    sort = draw(st.sampled_from(["text", "number"]))
    column = Column(owner, draw(st.sampled_from(NAMES[owner][sort])))
    operands: list[st.SearchStrategy[Any]] = [
        st.sampled_from([Column("CurrentItem", name) for name in NAMES["Items"][sort]])
    ]
    if may_lack:
        operands.append(st.just(Parameter("T" if sort == "text" else "N")))
    constant = texts if sort == "text" else decimals
    if draw(st.booleans()):
        values = draw(st.one_of(st.lists(constant, min_size=1, max_size=3).map(tuple), *operands))
        return Membership(column, values, draw(st.booleans()) and not isinstance(values, Parameter))
    operator = draw(st.sampled_from(OPERATORS[:2] if sort == "text" else OPERATORS))
    operand = draw(st.one_of(constant, *operands))
    if sort == "text" and isinstance(operand, Parameter):
        operand = draw(constant)
    return Comparison(column, operator, operand)


event_types = st.lists(st.sampled_from(["CLICK", "Buy", "other"]), min_size=1, max_size=2).map(tuple)
event_conditions = st.builds(
    Membership,
    st.just(Column("Interactions", "EVENT_TYPE")),
    st.one_of(st.just(AnyEvent()), event_types),
    st.booleans(),
)


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    action = draw(st.sampled_from(["INCLUDE", "EXCLUDE"]))
    may_lack = action == "EXCLUDE"
    conditions: st.SearchStrategy[Condition] = draw(
        st.sampled_from([record_conditions("Items", may_lack=may_lack), event_conditions])
    )
    conjunctions = st.lists(conditions, min_size=1, max_size=3).map(tuple)
    alternatives = draw(st.lists(conjunctions, min_size=1, max_size=3).map(tuple))
    tests = draw(st.lists(record_conditions("CurrentUser", may_lack=may_lack), max_size=2).map(tuple))
    return Expression(action, "ItemID", alternatives, tests)


filters = st.lists(expressions(), min_size=1, max_size=4).map(lambda listed: FilterExpression(tuple(listed)))
ALL = Comparison(Column("Items", "MADE"), ">", Decimal(-99))
single_conditions = record_conditions("Items", may_lack=False).map(
    lambda condition: Expression("INCLUDE", "ItemID", ((condition,),))
)
single_tests = record_conditions("CurrentUser", may_lack=False).map(
    lambda test: Expression("EXCLUDE", "ItemID", ((ALL,),), (test,))
)
small_filters = st.one_of(single_conditions, single_tests).map(lambda one: FilterExpression((one,)))


def records(kind: str, rows: list[Mapping[str, Any]]) -> Records:
    return Records(rows_table(SCHEMAS[kind], rows), SCHEMAS[kind], SCHEMAS[kind].names[0])


@settings(max_examples=300, deadline=None)
@given(filters, shops)
def test_random_filters_equal_reference(whole: FilterExpression, shop: PlainShop) -> None:
    """F-30 to F-43, F-50, F-55, F-56, F-71."""
    check_against_the_obvious(whole, shop)


@settings(max_examples=600, deadline=None)
@given(small_filters, shops)
def test_random_conditions_equal_reference(whole: FilterExpression, shop: PlainShop) -> None:
    """F-30, F-31, F-36, F-37, F-43."""
    check_against_the_obvious(whole, shop)


def check_against_the_obvious(whole: FilterExpression, shop: PlainShop) -> None:
    stored = records("ITEMS", [row | {"ITEM_ID": item} for item, row in shop.items.items()])
    people = records("USERS", [] if shop.user is None else [shop.user | {"USER_ID": "u"}])  # type: ignore[operator]
    filter_context = FilterContext(
        user_known=shop.user is not None,
        user=lambda column: people.value("u", column),
        item=lambda column: stored.value(shop.current_item, column),
        interactions=lambda _: RecordEvents(frozenset((item, folded(kind)) for item, kind in shop.events)),
    )
    checked = check(parse(formatted(whole)), SCHEMAS)
    given_values = {name: ",".join(f'"{value}"' for value in listed) for name, listed in shop.values.items()}
    kept = admitted(bind(checked, given_values, filter_context.item), View(stored, IDS), filter_context)
    assert [item for item, keep in zip(IDS, kept, strict=True) if keep] == shop.remaining(whole)


wild_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
wild_texts = st.text(max_size=12).filter(lambda text: not text.startswith("$") and text != "*")
wild_decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3)
wild_columns = st.builds(
    Column, st.sampled_from(["Items", "Interactions", "Users", "Actions", "Action_Interactions"]), wild_names
)
of_current_item = st.builds(Column, st.just("CurrentItem"), wild_names)
wild_parameters = st.builds(Parameter, st.from_regex(r"[A-Za-z0-9_]{1,9}", fullmatch=True))
wild_constants = st.one_of(wild_texts, wild_decimals)


def wild_conditions(columns: st.SearchStrategy[Column]) -> st.SearchStrategy[Condition]:
    listed = st.lists(wild_constants, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Membership, columns, st.one_of(listed, of_current_item, st.just(AnyEvent())), st.booleans()),
        st.builds(Membership, columns, wild_parameters, st.just(False)),
        st.builds(
            Comparison, columns, st.sampled_from(OPERATORS), st.one_of(wild_constants, wild_parameters, of_current_item)
        ),
    )


wild_conjunctions = st.lists(wild_conditions(wild_columns), min_size=1, max_size=3).map(tuple)
wild_expressions = st.builds(
    Expression,
    st.sampled_from(["INCLUDE", "EXCLUDE"]),
    st.sampled_from(["ItemID", "UserID", "ActionID"]),
    st.lists(wild_conjunctions, min_size=1, max_size=2).map(tuple),
    st.lists(wild_conditions(st.builds(Column, st.just("CurrentUser"), wild_names)), max_size=2).map(tuple),
)
wild_filters = st.lists(wild_expressions, min_size=1, max_size=3).map(lambda listed: FilterExpression(tuple(listed)))


@settings(max_examples=300, deadline=None)
@given(wild_filters)
def test_the_text_of_a_form_has_that_form(whole: FilterExpression) -> None:
    """Section 2: formatting and parsing again changes nothing."""
    assert parse(formatted(whole)) == whole


WORDS = r"""INCLUDE EXCLUDE ItemID UserID WHERE AND OR IF NOT IN Items . CATEGORY CurrentUser AGE = < ( ) | , $P "shoe"
5 * -1 " \ include"""
words = st.sampled_from(WORDS.split())


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=20).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """F-90: any text is either parsed or refused with InvalidExpression."""
    try:
        form = parse(text)
        check(form, SCHEMAS)
    except InvalidExpression:
        return
    assert parse(formatted(form)) == form
