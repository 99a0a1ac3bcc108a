"""Opens the shop: data, trainings, simulated shoppers, and a web server on this machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TextIO

from tqdm import tqdm
from werkzeug.serving import BaseWSGIServer, make_server

from personalize_emu.demo import Dataset, generate
from personalize_emu.demo.account import Account
from personalize_emu.demo.console import Console
from personalize_emu.edge.endpoints import admin_call
from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.shop.event_sinks import EventSink, KinesisSink, PutEventsSink
from personalize_emu.shop.metrics import DAY, read_attribution, wait_for_metrics
from personalize_emu.shop.opening import open_shop
from personalize_emu.shop.recommendations import Recommendations
from personalize_emu.shop.report import report, summary_lines
from personalize_emu.shop.shop_log import ShopLog
from personalize_emu.shop.shoppers import calendar, run_session, shoppers
from personalize_emu.shop.storefront import Catalog, Storefront
from personalize_emu.shop.web import Shown, create_shop, known_visitors

HOST = "127.0.0.1"
SIMULATED_DAYS = 7
"""The data end a week ago; simulated shoppers come in the week since then."""
METRICS_SECONDS = 30.0


@dataclass(frozen=True)
class Options:
    """endpoint: of a running server; empty for one of the shop's own. port: of the shop. visitors: to simulate.

    stream: of Kinesis, through which events go; empty for PutEvents. users: customers in the data.
    """

    endpoint: str = ""
    port: int = 0
    visitors: int = 0
    stays: bool = True
    stream: str = ""
    seed: int = 7
    users: int = 600


def run_shop(options: Options, out: TextIO) -> None:
    """Open the shop, and serve it until Ctrl-C if it `stays`.

    Raises:
        AlreadyOpen, DemoFailed: as `open_shop`. ServerFailed: the emulator did not start. OSError: the port is taken.
        ClientError, BotoCoreError: a request failed.
    """
    console = Console(out, 3 + bool(options.visitors) + options.stays)
    console.step("Start the emulator" if not options.endpoint else "Use a running emulator")
    own = ServerProcess("--pace", "fast", "--seed", str(options.seed))
    with nullcontext() if options.endpoint else own:
        endpoint = options.endpoint or own.url
        console.say(f"AWS_ENDPOINT_URL={endpoint}")
        with opened(options, console, endpoint) as shop:
            if options.visitors:
                shop.simulate(options.visitors)
            if options.stays:
                shop.serve(options.port)


@contextmanager
def opened(options: Options, console: Console, endpoint: str) -> Iterator[OpenShop]:
    """The shop with everything trained; its stream is closed at the end."""

    def share(arn: str) -> float:
        running = {job["arn"]: job["percent"] / 100 for job in admin_call(endpoint, "GET", "health")["running"]}
        return float(running.get(arn, 0.0))

    account = Account(endpoint, console, share)
    console.step("Make the data of the shop")
    today = time.time() // DAY * DAY
    data = generate(options.seed, options.users, end=int(today - SIMULATED_DAYS * DAY))
    console.say(f"{len(data.interactions):,} events of {len(data.users)} customers with {len(data.items)} products")
    console.step("Import, train and deploy")
    resources = open_shop(account, data)
    sink: EventSink = PutEventsSink(account.events, resources.tracking_id)
    if options.stream:
        clients = {"kinesis": account.client("kinesis"), "personalize-events": account.events}
        sink = KinesisSink(clients, resources.tracking_id, options.stream)
        console.say(f"events go through the Kinesis stream {options.stream}")
    with closing(sink):
        key = f"shop-{options.seed}"
        store = Storefront(Catalog.of(data.items), Recommendations(account.runtime, resources), sink, ShopLog(key))
        visitors = known_visitors(data.personas, key)
        shown = Shown(visitors, key, options.seed, account.client("cloudwatch"), f"{endpoint}/_emu/console/")
        yield OpenShop(console, store, shown, data, today)


@dataclass(frozen=True)
class OpenShop:
    """today: midnight, epoch seconds."""

    console: Console
    store: Storefront
    shown: Shown
    data: Dataset
    today: float

    def simulate(self, visitors: int) -> None:
        """Let simulated shoppers through the shop, and print what came of it."""
        self.console.step(f"Let {visitors} simulated visitors shop")
        sessions = calendar(
            shoppers(self.data, visitors, self.shown.seed), self.today - SIMULATED_DAYS * DAY, self.today
        )
        began = time.monotonic()
        with tqdm(
            total=len(sessions),
            desc="        sessions",
            file=self.console.out,
            disable=not self.console.bars,
            leave=False,
            bar_format="{desc:<24.24} {bar:30} {n_fmt}/{total_fmt}",
        ) as bar:
            for moment, shopper in sessions:
                run_session(self.store, shopper, moment)
                bar.update()
        self.console.say(f"{len(sessions)} sessions in {time.monotonic() - began:.1f} s")
        now = self.shown.clock()
        if not wait_for_metrics(self.shown.cloudwatch, self.store.log, now, METRICS_SECONDS):
            self.console.say("CloudWatch does not have all events yet")
        found = report(self.store.log, read_attribution(self.shown.cloudwatch, now), self.shown.seed)
        for line in summary_lines(found):
            self.console.say(line)

    def serve(self, port: int) -> None:
        self.console.step("Open the shop")
        server = self.server(port)
        try:
            url = f"http://{HOST}:{server.server_port}"
            self.console.say(f"shop       {url}/")
            self.console.say(f"dashboard  {url}/dashboard")
            self.console.say("Ctrl-C ends it.")
            server.serve_forever()
        finally:
            server.server_close()

    def server(self, port: int) -> BaseWSGIServer:
        """A server of the shop that listens on `port`, 0 for a free one."""
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        return make_server(HOST, port, create_shop(self.store, self.shown), threaded=True)
