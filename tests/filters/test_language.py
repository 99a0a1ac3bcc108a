"""The filter language without a service (spec 08)."""

from __future__ import annotations

import pytest

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.filters.check import CheckedFilter, check
from personalize_emu.filters.errors import InvalidExpression, InvalidValues, MissingValues
from personalize_emu.filters.expressions import formatted
from personalize_emu.filters.grammar import parse
from personalize_emu.filters.parameters import split_values
from tests.filters.worked_data import SCHEMAS
from tests.filters.worked_examples import EXAMPLES, REFUSED, Example
from tests.filters.worked_shop import remaining
from tests.given import avro, field

CATEGORY = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")'


def checked(text: str) -> CheckedFilter:
    return check(parse(text), SCHEMAS)


def refused(text: str) -> str:
    with pytest.raises(InvalidExpression) as caught:
        checked(text)
    return str(caught.value)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.fact)
def test_worked_example(example: Example) -> None:
    """F-101 to F-164, and with them F-10 to F-15, F-36, F-40 to F-43, F-50, F-60, F-61."""
    if example.remaining is None:
        with pytest.raises(InvalidValues):
            remaining(example.expression, example.user, example.item, example.values)
        return
    left = remaining(example.expression, example.user, example.item, example.values)
    assert " ".join(left) == example.remaining


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.fact)
def test_the_text_of_an_example_means_the_same(example: Example) -> None:
    form = parse(example.expression)
    assert parse(formatted(form)) == form


@pytest.mark.parametrize(("fact", "text"), REFUSED, ids=[fact for fact, _ in REFUSED])
def test_refused_example(fact: str, text: str) -> None:
    """F-165 to F-188, F-90."""
    assert refused(text).startswith(("Invalid Expression: ", "Invalid input symbol: "))


def test_errors_name_the_cause() -> None:
    """F-19, F-90, F-91, E-17, E-19."""
    assert refused('INCLUDE ItemID Items.CATEGORY IN ("shoe")') == (
        "Invalid Expression: expected WHERE near 'Items.CATEGORY IN (\"'"
    )
    assert refused("INCLUDE ItemID WHERE Items.PRICE < 10 |").endswith("expected INCLUDE or EXCLUDE at the end")
    assert refused("EXCLUDE ItemID WHERE Items.CATEGORY NOT IN ($CAT)") == (
        "Invalid input symbol: $CAT. Placeholders are not allowed with NOT_IN operator."
    )
    assert refused('INCLUDE ItemID WHERE Items.IS_NEW IN ("true")') == "Invalid Expression: Items.IS_NEW is boolean"


@pytest.mark.parametrize(
    "text",
    [
        'include\n\titemid where item . category in("shoe")',
        'INCLUDE ITEMID WHERE ITEMS.Category IN ( "shoe" )',
        'Include ItemId Where Items.CATEGORY = "shoe"',
    ],
)
def test_case_and_blanks_do_not_matter(text: str) -> None:
    """F-25, F-27: keywords, entities, datasets and columns."""
    assert remaining(text, "u1", None, {}) == ["i1", "i2"]


@pytest.mark.parametrize("name", ["Action_Interactions", "ActionInteractions", "action_interaction"])
def test_datasets_have_other_spellings(name: str) -> None:
    """F-27."""
    assert remaining(f'EXCLUDE ActionID WHERE {name}.EVENT_TYPE IN ("taken")', "u1", None, {}) == ["a2", "a3"]
    assert remaining("INCLUDE ActionID WHERE Action.VALUE > 40", "u1", None, {}) == ["a1", "a3"]


def test_names_of_parameters_respect_case() -> None:
    """F-26, F-75: a wrong-case key behaves as a missing one."""
    with pytest.raises(MissingValues, match=r"^Missing value\(s\) for filter parameter\(s\): CAT$"):
        remaining("INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "u1", None, {"cat": '"shoe"'})


def test_both_spellings_of_any_event() -> None:
    """F-16."""
    for text in ("*", '"*"'):
        assert parse(f"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ({text})") == parse(
            'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
        )
    assert remaining("INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN (*)", "u1", None, {}) == []


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">="])
def test_placeholders_are_valid_with_every_comparison(operator: str) -> None:
    """F-17, F-20, E-18: with parentheses, too; F-11."""
    plain = remaining(f"INCLUDE ItemID WHERE Items.STOCK {operator} 3", "u1", None, {})
    for text in ("$N", "($N)", "(3)", '"$N"'):
        assert remaining(f"INCLUDE ItemID WHERE Items.STOCK {operator} {text}", "u1", None, {"N": "3"}) == plain


def test_quoted_placeholder_is_a_parameter() -> None:
    """F-21."""
    text = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("$CATEGORY")'
    assert remaining(text, "u1", None, {"CATEGORY": '"boot"'}) == ["i3", "i4"]


def test_numbers_may_be_quoted() -> None:
    """F-31, F-73: numbers may be quoted, as in requests."""
    for quoted, plain in (
        ('Items.STOCK IN ("5", "-1.5")', "Items.STOCK IN (5, -1.5)"),
        ('Items.PRICE < "5"', "Items.PRICE < 5"),
        ('Items.PRICE != ("5")', "Items.PRICE != 5"),
    ):
        first, second = (checked(f"INCLUDE ItemID WHERE {text}").expressions for text in (quoted, plain))
        assert first == second


@pytest.mark.parametrize("values", ['$A, "b"', '"b", $A', '"$A", "$B"', '"b", CurrentItem.CATEGORY'])
def test_a_placeholder_stands_alone(values: str) -> None:
    """F-18."""
    refused(f"INCLUDE ItemID WHERE Items.CATEGORY IN ({values})")


@pytest.mark.parametrize(
    "text",
    [
        'INCLUDE ItemID WHERE Items.CATEGORY < "shoe"',
        "INCLUDE ItemID WHERE Items.CATEGORY = 5",
        "INCLUDE ItemID WHERE Items.CATEGORY IN (5)",
        'INCLUDE ItemID WHERE Items.STOCK IN ("five")',
        "INCLUDE ItemID WHERE Items.IS_NEW = 1",
        'INCLUDE ItemID WHERE Items.DESCRIPTION = "boot"',
        'INCLUDE ItemID WHERE Interactions.EVENT_TYPE = "click"',
        'INCLUDE ItemID WHERE Interactions.USER_ID IN ("u1")',
        "INCLUDE ActionID WHERE Actions.REPEAT_FREQUENCY > 1",
        'INCLUDE ActionID WHERE Actions.CATEGORY IN ("a") OR Interactions.EVENT_TYPE IN ("click")',
        'INCLUDE ActionID WHERE Items.CATEGORY IN ("a")',
        'INCLUDE ItemID WHERE Actions.CATEGORY IN ("a")',
        "INCLUDE ItemID WHERE Items.PRICE > CurrentItem.CATEGORY",
        "INCLUDE ItemID WHERE Items.PRICE > CurrentItem.IS_NEW",
        "INCLUDE ItemID WHERE Items.PRICE > Items.STOCK",
        "INCLUDE ItemID WHERE Items.PRICE > CurrentUser.AGE",
        "INCLUDE ItemID WHERE Items.PRICE > CurrentItem.COLOR",
        "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (CurrentItem.CATEGORY)",
        "INCLUDE UserID WHERE Users.AGE > CurrentItem.STOCK",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("*", "shoe")',
        'INCLUDE ItemID WHERE (Items.CATEGORY IN ("shoe"))',
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe)',
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("sho\\")',
        'INCLUDE ItemID WHERE Items.CATEGORY IN ()',
        "INCLUDE ItemID WHERE Items.STOCK > 1.",
        "INCLUDE ItemID WHERE Items.STOCK > +1",
        "INCLUDE \u0131temID WHERE Items.STOCK > 1",
        "INCLUDE ItemID WHERE Items.STOCK > 1 IF CurrentUser.AGE > 1 IF CurrentUser.AGE < 9",
        "",
    ],
)
def test_refused(text: str) -> None:
    """F-12 to F-15, F-30 to F-35, F-60, F-90."""
    refused(text)


def test_event_types_need_their_column() -> None:
    """F-56."""
    bare = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"))
    with pytest.raises(InvalidExpression, match=r"unknown column Interactions.EVENT_TYPE"):
        check(parse('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'), {"INTERACTIONS": parse_schema(bare)})
    with pytest.raises(InvalidExpression, match="unknown column"):
        check(parse(CATEGORY), {})


def test_strings_may_hold_anything() -> None:
    text = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("a \\"b\\" c", "back\\\\slash", "one\\two", "x|y\nz", "\u00e9")'
    (expression,) = parse(text).expressions
    (condition,) = expression.conditions
    assert condition.values == ('a "b" c', "back\\slash", "one\\two", "x|y\nz", "\u00e9")  # type: ignore[union-attr]


def test_columns_may_be_named_like_keywords() -> None:
    schema = parse_schema(avro("Items", field("ITEM_ID"), field("IN", "int"), field("WHERE", "int")))
    text = "INCLUDE ItemID WHERE Items.IN IN (1) AND Items.WHERE NOT IN (2)"
    assert {name for _, name in check(parse(text), {"ITEMS": schema}).fields} == {"IN", "WHERE"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"comedy","drama"', ("comedy", "drama")),
        ('  "comedy" , drama ', ("comedy", "drama")),
        ('"value1, value2"', ("value1, value2",)),
        ("30", ("30",)),
        ('"say \\"hi\\"","a\\\\b"', ('say "hi"', "a\\b")),
        ("two words,x", ("two words", "x")),
        ("", ()),
        ('""', ()),
        (" ", ()),
        ('"a",', ("a",)),
    ],
)
def test_values_of_a_parameter(text: str, values: tuple[str, ...]) -> None:
    """F-72 to F-75."""
    assert split_values(text) == values


@pytest.mark.parametrize("text", ['"a', 'a"', '"a" b', '"a""b"', '"a\\"'])
def test_unreadable_values(text: str) -> None:
    """F-73, F-95."""
    with pytest.raises(InvalidValues, match=r"^Invalid filter values for parameter CAT$"):
        remaining("INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "u1", None, {"CAT": text})


@pytest.mark.parametrize("text", ['"1","2"', "1,2", "cheap", "1e", "nan", "inf", "0x1", "\u0663"])
def test_comparison_needs_one_number(text: str) -> None:
    """F-73, F-75, F-95."""
    with pytest.raises(InvalidValues, match=r"^Invalid filter values for parameter N$"):
        remaining("INCLUDE ItemID WHERE Items.STOCK > $N", "u1", None, {"N": text})


def test_numbers_are_compared_with_column_precision() -> None:
    """F-31, F-39."""
    for text, left in (
        ("Items.STOCK IN (5, 7)", ["i1", "i4"]),
        ("Items.STOCK > 4.5", ["i1", "i4"]),
        ("Items.STOCK <= 0.5", ["i2", "i6"]),
        ("Items.STOCK < 0.5", ["i2", "i6"]),
        ("Items.STOCK >= 0.5", ["i1", "i3", "i4", "i5"]),
        ("Items.STOCK = 0.5", []),
        ("Items.STOCK < 99999999999999999999", ["i1", "i2", "i3", "i4", "i5", "i6"]),
        ("Items.STOCK > -99999999999999999999", ["i1", "i2", "i3", "i4", "i5", "i6"]),
        ("Items.STOCK > 99999999999999999999", []),
        ("Items.PRICE < " + "9" * 400, ["i1", "i2", "i3", "i5", "i6"]),
        ("Items.PRICE IN (10, 50.0)", ["i1", "i6"]),
        ("Items.PRICE NOT IN (10, 50.0)", ["i2", "i3", "i4", "i5", "i7"]),
        ("Items.CREATION_TIMESTAMP = 1000", ["i1"]),
    ):
        assert remaining(f"INCLUDE ItemID WHERE {text}", "u1", None, {}) == left, text


def test_ids_are_columns_too() -> None:
    """F-38: an item without a row has its id, too."""
    text = "INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)"
    assert remaining(text, "u1", None, {"IDS": '"i7","i2","x"'}) == ["i2", "i7"]
    assert remaining('EXCLUDE UserID WHERE Users.USER_ID = "u4"', None, None, {}) == ["u1", "u2", "u3"]
    text = 'EXCLUDE ItemID WHERE Items.STOCK < 99 IF CurrentUser.USER_ID IN ("u4")'
    assert remaining(text, "u4", None, {}) == ["i7"]


def test_tests_of_users_without_values() -> None:
    """F-43: a known user with a missing value, an unknown user, no user."""
    for test in ('CurrentUser.MEMBERSHIP NOT IN ("gold")', 'CurrentUser.MEMBERSHIP != "gold"', "CurrentUser.AGE != 3"):
        text = f"EXCLUDE ItemID WHERE Items.STOCK < 99 IF {test}"
        assert remaining(text, "u4", None, {}) == ["i7"]
        assert len(remaining(text, "unknown-user", None, {})) == 7
        assert len(remaining(text, None, None, {})) == 7


def test_the_current_item_can_be_tested() -> None:
    """F-14: on the left after IF."""
    text = "INCLUDE ItemID WHERE Items.PRICE > 40 IF CurrentItem.PRICE >= 30"
    assert remaining(text, None, "i3", {}) == ["i5", "i6"]
    assert len(remaining(text, None, "i2", {})) == 6
    related = "INCLUDE ItemID WHERE Items.GENRES IN (CurrentItem.GENRES)"
    assert remaining(related, None, "i4", {}) == ["i6"]
    assert remaining(related, None, "i5", {}) == []
    assert remaining("INCLUDE ItemID WHERE Items.GENRES NOT IN (CurrentItem.GENRES)", None, "i5", {}) == [
        "i1", "i2", "i3", "i4", "i6", "i7",
    ]
    assert len(remaining("INCLUDE ItemID WHERE Items.PRICE != CurrentItem.PRICE", None, "i4", {})) == 6
    assert remaining("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", None, "i4", {}) == []


@pytest.mark.parametrize("spelling", ["IN", "NOT IN", "in", "Not  In"])
@pytest.mark.parametrize("column", ["GENRES", "PRICE"])
def test_a_column_of_the_current_item_needs_no_brackets(spelling: str, column: str) -> None:
    """The grammar of spec 08 section 2: IN and NOT IN take CurrentItem.NAME as it is."""
    bare = f"EXCLUDE ItemID WHERE Items.{column} {spelling} CurrentItem.{column} AND Items.PRICE > 1"
    in_brackets = bare.replace(f"CurrentItem.{column}", f"( CurrentItem.{column} )")
    assert parse(bare) == parse(in_brackets)
    assert remaining(bare, None, "i4", {}) == remaining(in_brackets, None, "i4", {})
    assert checked(bare).needs_item
    test = f"INCLUDE ItemID WHERE Items.PRICE > 1 IF CurrentUser.MEMBERSHIP {spelling} CurrentItem.CATEGORY"
    assert parse(test) == parse(test.replace("CurrentItem.CATEGORY", "(CurrentItem.CATEGORY)"))


@pytest.mark.parametrize("operand", ["$CAT", '"shoe"', "5", "*", "Items.CATEGORY", "CurrentUser.MEMBERSHIP"])
@pytest.mark.parametrize("spelling", ["IN", "NOT IN"])
def test_lists_need_brackets(spelling: str, operand: str) -> None:
    """Spec 08 section 2."""
    assert refused(f"INCLUDE ItemID WHERE Items.CATEGORY {spelling} {operand}").startswith("Invalid Expression: ")


def test_fields_are_counted_once() -> None:
    """F-5."""
    text = (
        "INCLUDE ItemID WHERE Items.price > 1 AND Items.PRICE < CurrentItem.PRICE IF CurrentUser.AGE > 3 "
        '| EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("a") OR Interactions.event_type IN ("b")'
    )
    assert checked(text).fields == {("Items", "PRICE"), ("Users", "AGE"), ("Interactions", "EVENT_TYPE")}


def test_filters_require_user_or_item() -> None:
    """F-14, F-83."""
    for text, user, item in (
        (CATEGORY, False, False),
        (CATEGORY + " IF CurrentUser.AGE > 3", True, False),
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("a")', True, False),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", False, True),
        ('EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("a")', False, False),
    ):
        assert (checked(text).needs_user, checked(text).needs_item) == (user, item), text
