"""The worked examples of the filter language (spec 08 sections 5.1 and 5.2), one per line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """remaining: ids in order, None if the request is refused."""

    fact: str
    expression: str
    remaining: str | None
    user: str | None = None
    item: str | None = None
    values: dict[str, str] = field(default_factory=dict)


EXAMPLES = [
    Example("F-101", 'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")', "i1 i2", user="u1"),
    Example("F-102", 'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe")', "i3 i4 i5 i6 i7", user="u1"),
    Example("F-103", 'INCLUDE ItemID WHERE Items.CATEGORY IN ("Shoe")', "", user="u1"),
    Example("F-104", 'include itemid where items.category in ("shoe", "boot")', "i1 i2 i3 i4", user="u1"),
    Example("F-105", 'INCLUDE ItemID WHERE Items.GENRES IN ("Comedy")', "i1 i3", user="u1"),
    Example("F-106", 'INCLUDE ItemID WHERE Items.GENRES IN ("Comedy", "Action")', "i1 i3 i4 i6", user="u1"),
    Example("F-107", 'INCLUDE ItemID WHERE Items.GENRES IN ("Comedy") AND Items.GENRES IN ("Drama")', "i1", user="u1"),
    Example("F-108", 'INCLUDE ItemID WHERE Items.GENRES NOT IN ("Comedy")', "i2 i4 i5 i6 i7", user="u1"),
    Example("F-109", 'EXCLUDE ItemID WHERE Items.GENRES NOT IN ("Action")', "i4 i6", user="u1"),
    Example(
        "F-110",
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("shoe") AND Items.GENRES NOT IN ("Comedy")',
        "i1 i3 i4 i5 i6 i7",
        user="u1",
    ),
    Example("F-111", "INCLUDE ItemID WHERE Items.PRICE < 30", "i1 i2", user="u1"),
    Example("F-112", "INCLUDE ItemID WHERE Items.PRICE <= 30", "i1 i2 i3", user="u1"),
    Example("F-113", "INCLUDE ItemID WHERE Items.PRICE != 30", "i1 i2 i4 i5 i6 i7", user="u1"),
    Example("F-114", "EXCLUDE ItemID WHERE Items.PRICE >= 20", "i1 i4 i7", user="u1"),
    Example("F-115", "INCLUDE ItemID WHERE Items.STOCK = 0", "i2 i6", user="u1"),
    Example("F-116", "INCLUDE ItemID WHERE Items.STOCK > 0 AND Items.PRICE < 100", "i1 i3", user="u1"),
    Example("F-117", 'INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") OR Items.PRICE < 15', "i1 i5 i6", user="u1"),
    Example(
        "F-118",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("boot") OR Items.CATEGORY IN ("shoe") AND Items.STOCK = 0',
        "i2 i3 i4",
        user="u1",
    ),
    Example(
        "F-119",
        "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP >= 3000 AND Items.CREATION_TIMESTAMP < 6000",
        "i3 i4 i5",
        user="u1",
    ),
    Example("F-120", 'INCLUDE ItemID WHERE Items.IN_STOCK IN ("True")', "i1 i3 i4 i5", user="u1"),
    Example("F-121", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")', "i3 i4 i5 i6 i7", user="u1"),
    Example("F-122", 'EXCLUDE ItemID WHERE Interactions.event_type IN ("purchase")', "i1 i3 i4 i5 i6 i7", user="u1"),
    Example("F-123", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click", "watch")', "i3 i5 i6 i7", user="u1"),
    Example("F-124", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', "i3 i5 i6 i7", user="u1"),
    Example("F-125", 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")', "i1 i2", user="u1"),
    Example("F-126", 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")', "", user="u3"),
    Example(
        "F-127",
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")',
        "i1 i2 i3 i4 i5 i6 i7",
        user="unknown-user",
    ),
    Example("F-128", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("click")', "i1 i3 i5 i6 i7", user="u1"),
    Example("F-129", "INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "i3 i4", user="u1", values={"CAT": '"boot"'}),
    Example(
        "F-130",
        "INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)",
        "i3 i4 i5 i6",
        user="u1",
        values={"CAT": '"boot","watch"'},
    ),
    Example("F-131", "INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "", user="u1", values={"CAT": '"boot,watch"'}),
    Example("F-132", "INCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", None, user="u1"),
    Example("F-133", "EXCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)", "i1 i2 i3 i4 i5 i6 i7", user="u1"),
    Example(
        "F-134",
        "EXCLUDE ItemID WHERE Items.CATEGORY IN ($CAT)",
        "i1 i2 i3 i4 i5 i6 i7",
        user="u1",
        values={"cat": '"boot"'},
    ),
    Example("F-135", "INCLUDE ItemID WHERE Items.PRICE <= $PRICE", "i1 i2 i3", user="u1", values={"PRICE": '"30"'}),
    Example("F-136", "INCLUDE ItemID WHERE Items.PRICE <= $PRICE", "i1 i2 i3", user="u1", values={"PRICE": "30"}),
    Example("F-137", "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > $TS", "i5 i6", user="u1", values={"TS": "4500"}),
    Example(
        "F-138",
        "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($EV)",
        "i3 i4 i5 i6 i7",
        user="u1",
        values={"EV": '"CLICK","PURCHASE"'},
    ),
    Example(
        "F-139",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("boot") | '
        'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")',
        "i1 i2 i3 i4",
        user="u1",
    ),
    Example(
        "F-140",
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("boot") | '
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")',
        "i5 i6 i7",
        user="u1",
    ),
    Example(
        "F-141",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe", "boot") | '
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click")',
        "i3 i4",
        user="u1",
    ),
    Example(
        "F-142",
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("click") | '
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe", "boot")',
        "i3 i4",
        user="u1",
    ),
    Example(
        "F-143",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") | '
        "INCLUDE ItemID WHERE Items.PRICE < 25 | "
        "EXCLUDE ItemID WHERE Items.STOCK = 0 | "
        "EXCLUDE ItemID WHERE Items.PRICE > 400",
        "i1",
        user="u1",
    ),
    Example(
        "F-144",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe") | '
        "EXCLUDE ItemID WHERE Items.GENRES IN ($G)",
        "i1 i2",
        user="u1",
    ),
    Example(
        "F-145",
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE < 18',
        "i1 i2 i3 i4 i7",
        user="u2",
    ),
    Example(
        "F-146",
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE < 18',
        "i1 i2 i3 i4 i5 i6 i7",
        user="u1",
    ),
    Example(
        "F-147",
        'EXCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE < 18',
        "i1 i2 i3 i4 i5 i6 i7",
        user="u3",
    ),
    Example("F-148", 'INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE > 18', "i5 i6", user="u1"),
    Example(
        "F-149",
        'INCLUDE ItemID WHERE Items.CATEGORY IN ("watch") IF CurrentUser.AGE > 18',
        "i1 i2 i3 i4 i5 i6 i7",
        user="u2",
    ),
    Example(
        "F-150",
        'EXCLUDE ItemID WHERE Items.PRICE > 40 IF CurrentUser.AGE > 18 AND CurrentUser.MEMBERSHIP IN ("silver")',
        "i1 i2 i3 i4 i5 i6 i7",
        user="u1",
    ),
    Example(
        "F-151",
        "EXCLUDE ItemID WHERE Items.GENRES IN ($GENRE) IF CurrentUser.AGE = $AGE",
        "i3 i4 i5 i6 i7",
        user="u1",
        values={"GENRE": '"Drama"', "AGE": "25"},
    ),
    Example(
        "F-152",
        "EXCLUDE ItemID WHERE Items.GENRES IN ($GENRE) IF CurrentUser.AGE = $AGE",
        "i1 i2 i3 i4 i5 i6 i7",
        user="u1",
        values={"GENRE": '"Drama"'},
    ),
    Example("F-153", "INCLUDE ItemID WHERE Items.CATEGORY IN (CurrentItem.CATEGORY)", "i4", user="u3", item="i3"),
    Example("F-154", "EXCLUDE ItemID WHERE Items.PRICE > CurrentItem.PRICE", "i1 i4 i7", user="u3", item="i2"),
    Example("F-155", 'INCLUDE UserID WHERE Users.MEMBERSHIP IN ("gold")', "u1"),
    Example("F-156", "EXCLUDE UserID WHERE Users.AGE < 18", "u1 u3 u4"),
    Example("F-157", 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("purchase")', "u1 u2"),
    Example("F-158", 'INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("click, rating")', ""),
    Example("F-159", "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ($EV)", "u3", values={"EV": '"click"'}),
    Example("F-160", "INCLUDE ActionID WHERE Actions.VALUE > ($VALUE)", "a1 a3", user="u1", values={"VALUE": "40"}),
    Example("F-161", 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("TAKEN")', "a2 a3", user="u1"),
    Example("F-162", 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("NOT_TAKEN")', "a1 a2", user="u2"),
    Example(
        "F-163",
        'INCLUDE ActionID WHERE Actions.CATEGORY IN ("app") IF CurrentUser.MEMBERSHIP = "gold"',
        "a2",
        user="u1",
    ),
    Example(
        "F-164",
        "EXCLUDE ActionID WHERE Actions.CATEGORY IN ($CATEGORY)",
        "a1",
        user="u1",
        values={"CATEGORY": '"app","credit"'},
    ),
]

REFUSED = [
    ("F-165", 'INCLUDE ItemID WHERE Items.CATEGORY IN "shoe"'),
    ("F-166", 'INCLUDE ItemID Items.CATEGORY IN ("shoe")'),
    ("F-167", 'SHOW ItemID WHERE Items.CATEGORY IN ("shoe")'),
    ("F-168", 'INCLUDE ItemID WHERE CATEGORY IN ("shoe")'),
    ("F-169", 'INCLUDE ItemID WHERE Items.COLOR IN ("red")'),
    ("F-170", 'INCLUDE ItemID WHERE Products.CATEGORY IN ("shoe")'),
    ("F-171", 'INCLUDE ItemID WHERE Items.IS_NEW IN ("true")'),
    ("F-172", 'INCLUDE ItemID WHERE Items.DESCRIPTION IN ("boot")'),
    ("F-173", 'INCLUDE ItemID WHERE Items.CATEGORY IN ("shoe") AND Interactions.EVENT_TYPE IN ("click")'),
    ("F-174", "INCLUDE ItemID WHERE Interactions.EVENT_VALUE > 3"),
    ("F-175", 'INCLUDE ItemID WHERE Interactions.DEVICE IN ("phone")'),
    ("F-176", "EXCLUDE ItemID WHERE Items.CATEGORY NOT IN ($CAT)"),
    ("F-177", "INCLUDE ItemID WHERE Items.CATEGORY IN ($A, $B)"),
    ("F-178", 'EXCLUDE ItemID WHERE Items.CATEGORY IN ("*")'),
    ("F-179", 'INCLUDE ItemID WHERE Items.CATEGORY > "a"'),
    ("F-180", 'INCLUDE ItemID WHERE Items.PRICE > "cheap"'),
    ("F-181", "INCLUDE ItemID WHERE CurrentUser.AGE > 18"),
    ("F-182", "INCLUDE ItemID WHERE Items.PRICE < 10 IF Items.STOCK > 0"),
    ("F-183", "INCLUDE ItemID WHERE Items.PRICE < 10 IF CurrentUser.AGE > 18 OR CurrentUser.AGE < 5"),
    ("F-184", "INCLUDE ItemID WHERE Items.PRICE < 10 IF CurrentUser.AGE > 18 AND Items.STOCK > 0"),
    ("F-185", "INCLUDE ItemID WHERE Items.PRICE < 10 | INCLUDE UserID WHERE Users.AGE > 18"),
    ("F-186", "INCLUDE ItemID WHERE Users.AGE > 18"),
    ("F-187", "INCLUDE UserID WHERE Items.PRICE > 18"),
    ("F-188", "INCLUDE ItemID WHERE Items.PRICE < 10 |"),
]
