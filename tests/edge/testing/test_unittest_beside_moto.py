"""Classes decorated with mock_personalize and mock_aws, in either order: no test sees what another has left."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto import mock_aws

from personalize_emu import Emulator, mock_personalize
from tests.given import REGION

Decorator = Callable[[Any], Any]


def s3() -> Any:
    return boto3.client("s3", region_name=REGION)


class PageTests:
    """Two tests, of which the second to run fails if it sees what the first has left."""

    personalize_emu: Emulator

    def setUp(self) -> None:
        assert s3().list_buckets()["Buckets"] == []
        s3().create_bucket(Bucket="pages")

    def test_one(self) -> None:
        self.check_and_leave()

    def test_two(self) -> None:
        self.check_and_leave()

    def check_and_leave(self) -> None:
        assert "Contents" not in s3().list_objects_v2(Bucket="pages")
        s3().put_object(Bucket="pages", Key="page", Body="text")
        assert self.personalize_emu.answers() == []
        self.personalize_emu.campaign("home-page", ["a"])


def own_methods() -> type[unittest.TestCase]:
    names = ("setUp", "test_one", "test_two", "check_and_leave")
    return type("OwnMethods", (unittest.TestCase,), {name: vars(PageTests)[name] for name in names})


def inherited_methods() -> type[unittest.TestCase]:
    return type("InheritedMethods", (PageTests, unittest.TestCase), {})


def without_set_up() -> type[unittest.TestCase]:
    def check_and_leave(self: Any) -> None:
        PageTests.setUp(self)
        PageTests.check_and_leave(self)

    members = dict.fromkeys(("test_one", "test_two"), check_and_leave)
    return type("WithoutSetUp", (unittest.TestCase,), members)


ORDERS: tuple[tuple[Decorator, ...], ...] = (
    (mock_personalize,),
    (mock_personalize, mock_aws),
    (mock_aws, mock_personalize),
    (mock_aws, mock_personalize, mock_aws),
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(each.__name__ for each in order))
@pytest.mark.parametrize("make", [own_methods, inherited_methods, without_set_up], ids=lambda make: make.__name__)
def test_each_test_of_a_unittest_class_starts_empty(
    make: Callable[[], type[unittest.TestCase]], order: tuple[Decorator, ...]
) -> None:
    """order: the innermost decorator first."""
    case: Any = make()
    for decorate in order:
        case = decorate(case)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])


def test_what_a_block_of_moto_has_is_seen_by_the_class_in_it() -> None:
    class Page(unittest.TestCase):
        def test_bucket_of_the_block(self) -> None:
            assert [bucket["Name"] for bucket in s3().list_buckets()["Buckets"]] == ["pages"]

    with mock_aws():
        s3().create_bucket(Bucket="pages")
        result = mock_personalize(Page)("test_bucket_of_the_block").run()
    assert result is not None
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


@mock_aws
@mock_personalize
class TestInsideMoto:
    def test_one(self) -> None:
        PageTests.setUp(self)  # type: ignore[arg-type]

    def test_two(self) -> None:
        PageTests.setUp(self)  # type: ignore[arg-type]


@mock_aws
@mock_personalize
class TestInsideMotoWithSetUp:
    def setup_method(self) -> None:
        PageTests.setUp(self)  # type: ignore[arg-type]

    def test_one(self) -> None:
        PageTests.check_and_leave(self)  # type: ignore[arg-type]

    def test_two(self) -> None:
        PageTests.check_and_leave(self)  # type: ignore[arg-type]
