"""Declared answers in decorated test classes, and beside moto."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from moto import mock_aws

from personalize_emu import Emulator, mock_personalize
from personalize_emu.state.clock import ManualClock
from tests.given import REGION


def asked(campaign: str) -> list[str]:
    runtime = boto3.client("personalize-runtime", region_name=REGION)
    answer = runtime.get_recommendations(campaignArn=campaign, userId="u1")
    return [item["itemId"] for item in answer["itemList"]]


@mock_personalize(seed=5)
class UnittestClass(unittest.TestCase):
    personalize_emu: Emulator

    def setUp(self) -> None:
        self.campaign = self.personalize_emu.campaign("home-page", ["a"])

    def test_first(self) -> None:
        assert asked(self.campaign) == ["a"]
        self.personalize_emu.recommend(self.campaign, items=["b"])
        assert asked(self.campaign) == ["b"]
        assert self.personalize_emu.settings.seed == 5

    def test_second(self) -> None:
        assert asked(self.campaign) == ["a"]
        assert len(self.personalize_emu.calls("GetRecommendations")) == 1


@mock_personalize
class UnittestAsyncClass(unittest.IsolatedAsyncioTestCase):
    personalize_emu: Emulator

    async def test_in_a_thread(self) -> None:
        campaign = self.personalize_emu.campaign("home-page", ["a"])
        assert await asyncio.to_thread(asked, campaign) == ["a"]


@pytest.mark.parametrize("case", [UnittestClass, UnittestAsyncClass])
def test_unittest_classes_run_without_pytest(case: type[unittest.TestCase]) -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.failures, result.errors) == ([], [])
    assert result.testsRun


@mock_personalize
class TestPlainClass:
    personalize_emu: Emulator

    def test_emulator_of_the_test(self) -> None:
        assert asked(self.personalize_emu.campaign("home-page", ["a"])) == ["a"]

    def test_emulator_is_back_after_another_decorated_method(self) -> None:
        own = self.personalize_emu
        self.test_emulator_of_the_test()
        assert self.personalize_emu is own
        assert own.answers() == []


@mock_personalize
class TestClassWithSetup:
    personalize_emu: Emulator

    def setup_method(self) -> None:
        self.campaign = self.personalize_emu.campaign("home-page", ["a"])

    def test_emulator_of_the_set_up(self) -> None:
        assert asked(self.campaign) == ["a"]


@pytest.mark.parametrize("order", [(mock_aws, mock_personalize), (mock_personalize, mock_aws)])
def test_answers_are_declared_beside_moto_in_both_orders(order: tuple[Callable[[], Any], ...]) -> None:
    with ExitStack() as stack:
        entered = [stack.enter_context(mock()) for mock in order]
        emulator = next(each for each in entered if isinstance(each, Emulator))
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="beside")
        assert asked(emulator.campaign("home-page", ["a", "b"])) == ["a", "b"]
        assert [call.operation for call in emulator.calls()] == ["GetRecommendations"]
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["beside"]


def test_fixture_beside_moto(personalize_emu: Emulator) -> None:
    with mock_aws():
        boto3.client("s3", region_name=REGION).create_bucket(Bucket="beside")
        assert asked(personalize_emu.campaign("home-page", ["a"])) == ["a"]


def test_the_clock_is_advanced_by_durations_in_process_as_over_http() -> None:
    with mock_personalize(clock=ManualClock(1000.0)) as emulator:
        emulator.advance("2h")
        emulator.advance(30)
        assert emulator.clock.now() == 1000 + 7230
        with pytest.raises(ValueError, match="a duration is"):
            emulator.advance("soon")
