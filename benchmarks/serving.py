"""Throughput and latency over HTTP: clients send requests without pause over persistent connections."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.group_to_answer import GroupToAnswer
from benchmarks.processes import moto_served, served
from benchmarks.report import show
from personalize_emu.demo import Dataset, generate
from personalize_emu.schema_files import schema_text

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=benchmark/20260101/us-east-1/personalize/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
    ),
    "X-Amz-Date": "20260101T000000Z",
}
LIST_SCHEMAS = {
    **HEADERS,
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AmazonPersonalize.ListSchemas",
}


@dataclass(frozen=True)
class Load:
    """The request of a client. body: of the n-th request, counted over all clients."""

    name: str
    url: str
    path: str
    headers: dict[str, str]
    body: Callable[[int], bytes]


def measure(load: Load, clients: int, seconds: float) -> list[str]:
    """A row of the table: requests per second, and median, 95 % and 99 % latency."""
    delays: list[list[float]] = [[] for _ in range(clients)]
    failures: list[str] = []
    stop = time.perf_counter() + seconds

    def ask(number: int) -> None:
        address = urlsplit(load.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        count = 0
        while (began := time.perf_counter()) < stop:
            connection.request("POST", load.path, load.body(number + clients * count), load.headers)
            answer = connection.getresponse()
            text = answer.read()
            delays[number].append(time.perf_counter() - began)
            count += 1
            if answer.status != 200:
                failures.append(f"{load.name}: {answer.status} {text[:200]!r}")
                break
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    merged = sorted(delay for own in delays for delay in own)
    points = [merged[int(len(merged) * share)] * 1000 for share in (0.5, 0.95, 0.99)]
    return [load.name, f"{len(merged) / seconds:,.0f}", *(f"{point:.1f}" for point in points)]


def loads(url: str, shop: Dataset) -> list[Load]:
    """Train on the bundled shop first."""
    path = GroupToAnswer(url)
    group = path.group()
    with TemporaryDirectory() as folder:
        for file in shop.write_csv(Path(folder)):
            path.load(group, file.stem.capitalize(), schema_text(f"demo/{file.stem}"), file)
    personal = path.deploy("personal", path.train(group, "aws-user-personalization"))
    ranking = path.deploy("ranking", path.train(group, "aws-personalized-ranking"))
    tracker = path.personalize.create_event_tracker(name="benchmark", datasetGroupArn=group)
    users = [user.user_id for user in shop.users]
    items = [item.item_id for item in shop.items]

    def recommend(number: int) -> bytes:
        return json.dumps({"campaignArn": personal, "userId": users[number % len(users)]}).encode()

    def rank(number: int) -> bytes:
        request = {"campaignArn": ranking, "userId": users[number % len(users)], "inputList": items[:50]}
        return json.dumps(request).encode()

    def event(number: int) -> bytes:
        event = {
            "eventType": "View",
            "itemId": items[number % len(items)],
            "sentAt": 1_700_000_000 + number,
            "properties": '{"device":"phone"}',
        }
        user = users[number % len(users)]
        request = {
            "trackingId": tracker["trackingId"],
            "userId": user,
            "sessionId": user,
            "eventList": [event],
        }
        return json.dumps(request).encode()

    return [
        Load("GetRecommendations, 25 of 500 items", url, "/recommendations", HEADERS, recommend),
        Load("GetPersonalizedRanking, 50 items", url, "/personalize-ranking", HEADERS, rank),
        Load("PutEvents, 1 event", url, "/events", HEADERS, event),
        Load("ListSchemas", url, "/", LIST_SCHEMAS, lambda _: b"{}"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row, at most 10")
    options = parser.parse_args()
    seconds = min(options.seconds, 10.0)
    with served("--pace", "instant") as url:
        rows = [measure(load, options.clients, seconds) for load in loads(url, generate())]
    with moto_served() as url:
        load = Load("ListSchemas of moto_server", url, "/", LIST_SCHEMAS, lambda _: b"{}")
        rows.append(measure(load, options.clients, seconds))
    title = f"Serving, {options.clients} clients, {seconds:g} s each; clients and server share the cores"
    show(title, ["request", "per second", "median ms", "95 % ms", "99 % ms"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
