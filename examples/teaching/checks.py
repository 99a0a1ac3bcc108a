"""Whether the answers of the exercises are right, and if not, what is wrong with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from classroom import Classroom

from personalize_emu.wire.errors import ResourceNotFoundException

NEWCOMER, NEW_ITEM = "newcomer", "samovar"
PERSON = "user0001"
LIST = 25
DRINKS, MOST = frozenset({"Tea", "Coffee"}), 10
TOLERANCE = 0.005


@dataclass(frozen=True)
class Verdict:
    """What a check says; a notebook shows its text."""

    is_right: bool
    text: str

    def __repr__(self) -> str:
        return f"{'RIGHT' if self.is_right else 'NOT YET'}: {self.text}"


class Wrong(Exception):
    """An answer is not right; the text tells the student why."""


def check(task: Callable[..., str]) -> Callable[..., Verdict]:
    """Make a check of a function that returns praise or raises `Wrong`. Answers that are None are not there yet."""

    @functools.wraps(task)
    def checked(room: Classroom, answer: Any = None) -> Verdict:
        if answer is None:
            return Verdict(
                False, "there is no answer yet. Fill in the cell above that is marked YOUR CODE, and run it."
            )
        try:
            return Verdict(True, task(room, answer))
        except Wrong as wrong:
            return Verdict(False, str(wrong))
        except ClientError as refused:
            return Verdict(False, f"the service refused it: {refused.response['Error']['Message']}")

    return checked


def _items(room: Classroom, answer: Any, count: int) -> list[str]:
    """Raises Wrong unless the answer is a list of `count` item ids."""
    if not isinstance(answer, list) or not all(isinstance(item, str) for item in answer):
        raise Wrong(
            "a list of item ids is asked for, such as ['item0001', ...]: take itemId of each entry of itemList."
        )
    known = {item.item_id for item in room.shop.items} | {NEW_ITEM}
    if unknown := [item for item in answer if item not in known]:
        raise Wrong(f"{unknown[0]!r} is not the id of an item: give ids, not titles.")
    if len(answer) != count:
        raise Wrong(f"{count} items are asked for, these are {len(answer)}: see numResults.")
    return answer


@check
def newcomer_list(room: Classroom, answer: Any) -> str:
    """Cold start, task 1."""
    items = _items(room, answer, 10)
    if set(items) == set(room.listed("another-newcomer", 10)):
        return "without a history everybody gets what is popular."
    if set(items) == set(room.listed(NEWCOMER, 10)):
        raise Wrong("the newcomer has a history already: restart the kernel and run the notebook from the top.")
    raise Wrong(f"this is not the list of a newcomer: did you ask for userId={NEWCOMER!r}?")


@check
def newcomer_after_views(room: Classroom, answer: Any) -> str:
    """Cold start, task 2."""
    items = _items(room, answer, 10)
    if room.listed(NEWCOMER, 10) == room.listed("another-newcomer", 10):
        raise Wrong(
            f"the service knows no events of {NEWCOMER!r}: send them with put_events, and with userId={NEWCOMER!r}."
        )
    if set(items) != set(room.listed(NEWCOMER, 10)):
        raise Wrong("the events have arrived, but this list is from before them: ask for the list again.")
    return "three events were enough, and there was no training."


@check
def new_item(room: Classroom, answer: Any) -> str:
    """Cold start, task 3. answer: items of a long list."""
    if not isinstance(answer, list):
        raise Wrong("a list of item ids is asked for.")
    listed = room.listed(PERSON, 500)
    if NEW_ITEM not in listed and _is_known(room, NEW_ITEM):
        raise Wrong("it is the very last: the model knows nothing about it. Give it categoryL1, brand and price, too.")
    if NEW_ITEM not in listed:
        raise Wrong(
            f"no list has {NEW_ITEM!r}. Put it into the Items dataset with put_items; campaigns take new items over "
            "every two hours, so advance the clock with room.emulator.advance('2h')."
        )
    if NEW_ITEM not in answer:
        raise Wrong("the service recommends it now, but your list is from before that: ask again.")
    return f"it has place {listed.index(NEW_ITEM) + 1} for {PERSON}, by its metadata alone."


def _is_known(room: Classroom, item: str) -> bool:
    """Whether the model has the item, also where it is behind all that are listed."""
    try:
        room.emulator.explain(room.campaign, PERSON, item)
    except ResourceNotFoundException:
        return False
    return True


def _filtered(room: Classroom, expression: Any, user: str, count: int) -> list[str]:
    """What a filter of that expression leaves. Raises Wrong, ClientError."""
    if not isinstance(expression, str):
        raise Wrong("a filter expression is a text that begins with INCLUDE ItemID or EXCLUDE ItemID.")
    made = room.personalize.create_filter(name="check", datasetGroupArn=room.group, filterExpression=expression)
    try:
        return room.listed(user, count, filterArn=made["filterArn"])
    finally:
        room.personalize.delete_filter(filterArn=made["filterArn"])


@check
def cheap_drinks(room: Classroom, answer: Any) -> str:
    """Filters, task 1. answer: an expression."""
    left = _filtered(room, answer, PERSON, 500)
    found = {item.item_id: item for item in room.shop.items}
    for item in map(found.__getitem__, left):
        if item.category_l1 not in DRINKS:
            raise Wrong(f"it lets {item.title} through, which is in {item.category_l1}.")
        if item.price >= MOST:
            raise Wrong(f"it lets {item.title} for {item.price} through. AND binds more tightly than OR: try IN (...).")
    kinds = {found[item].category_l1 for item in left}
    if missing := DRINKS - kinds:
        raise Wrong(f"nothing of {', '.join(sorted(missing))} is left; names of categories are as in the data.")
    wanted = [item for item in room.listed(PERSON, 500) if _is_cheap_drink(found[item])]
    if len(left) < len(wanted):
        raise Wrong(f"{len(wanted) - len(left)} items that are cheap enough are missing: see the limit of the price.")
    return f"{len(left)} items are left, all of them cheap tea or coffee."


def _is_cheap_drink(item: Any) -> bool:
    return item.category_l1 in DRINKS and item.price < MOST


@check
def nothing_bought(room: Classroom, answer: Any) -> str:
    """Filters, task 2. answer: an expression."""
    left, everything, bought = _filtered(room, answer, PERSON, 500), room.listed(PERSON, 500), room.bought(PERSON)
    if seen := bought.intersection(left):
        title = room.titles(sorted(seen))[0]
        raise Wrong(f"{PERSON} has bought {title} already, and it is still there. EXCLUDE what has a Purchase.")
    if lost := set(everything) - bought - set(left):
        raise Wrong(f"it hides too much: {room.titles(sorted(lost))[0]} was never bought. Only a Purchase counts.")
    return f"{len(set(everything) & bought)} items that {PERSON} has bought are gone, and nothing else."


@check
def tea_week(room: Classroom, answer: Any) -> str:
    """Filters, task 3. answer: the response of GetRecommendations."""
    if not isinstance(answer, Mapping) or "itemList" not in answer:
        raise Wrong("give the whole response of get_recommendations, because it says which items are promoted.")
    entries = answer["itemList"]
    if len(entries) != 10:
        raise Wrong(f"ten items are asked for, these are {len(entries)}: see numResults.")
    promoted = [entry["itemId"] for entry in entries if entry.get("promotionName")]
    tea = {item.item_id for item in room.shop.items if item.category_l1 == "Tea"}
    if not promoted:
        every = all(entry["itemId"] in tea for entry in entries)
        raise Wrong(
            "filterArn restricts the whole list: all ten are tea. Pass the filter in promotions=[...]."
            if every
            else "no item is marked as promoted: pass promotions=[{name, percentPromotedItems, filterArn}]."
        )
    if not set(promoted) <= tea:
        raise Wrong(f"{room.titles(promoted)[0]} is promoted, but is no tea: see the filter of the promotion.")
    if len(promoted) != 3:
        raise Wrong(f"three of ten places are to be promoted, these are {len(promoted)}: see percentPromotedItems.")
    return "three places are promoted; the other seven are as without the promotion."


@check
def two_campaigns(room: Classroom, answer: Any) -> str:
    """Exploration, task 1. answer: ARNs by weight."""
    if not isinstance(answer, Mapping) or set(answer) != {"0", "1"}:
        raise Wrong("a dict of two ARNs is asked for: {'0': ..., '1': ...}.")
    for weight, arn in answer.items():
        campaign = room.personalize.describe_campaign(campaignArn=arn)["campaign"]
        found = campaign.get("campaignConfig", {}).get("itemExplorationConfig", {})
        if float(found.get("explorationWeight", "0.3")) != float(weight):
            raise Wrong(
                f"the campaign for weight {weight} has {found.get('explorationWeight', '0.3, the default')}: set "
                "explorationWeight in campaignConfig.itemExplorationConfig."
            )
        if float(found.get("explorationItemAgeCutOff", "30")) != 60:
            raise Wrong(
                f"the campaign for weight {weight} explores items of the last "
                f"{found.get('explorationItemAgeCutOff', '30')} days: set explorationItemAgeCutOff to '60'."
            )
    return "one campaign exploits what is known, the other explores as much as it can."


def _lists(room: Classroom, weight: str) -> list[list[str]]:
    """Of the first ten users, from a campaign as in task 1."""
    config = {"explorationWeight": weight, "explorationItemAgeCutOff": "60"}
    campaign = room.personalize.create_campaign(
        name=f"check-{weight}", solutionVersionArn=room.version, campaignConfig={"itemExplorationConfig": config}
    )["campaignArn"]
    try:
        return [room.listed(user.user_id, LIST, campaign) for user in room.shop.users[:10]]
    finally:
        room.personalize.delete_campaign(campaignArn=campaign)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _share(value: Any, name: str) -> float:
    if not isinstance(value, int | float):
        raise Wrong(f"{name} is to be a number.")
    if not 0 <= value <= 1:
        raise Wrong(f"{name} is a share, so from 0 to 1, not {value}: divide by the {LIST} places of a list.")
    return float(value)


@check
def rarely_seen(room: Classroom, answer: Any) -> str:
    """Exploration, task 2. answer: share by weight."""
    if not isinstance(answer, Mapping) or set(answer) != {"0", "1"}:
        raise Wrong("a dict of two shares is asked for: {'0': ..., '1': ...}.")
    new = room.never_seen()
    for weight in ("0", "1"):
        expected = _mean([len(new & set(items)) / LIST for items in _lists(room, weight)])
        if abs(_share(answer[weight], f"the share for weight {weight}") - expected) > TOLERANCE:
            raise Wrong(
                f"the share for weight {weight} is another one: count the items of `new` in the lists of {LIST} items "
                "of all ten users, each list from the campaign of that weight."
            )
    return "with weight 0 items that nobody has seen are never shown, so nobody ever sees them."


@check
def kept(room: Classroom, answer: Any) -> str:
    """Exploration, task 3. answer: a share."""
    without, explored = _lists(room, "0"), _lists(room, "1")
    shares = [len(set(old) & set(new)) / LIST for old, new in zip(without, explored, strict=True)]
    value = _share(answer, "the answer")
    if abs(value - (1 - _mean(shares))) <= TOLERANCE < abs(1 - 2 * _mean(shares)):
        raise Wrong("this is the share of items that are lost; the share that stays is asked for.")
    if abs(value - _mean(shares)) > TOLERANCE:
        raise Wrong("the share is another one: compare both lists of the same user, then take the mean of the users.")
    return f"{value:.0%} of the places stay; the rest is what learning about new items costs."
