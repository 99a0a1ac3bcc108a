"""The pages of solutions, and of usage and cost."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from personalize_emu.edge.application import create_app
from personalize_emu.edge.console.solutions_page import solutions_page
from personalize_emu.emulator import Emulator
from tests.domain_groups import recommender
from tests.domain_groups import shop as ecommerce_group
from tests.edge.console.shop_state import RECIPES, ShopState
from tests.given import SIMS, Given

SOLUTIONS = "/_emu/console/solutions"


def test_metrics_are_those_of_get_solution_metrics_over_the_baseline(shop: ShopState) -> None:
    page = solutions_page(shop.emulator, shop.group)
    assert page is not None
    assert [version.name.split("/")[0] for version in page.versions] == list(reversed(RECIPES))
    ndcg = next(metric for metric in page.metrics if metric.name == "normalized_discounted_cumulative_gain_at_10")
    for bar in ndcg.bars:
        arn = f"arn:aws:personalize:us-east-1:123456789012:solution/{bar.name}"
        answer = shop.personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"]
        assert bar.value == answer[ndcg.name]
    popular = next(bar for bar in ndcg.bars if bar.is_baseline)
    best = max(ndcg.bars, key=lambda bar: bar.value)
    assert (popular.uplift, best.width) == (None, 100)
    assert best.uplift == 100 * (best.value / popular.value - 1)
    assert ndcg.baseline_width == popular.width


def test_the_page_says_what_each_version_was_trained_on(pages: FlaskClient, shop: ShopState) -> None:
    page = re.sub(r"\s+", " ", pages.get(SOLUTIONS, query_string={"group": shop.group}).text)
    assert page.count('<td class="number">4,206</td><td class="number">80</td><td class="number">500</td>') == 4
    assert "The line is the baseline" in page


def test_without_popularity_there_is_no_baseline(emulator: Emulator, given: Given) -> None:
    version = given.version(given.solution(recipe=SIMS))
    page = solutions_page(emulator, version.partition(":solution/")[0] + ":dataset-group/group")
    assert page is not None
    assert not page.has_baseline
    assert {bar.uplift for metric in page.metrics for bar in metric.bars} == {None}


def test_untrained_and_failed_versions_are_shown(emulator: Emulator, given: Given) -> None:
    group = given.imported_group()
    emulator.fail_job("solution-version", "No space left")
    given.version(given.solution(group))
    page = create_app(emulator).test_client().get(SOLUTIONS, query_string={"group": group}).text
    assert "No space left" in page
    assert "not trained" in page


def test_recommenders_are_shown_like_versions(emulator: Emulator, given: Given) -> None:
    group = ecommerce_group(given)
    recommender(given, group, "ecomm-recommended-for-you")
    page = solutions_page(emulator, group)
    assert page is not None
    (version,) = page.versions
    assert (version.kind, version.recipe) == ("recommender", "aws-ecomm-recommended-for-you")
    assert version.trained is not None
    assert version.trained.hours is None


@pytest.mark.parametrize("path", ["solutions?group=", "dataset?arn="])
@pytest.mark.parametrize(
    "arn", ["", "nothing", "arn:aws:personalize:us-east-1:123456789012:dataset/x/ITEMS", "%00", "é"]
)
def test_unknown_arns_give_a_page_that_leads_back(pages: FlaskClient, path: str, arn: str) -> None:
    answer = pages.get(f"/_emu/console/{path}{arn}")
    assert answer.status_code == 404
    assert "To the overview" in answer.text


def test_usage_is_that_of_the_emulator(pages: FlaskClient, shop: ShopState) -> None:
    page = pages.get("/_emu/console/usage").text
    for line in shop.emulator.usage()["lines"]:
        assert line["resource"] in page
        assert line["dimension"] in page


def test_without_usage_the_page_says_so(emulator: Emulator) -> None:
    assert "Nothing has been used yet" in create_app(emulator).test_client().get("/_emu/console/usage").text
