"""What a run would have cost on AWS: quantities by resource, and prices of a dated file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from personalize_emu import mock_personalize
from personalize_emu.cli import main
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.usage_ledger import WINDOW, Batch, Deployed, Training, Usage, UsageLedger
from personalize_emu.service.usage import Quantity, WrongPrices, bundled_prices, checked_prices, cost_report, quantities
from personalize_emu.state.clock import ManualClock
from tests.domain_groups import recommender, shop
from tests.given import REGION, SIMS, USER_PERSONALIZATION, Given, as_csv, two_camps

CAMPAIGN = "arn:aws:personalize:us-east-1:123456789012:campaign/c"
HOUR = 3600
START = WINDOW * 5_000_000
PRICES = {
    "date": "2026-01-01",
    "currency": "EUR",
    "source": "ours",
    "prices": {"ingestion": {"price": 2.0, "unit": "byte", "per": 1}},
}

WRONG = ([], {"a": 1}, {"a": {"price": "1", "per": 1}}, {"a": {"price": 1, "per": 0}})


def used(**more: Any) -> Usage:
    nothing: dict[str, Any] = {"ingested": {}, "requests": {}, "deployments": (), "trainings": (), "batches": ()}
    return Usage(**nothing | more)


def amounts(usage: Usage, now: float = START + HOUR) -> dict[str, float]:
    return {quantity.dimension: quantity.amount for quantity in quantities(usage, now)}


def given_emulator(emulator: Emulator) -> Given:
    return Given(boto3.client("personalize", region_name=REGION), boto3.client("s3", region_name=REGION))


def test_a_campaign_is_billed_for_what_it_provisions() -> None:
    assert amounts(used(deployments=(Deployed(CAMPAIGN, SIMS, 2, START),))) == {"requests": 2 * HOUR}


def test_requests_above_the_provisioned_rate_are_billed_by_window() -> None:
    """In one window of 300 s 500 requests exceed 1 a second; in the next 100 do not."""
    window = START // WINDOW
    usage = used(
        deployments=(Deployed(CAMPAIGN, f"{USER_PERSONALIZATION}-v2", 1, START),),
        requests={(CAMPAIGN, window): 500, (CAMPAIGN, window + 1): 100},
    )
    assert amounts(usage) == {"requests-v2": HOUR + 200}


def test_each_request_counts_for_one_deployment_of_its_campaign() -> None:
    """The rate changes within a window."""
    changed = START + WINDOW / 2
    usage = used(
        deployments=(Deployed(CAMPAIGN, SIMS, 1, START, changed), Deployed(CAMPAIGN, SIMS, 2, changed)),
        requests={(CAMPAIGN, START // WINDOW): 400},
    )
    assert sum(each.amount for each in quantities(usage, START + WINDOW)) == 150 + 250 + 2 * 150


def test_trainings_are_billed_by_hours_and_those_of_v2_by_interactions() -> None:
    usage = used(
        trainings=(Training("a", SIMS, 500, 2.5), Training("b", f"{USER_PERSONALIZATION}-v2", 700, 1.0)),
        batches=(Batch("job", SIMS, 10), Batch("other", f"{USER_PERSONALIZATION}-v2", 20)),
    )
    assert amounts(usage) == {
        "training-hours": 2.5,
        "training-interactions-v2": 700,
        "batch": 10,
        "batch-v2": 20,
    }


def test_a_deployment_with_equal_terms_is_continued() -> None:
    ledger = UsageLedger()
    ledger.deploy(CAMPAIGN, SIMS, 1, START)
    ledger.deploy(CAMPAIGN, SIMS, 1, START + 10)
    ledger.deploy(CAMPAIGN, SIMS, 3, START + 20)
    ledger.release(CAMPAIGN, START + 30)
    ledger.release(CAMPAIGN, START + 40)
    assert ledger.usage().deployments == (
        Deployed(CAMPAIGN, SIMS, 1, START, START + 20),
        Deployed(CAMPAIGN, SIMS, 3, START + 20, START + 30),
    )


def test_dimensions_without_price_are_named_and_not_in_the_total() -> None:
    report = cost_report([Quantity("a", "ingestion", 3), Quantity("b", "segments", 1)], PRICES)
    assert report["total"] == 6.0
    assert report["withoutPrice"] == ["segments"]
    assert [line["cost"] for line in report["lines"]] == [6.0, None]


def test_the_bundled_prices_are_dated_and_name_their_source() -> None:
    prices = bundled_prices()
    assert prices["date"] == "2026-11-29"
    assert "aws.amazon.com/personalize/pricing" in prices["source"]
    assert prices["prices"]["training-hours"]["price"] == 0.24


@pytest.mark.parametrize(
    "prices",
    [[], {}, *({**PRICES, "prices": wrong} for wrong in WRONG)],
)
def test_price_files_of_another_form_are_refused(prices: Any) -> None:
    with pytest.raises(WrongPrices):
        checked_prices(prices)


def test_a_whole_run_is_metered() -> None:
    """Import, training, an hour of a campaign with 2 TPS, an event, and its deletion."""
    with mock_personalize(clock=ManualClock(float(START))) as emulator:
        given = given_emulator(emulator)
        group = given.group()
        dataset = given.dataset(group, given.schema())
        text = as_csv(two_camps())
        given.import_job(dataset, given.upload(text))
        version = given.version(given.solution(group, SIMS))
        campaign = given.personalize.create_campaign(name="c", solutionVersionArn=version, minProvisionedTPS=2)[
            "campaignArn"
        ]
        runtime = boto3.client("personalize-runtime", region_name=REGION)
        runtime.get_recommendations(campaignArn=campaign, itemId="i001")
        emulator.advance(HOUR)
        given.personalize.delete_campaign(campaignArn=campaign)
        emulator.advance(HOUR)
        lines = {line["dimension"]: line for line in emulator.usage()["lines"]}
        hours = given.personalize.describe_solution_version(solutionVersionArn=version)["solutionVersion"]

    assert lines["ingestion"]["quantity"] == len(text) / 1e9
    assert lines["training-hours"]["quantity"] == hours["trainingHours"]
    assert lines["training-hours"]["resource"] == version
    assert lines["requests"]["quantity"] == 2 * HOUR / 1000
    assert lines["requests"]["cost"] == round(2 * HOUR / 1000 * 0.0556, 6)


def test_recommenders_are_billed_by_the_hour_until_they_are_stopped() -> None:
    with mock_personalize(clock=ManualClock(float(START))) as emulator:
        given = given_emulator(emulator)
        arn = recommender(given, shop(given), "ecomm-recommended-for-you")
        emulator.advance(2 * HOUR)
        given.personalize.stop_recommender(recommenderArn=arn)
        emulator.advance(HOUR)
        lines = {line["dimension"]: line for line in emulator.usage()["lines"] if line["resource"] == arn}
    assert lines["recommender-hours"]["quantity"] == 2.0


def test_the_command_prints_a_table_and_takes_other_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, wrong = tmp_path / "prices.json", tmp_path / "wrong.json"
    other.write_text(json.dumps(PRICES))
    wrong.write_text("{}")
    with LiveServer() as server:
        server.emulator.state.usage.ingest("dataset", 3)
        assert main(["usage", "--endpoint", server.url, "--prices", str(other)]) == 0
        table = capsys.readouterr().out
        assert main(["usage", "--endpoint", server.url, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert main(["usage", "--endpoint", server.url, "--prices", str(wrong)]) == 1
        assert "a price file is a JSON object with date, currency, source and prices" in capsys.readouterr().err
    assert table.splitlines()[0].split() == ["6.0000", "3.000", "byte", "ingestion", "dataset"]
    assert table.splitlines()[1] == "    6.0000  EUR in total, prices of 2026-01-01"
    assert report["lines"][0]["dimension"] == "ingestion"


def test_a_reset_empties_the_ledger() -> None:
    emulator = Emulator()
    emulator.state.usage.ingest("dataset", 3)
    emulator.reset()
    assert emulator.usage()["lines"] == []
    emulator.close()
