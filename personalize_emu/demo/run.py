"""Runs the demo: from CSV files in a bucket to recommendations that change with events, through boto3."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import BotoCoreError, ClientError

from personalize_emu.demo.account import BUCKET, KINDS, Account, DemoFailed
from personalize_emu.demo.console import Console
from personalize_emu.demo.dataset import Dataset
from personalize_emu.demo.shop import CATEGORIES, PERSONAS
from personalize_emu.demo.shoppers import END, generate
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import DOCUMENTATION_URL, Settings

STEPS = 12
RECIPES = {
    "for-you": "aws-user-personalization",
    "goes-with": "aws-sims",
    "ranked": "aws-personalized-ranking",
}
_SHOWN = 6


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code: 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="personalize-emu demo",
        description=__doc__,
        epilog=f"documentation: {DOCUMENTATION_URL}/quickstart.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated shop")
    parser.add_argument("--users", type=int, default=600, help="number of users (at least 50)")
    options = parser.parse_args(argv)
    if options.users < 50:
        parser.error("--users must be at least 50")
    console = Console(sys.stdout, STEPS)
    try:
        _run_steps(console, options.seed, options.users)
    except BrokenPipeError:
        # The reader of the output has gone, e.g. `head`; this is not a failure.
        raise
    except (BotoCoreError, ClientError, DemoFailed, OSError) as error:
        sys.stderr.write(f'\nThe demo failed at "{console.title}": {error}\n')
        return 1
    return 0


def _run_steps(console: Console, seed: int, users: int) -> None:
    began = time.monotonic()
    console.step("Start the emulator, with S3 and IAM on the same port")
    with emulator_with_services(Settings(pace="fast", check_roles=True)) as emulator, LiveServer(emulator) as server:

        def share(arn: str) -> float:
            running = {job["arn"]: job["percent"] / 100 for job in emulator.health()["running"]}
            return float(running.get(arn, 0.0))

        console.say("Unmodified AWS clients use it with")
        console.say(f"AWS_ENDPOINT_URL={server.url}")
        demo_run = _DemoRun(console, Account(server.url, console, share), generate(seed, users))
        demo_run.import_data()
        trained = demo_run.train()
        demo_run.deploy()
        demo_run.recommend()
        demo_run.relate()
        demo_run.rank()
        demo_run.stream()
        demo_run.clean_up()
        seconds = time.monotonic() - began
        console.line()
        calls = demo_run.account.calls
        console.line(f"Done: {calls} AWS requests, {seconds:.1f} s in all, {trained:.1f} s of them training.")


class _DemoRun:
    """The steps of the demo; each depends on the previous ones."""

    def __init__(self, console: Console, account: Account, shop: Dataset) -> None:
        self._console = console
        self.account = account
        self._shop = shop
        self._items = {item.item_id: item for item in shop.items}
        self._group = ""
        self._datasets: list[str] = []
        self._trained: dict[str, tuple[str, str]] = {}
        self._campaigns: dict[str, str] = {}
        self._tracker = ""

    def import_data(self) -> None:
        say, shop = self._console.say, self._shop
        self._console.step("Upload generated shop data to a bucket and create a role")
        with TemporaryDirectory() as folder:
            files = {path.stem: path for path in shop.write_csv(Path(folder))}
            role = self.account.upload(files)
        say(f"{len(shop.interactions)} events of {len(shop.users)} users with {len(shop.items)} items")
        say(f"s3://{BUCKET}/shop/, read as {role}")
        self._console.step("Create a dataset group, schemas and datasets")
        self._group = self.account.dataset_group("demo-shop")
        self._datasets = [self.account.dataset(self._group, name) for name in KINDS]
        self._console.step("Import the files")
        for name, dataset in zip(KINDS, self._datasets, strict=True):
            self.account.import_file(dataset, name, role)

    def train(self) -> float:
        """Train and print the metrics. Returns the training time in seconds."""
        self._console.step("Train three recipes")
        began = time.monotonic()
        self._trained = self.account.train(self._group, RECIPES)
        seconds = time.monotonic() - began
        self._console.step("Read the metrics, measured on test users")
        metrics = {name: self.account.metrics(version) for name, (_, version) in self._trained.items()}
        rows = [[key, *(f"{values[key]:.4f}" for values in metrics.values())] for key in next(iter(metrics.values()))]
        self._console.table(["metric", *metrics], rows)
        return seconds

    def deploy(self) -> None:
        self._console.step("Deploy a campaign for each")
        for name, (_, version) in self._trained.items():
            self._campaigns[name] = self.account.deploy(name, version)

    def recommend(self) -> None:
        self._console.step("Get recommendations, next to the last purchases of each user")
        for number, persona in enumerate(("cook", "gadget", "pets")):
            if number:
                self._console.line()
            user = self._regular(persona)
            recommended = self.account.recommend(self._campaigns["for-you"], _SHOWN, userId=user)
            bought = self._last_bought(user)
            self._console.say(f'{user}, persona "{persona}"')
            self._console.table(
                ["bought last", "recommended"],
                [[self._title(one), self._title(two)] for one, two in _side_by_side(bought, recommended)],
            )

    def relate(self) -> None:
        self._console.step("Get related items")
        for number, category in enumerate(("Printers", "Tents")):
            if number:
                self._console.line()
            item = self._best_seller(category)
            related = self.account.recommend(self._campaigns["goes-with"], _SHOWN, itemId=item)
            self._console.table([self._title(item)], [[self._title(other)] for other in related])

    def rank(self) -> None:
        self._console.step("Rank the same ten items for two users")
        items = [self._best_seller(category.name) for category in CATEGORIES[:20:2]]
        cook, gadget = self._regular("cook"), self._regular("gadget")
        ranked = [self.account.rank(self._campaigns["ranked"], user, items) for user in (cook, gadget)]
        self._console.table(
            [f"for {cook} (cook)", f"for {gadget} (gadget)"],
            [[self._title(one), self._title(two)] for one, two in zip(*ranked, strict=True)],
        )

    def stream(self) -> None:
        """Raises DemoFailed if the events do not change the recommendations."""
        self._console.step("Stream events: a user of another persona views tents")
        user, campaign = self._regular("pets"), self._campaigns["for-you"]
        self._tracker, tracking_id = self.account.tracker(self._group)
        before = self.account.recommend(campaign, 25, userId=user)
        tents = [item.item_id for item in self._shop.items if item.category_l1 == "Tents"][:4]
        for number, item in enumerate(tents):
            self.account.view(tracking_id, user, item, END + 60 * number)
        after = self.account.recommend(campaign, 25, userId=user)
        self._console.table(
            [f"{user} before", "after four views"],
            [[self._title(one), self._title(two)] for one, two in _side_by_side(before[:_SHOWN], after[:_SHOWN])],
        )
        was, now = self._outdoor(before), self._outdoor(after)
        self._console.say(f"outdoor items among the first 25: {was} before, {now} after")
        if now <= was:
            raise DemoFailed("the events did not change the recommendations")

    def clean_up(self) -> None:
        self._console.step("Delete all resources")
        for campaign in self._campaigns.values():
            self.account.delete("campaign", campaign)
        for solution, _ in self._trained.values():
            self.account.delete("solution", solution)
        self.account.delete("eventTracker", self._tracker)
        for dataset in self._datasets:
            self.account.delete("dataset", dataset)
        self.account.delete("datasetGroup", self._group)
        self.account.delete_schemas_and_files()
        self._console.say("the account is empty again")

    def _regular(self, persona: str) -> str:
        """The user of that persona with the most purchases."""
        purchases = Counter(
            event.user_id
            for event in self._shop.interactions
            if event.event_type == "Purchase" and self._shop.personas[event.user_id] == persona
        )
        return purchases.most_common(1)[0][0]

    def _best_seller(self, category: str) -> str:
        sold = Counter(
            event.item_id for event in self._shop.interactions if self._items[event.item_id].category_l1 == category
        )
        return sold.most_common(1)[0][0]

    def _last_bought(self, user: str) -> list[str]:
        bought = [
            event.item_id
            for event in reversed(self._shop.interactions)
            if event.user_id == user and event.event_type == "Purchase"
        ]
        return list(dict.fromkeys(bought))[:_SHOWN]

    def _outdoor(self, items: Sequence[str]) -> int:
        return sum(self._items[item].category_l1 in PERSONAS["outdoor"] for item in items)

    def _title(self, item: str) -> str:
        return self._items[item].title if item else ""


def _side_by_side(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    length = max(len(left), len(right))
    return list(zip(left + [""] * (length - len(left)), right + [""] * (length - len(right)), strict=True))
