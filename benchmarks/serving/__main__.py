"""Throughput, latency and processor time over HTTP: clients send requests without pause over persistent connections.

Users "asked before" have remembered answers; every user of a row "first" is asked once, so nothing is remembered.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory

from benchmarks.processes import bare_environment, moto_process
from benchmarks.report import show
from benchmarks.serving.floor import constant_served, granian_served, has_granian
from benchmarks.serving.load import HEADER, Load, Request, measure
from benchmarks.serving.shop import Shop, busy_work, list_schemas, prepared_shop
from personalize_emu.edge.testing.server_process import ServerProcess

ASKED, RANKED_FOR = 500, 60
"""Users of the rows "asked before": their answers fit into the memory for remembered ones."""
EACH = 10
"""One event before so many requests."""


def loads(shop: Shop, url: str, pid: int) -> list[Load]:
    """url: of a server that answers HTTPS as well."""
    asked, ranked, visitors = shop.users[:ASKED], shop.users[:RANKED_FOR], shop.visitors

    def mixed(number: int) -> Request:
        step = number // (EACH + 1)
        place = number % (EACH + 1)
        user = asked[(step * EACH + max(place - 1, 0)) % len(asked)]
        return shop.event(step, user) if place == 0 else shop.recommend(user)

    def again(number: int) -> Request:
        return shop.recommend(asked[number % len(asked)])

    def rank_again(number: int) -> Request:
        return shop.rank(ranked[number % len(ranked)])

    return [
        Load("GetRecommendations, first", url, lambda n: shop.recommend(visitors[n]), len(visitors), pid),
        Load("GetRecommendations, asked before", url, again, None, pid, ASKED),
        Load("the same, an event before every tenth", url, mixed, 200_000, pid),
        Load("GetRecommendations, asked before, HTTPS", url.replace("http:", "https:", 1), again, None, pid, ASKED),
        Load("GetPersonalizedRanking, first", url, lambda n: shop.rank(visitors[n]), len(visitors), pid),
        Load("GetPersonalizedRanking, asked before", url, rank_again, None, pid, RANKED_FOR),
        Load("PutEvents", url, lambda n: shop.event(10**6 + n, shop.users[n % len(shop.users)]), 100_000, pid),
        Load("ListSchemas", url, list_schemas, None, pid, 1),
    ]


def measured_shop(visitors: int, clients: int, seconds: float, chosen: str) -> Iterator[list[str]]:
    with shop_server() as (url, pid):
        shop = prepared_shop(url, visitors)
        for load in loads(shop, url, pid):
            if chosen in load.name:
                yield measure(load, clients, seconds).row()


@contextmanager
def shop_server() -> Iterator[tuple[str, int]]:
    """URL of plain HTTP, and process, of a server that answers both HTTP and HTTPS."""
    with (
        TemporaryDirectory() as folder,
        ServerProcess("--pace", "instant", "--tls", "--tls-dir", folder, environ=bare_environment()) as server,
    ):
        yield server.url.replace("https:", "http:", 1), server.process.pid


def measured_others(clients: int, seconds: float) -> Iterator[list[str]]:
    with moto_process() as (url, pid):
        yield measure(Load("ListSchemas of moto_server", url, list_schemas, None, pid), clients, seconds).row()
    with constant_served() as (url, pid):
        yield measure(Load("a constant, asyncio and httptools", url, list_schemas, None, pid), clients, seconds).row()
    if has_granian():
        with granian_served() as (url, _):
            yield measure(Load("a constant, granian", url, list_schemas), clients, seconds).row()


def measured_beside_work(visitors: int, clients: int, seconds: float) -> Iterator[list[str]]:
    """GetRecommendations of users asked before, idle and while the server has other work."""
    with shop_server() as (url, pid):
        shop = prepared_shop(url, visitors)
        load = next(each for each in loads(shop, url, 0) if each.name.endswith("asked before"))
        idle = measure(replace(load, name="nothing else", pid=pid), clients, seconds)
        yield [*idle.row(), "1.0"]
        for name, work in busy_work(shop).items():
            with repeated(work):
                busy = measure(replace(load, name=name, pid=pid, begun=0), clients, seconds)
            yield [*busy.row(), f"{busy.p99 / idle.p99:.1f}"]


@contextmanager
def repeated(work: Callable[[], object]) -> Iterator[None]:
    """Do work again and again, in a thread, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row, at most 10")
    parser.add_argument("--visitors", type=int, default=10_000, help="users who are asked once")
    parser.add_argument("--only", default="", help="part of the names of rows: measure those, and nothing else")
    options = parser.parse_args()
    seconds = min(options.seconds, 10.0)
    rows = list(measured_shop(options.visitors, options.clients, seconds, options.only))
    if not options.only:
        rows += measured_others(options.clients, seconds)
    title = f"Serving, {options.clients} clients, {seconds:g} s each; clients and server share the cores"
    show(title, HEADER, rows)
    if not options.only:
        beside = list(measured_beside_work(options.visitors, options.clients, seconds))
        show("GetRecommendations of users asked before, while there is", [*HEADER, "99 % to idle"], beside)
    return 0


if __name__ == "__main__":
    sys.exit(main())
