"""unittest: each test of a decorated class has an emulator of its own, beside moto's services in either order."""

import unittest

import boto3
from moto import mock_aws
from recommendations import HomePage, runtime_client

from personalize_emu import mock_personalize


class HomePageTests:
    """The tests; the classes below differ in their decorators."""

    def setUp(self):
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="shop-pages")
        self.campaign = self.personalize_emu.campaign("home-page", ["tent", "lamp"])

    def page(self):
        return HomePage(runtime_client(), self.campaign, ["bestseller"])

    def test_a_page_with_recommendations_is_published(self):
        text = ", ".join(self.page().shelf("u1"))
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.put_object(Bucket="shop-pages", Key="u1.txt", Body=text)
        self.assertEqual(s3.get_object(Bucket="shop-pages", Key="u1.txt")["Body"].read(), b"tent, lamp")

    def test_each_test_starts_with_empty_services(self):
        s3 = boto3.client("s3", region_name="us-east-1")
        self.assertNotIn("Contents", s3.list_objects_v2(Bucket="shop-pages"))
        self.assertEqual(self.personalize_emu.calls("GetRecommendations"), [])


@mock_personalize
class AloneTest(HomePageTests, unittest.TestCase):
    pass


@mock_aws
@mock_personalize
class InsideMotoTest(HomePageTests, unittest.TestCase):
    pass


@mock_personalize
@mock_aws
class OutsideMotoTest(HomePageTests, unittest.TestCase):
    pass
