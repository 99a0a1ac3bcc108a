"""The bundled shop is deterministic and has the effects of its docstring (by number)."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from time import gmtime

import pytest

from personalize_emu.demo import Dataset, generate
from personalize_emu.demo.shop import CATEGORIES, DAY, FOLLOW_UPS, PERSONAS
from personalize_emu.demo.shoppers import END
from personalize_emu.schema_files import schema_text

CONSUMABLES = {category.name for category in CATEGORIES if category.again}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return generate()


@pytest.fixture(scope="module")
def category_of(shop: Dataset) -> dict[str, str]:
    return {item.item_id: item.category_l1 for item in shop.items}


def test_same_arguments_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        folder = tmp_path / name
        folder.mkdir()
        paths = generate(seed=seed, users=40, items=110).write_csv(folder)
        texts.append([path.read_bytes() for path in paths])
    assert texts[0] == texts[1]
    assert all(one != other for one, other in zip(texts[0], texts[2], strict=True))


def test_sizes_are_those_of_a_small_shop(shop: Dataset) -> None:
    assert len(shop.users) == 600
    assert len(shop.items) == 500
    assert 20_000 <= len(shop.interactions) <= 30_000
    assert len({event.user_id for event in shop.interactions}) == 600
    assert len({item.title for item in shop.items}) == 500


def test_rows_are_in_order_of_time_and_before_the_end(shop: Dataset) -> None:
    moments = [event.timestamp for event in shop.interactions]
    assert moments == sorted(moments)
    assert moments[0] > END - 366 * DAY
    assert moments[-1] < END


def test_csv_files_have_the_columns_of_the_demo_schemas(tmp_path: Path) -> None:
    for path in generate(users=5, items=100).write_csv(tmp_path):
        fields = json.loads(schema_text(f"demo/{path.stem}"))["fields"]
        with path.open(newline="") as file:
            assert next(csv.reader(file)) == [field["name"] for field in fields]


def test_too_small_a_shop_is_refused() -> None:
    with pytest.raises(ValueError, match="100 items"):
        generate(items=20)


def test_effect_1_views_are_mostly_in_persona_categories(shop: Dataset, category_of: dict[str, str]) -> None:
    own: Counter[bool] = Counter(
        category_of[event.item_id] in PERSONAS[shop.personas[event.user_id]]
        for event in shop.interactions
        if event.event_type == "View"
    )
    assert 0.65 < own[True] / own.total() < 0.85


def test_effect_2_only_consumables_are_bought_again(shop: Dataset, category_of: dict[str, str]) -> None:
    purchases: Counter[tuple[str, str]] = Counter(
        (event.user_id, event.item_id) for event in shop.interactions if event.event_type == "Purchase"
    )
    again = Counter(category_of[item] for (_, item), count in purchases.items() if count > 1)
    assert set(again) <= CONSUMABLES
    coffee = [count for (_, item), count in purchases.items() if category_of[item] == "Coffee"]
    assert sum(coffee) / len(coffee) > 1.5


def test_effect_2_the_time_between_two_purchases_is_the_categorys(shop: Dataset, category_of: dict[str, str]) -> None:
    gaps: dict[str, list[int]] = defaultdict(list)
    last: dict[tuple[str, str], int] = {}
    for event in shop.interactions:
        if event.event_type == "Purchase":
            key = (event.user_id, event.item_id)
            if key in last:
                gaps[category_of[event.item_id]].append(event.timestamp - last[key])
            last[key] = event.timestamp
    shortest = {name: sorted(values)[len(values) // 20] / DAY for name, values in gaps.items()}
    assert shortest["Coffee"] < shortest["Ink"]
    assert shortest["Coffee"] > 9


@pytest.mark.parametrize("first", sorted(FOLLOW_UPS))
def test_effect_3_follow_ups_come_after_their_first(shop: Dataset, category_of: dict[str, str], first: str) -> None:
    second = FOLLOW_UPS[first]
    bought: dict[str, list[str]] = defaultdict(list)
    for event in shop.interactions:
        if event.event_type == "Purchase":
            bought[event.user_id].append(category_of[event.item_id])
    next_is_second = after_first = second_overall = overall = 0
    for names in bought.values():
        for name, following in pairwise(names):
            after_first += name == first
            next_is_second += name == first and following == second
            second_overall += following == second
            overall += 1
    assert next_is_second / after_first > 4 * second_overall / overall


def test_effect_4_purchases_of_an_article_follow_views_of_it(shop: Dataset) -> None:
    viewed: set[tuple[str, str]] = set()
    for event in shop.interactions:
        key = (event.user_id, event.item_id)
        if event.event_type == "View":
            viewed.add(key)
        else:
            assert key in viewed


def test_effect_5_shoppers_keep_to_their_price_level(shop: Dataset) -> None:
    level_of = {item.item_id: number // len(CATEGORIES) % 3 for number, item in enumerate(shop.items)}
    levels: dict[str, Counter[int]] = defaultdict(Counter)
    for event in shop.interactions:
        levels[event.user_id][level_of[event.item_id]] += 1
    shares = [counts.most_common(1)[0][1] / counts.total() for counts in levels.values()]
    assert sum(shares) / len(shares) > 0.7


def test_effect_6_shoppers_prefer_a_brand(shop: Dataset, category_of: dict[str, str]) -> None:
    brand_of = {item.item_id: item.brand for item in shop.items}
    choices: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event in shop.interactions:
        choices[event.user_id, category_of[event.item_id]][brand_of[event.item_id]] += 1
    shares = sorted(c.most_common(1)[0][1] / c.total() for c in choices.values() if c.total() >= 20)
    assert shares[len(shares) // 2] > 0.6


def test_effect_7_first_items_of_a_category_sell_most(shop: Dataset) -> None:
    counts = Counter(event.item_id for event in shop.interactions)
    amounts = sorted(counts.values(), reverse=True)
    assert sum(amounts[:50]) > 0.3 * sum(amounts)


def test_effect_8_weekends_and_seasons(shop: Dataset, category_of: dict[str, str]) -> None:
    days: Counter[bool] = Counter(gmtime(event.timestamp).tm_wday >= 5 for event in shop.interactions)
    assert days[True] / 2 > 1.3 * days[False] / 5
    months = Counter(
        gmtime(event.timestamp).tm_mon for event in shop.interactions if category_of[event.item_id] == "Tents"
    )
    assert months[6] + months[7] + months[8] > 2 * (months[12] + months[1] + months[2])


def test_effect_9_trending_items_rise_in_the_last_four_weeks(shop: Dataset) -> None:
    recent, before = Counter[bool](), Counter[bool]()
    for event in shop.interactions:
        counts = recent if event.timestamp > END - 28 * DAY else before
        counts[event.item_id in shop.trending] += 1
    assert recent[True] / recent[False] > 4 * before[True] / before[False]


def test_effect_10_new_items_arrive_and_have_no_earlier_events(shop: Dataset) -> None:
    arrival = {item.item_id: item.creation_timestamp for item in shop.items}
    assert all(event.timestamp >= arrival[event.item_id] for event in shop.interactions)
    new = [item_id for item_id, moment in arrival.items() if moment > END - 84 * DAY]
    assert len(new) == 50
    seen = {event.item_id for event in shop.interactions}
    assert 5 <= len(set(new) - seen) < 25


def test_effect_11_phones_reorder_and_desktops_choose(shop: Dataset, category_of: dict[str, str]) -> None:
    consumed: dict[str, Counter[bool]] = defaultdict(Counter)
    for event in shop.interactions:
        consumed[event.device][category_of[event.item_id] in CONSUMABLES] += 1
    phone, desktop = consumed["phone"], consumed["desktop"]
    assert phone[True] / phone.total() > 1.4 * desktop[True] / desktop.total()


def test_effect_12_metadata_leans_towards_the_persona(shop: Dataset) -> None:
    ages: dict[str, Counter[str]] = defaultdict(Counter)
    for user in shop.users:
        ages[shop.personas[user.user_id]][user.age_group] += 1
    assert ages["gadget"].most_common(1)[0][0] == "18-29"
    assert ages["parent"].most_common(1)[0][0] == "30-49"
    assert ages["pets"].most_common(1)[0][0] == "50+"
