"""Calls of one connection: recommendations, rankings, events, records, descriptions, lists and objects."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.given import BUCKET

EVENTS, ITEMS, USERS, OBJECTS = 2000, 500, 60, 200
"""How many there are of each, however long it takes: what is kept must not grow with the number of calls."""
WAIT = 60.0
"""Seconds until a call counts as unanswered."""


@dataclass(frozen=True)
class Served:
    """ARNs and the tracking id of resources that last."""

    items: str
    tracker: str
    personal: str
    ranking: str


@dataclass
class Answers:
    """count: answers by name of the call. faults: what should not have been answered, the first ones in full."""

    count: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, fault: str | None = None) -> None:
        with self.lock:
            self.count[name] += 1
            if fault is not None:
                self.faults.append(f"{name}: {fault[:300]}")


@dataclass(frozen=True)
class Call:
    name: str
    method: str
    path: str
    body: bytes
    service: str = "personalize"
    target: str = ""


class Connection:
    """One persistent connection. number: of the connection, which seeds its choices."""

    def __init__(self, url: str, served: Served, number: int, answers: Answers) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=WAIT)
        self._served, self._random, self._answers = served, random.Random(number), answers

    def use(self, over: threading.Event) -> None:
        """Send calls without pause until it is over."""
        with closing(self._connection):
            while not over.is_set():
                call = self._next()
                try:
                    self._answers.add(call.name, self._fault(call))
                except (OSError, http.client.HTTPException) as error:
                    self._answers.add(call.name, repr(error))
                    self._connection.close()

    def _fault(self, call: Call) -> str | None:
        scope = f"AKIDSOAK/20260101/us-east-1/{call.service}/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
            "X-Amz-Date": "20260101T000000Z",
            "Content-Type": "application/x-amz-json-1.1" if call.target else "application/json",
        }
        if call.target:
            headers["X-Amz-Target"] = f"AmazonPersonalize.{call.target}"
        self._connection.request(call.method, call.path, call.body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return None if answer.status < 300 else f"{answer.status} {text!r}"

    def _next(self) -> Call:
        made = self._random.choices(
            (
                self._recommend,
                self._rank,
                self._event,
                self._item,
                self._describe,
                self._list,
                self._store,
                self._fetch,
            ),
            (30, 10, 28, 2, 10, 5, 8, 7),
        )[0]
        return made()

    def _user(self) -> str:
        return f"u{self._random.randrange(USERS)}"

    def _recommend(self) -> Call:
        body = {"campaignArn": self._served.personal, "userId": self._user(), "numResults": 10}
        return Call("GetRecommendations", "POST", "/recommendations", json.dumps(body).encode())

    def _rank(self) -> Call:
        items = [f"i{self._random.randrange(30):03d}" for _ in range(10)]
        body = {"campaignArn": self._served.ranking, "userId": self._user(), "inputList": list(dict.fromkeys(items))}
        return Call("GetPersonalizedRanking", "POST", "/personalize-ranking", json.dumps(body).encode())

    def _event(self) -> Call:
        """One of a fixed number of events: the same id is the same event, which is stored once (EV-40)."""
        number = self._random.randrange(EVENTS)
        body = {
            **{"trackingId": self._served.tracker, "userId": f"u{number % USERS}", "sessionId": f"s{number % USERS}"},
            "eventList": [
                {"eventId": f"e{number}", "eventType": "x", "itemId": f"i{number % 30:03d}", "sentAt": number + 1}
            ],
        }
        return Call("PutEvents", "POST", "/events", json.dumps(body).encode())

    def _item(self) -> Call:
        number = self._random.randrange(ITEMS)
        item = {"itemId": f"new{number}", "properties": json.dumps({"genre": "new"})}
        body = {"datasetArn": self._served.items, "items": [item]}
        return Call("PutItems", "POST", "/items", json.dumps(body).encode())

    def _describe(self) -> Call:
        body = json.dumps({"campaignArn": self._served.personal}).encode()
        return Call("DescribeCampaign", "POST", "/", body, target="DescribeCampaign")

    def _list(self) -> Call:
        return Call("ListCampaigns", "POST", "/", b"{}", target="ListCampaigns")

    def _store(self) -> Call:
        number = self._random.randrange(OBJECTS)
        return Call("PutObject", "PUT", f"/{BUCKET}/soak-{number}", b"x" * 50 * number, "s3")

    def _fetch(self) -> Call:
        return Call("ListObjectsV2", "GET", f"/{BUCKET}?list-type=2&prefix=soak-&max-keys=5", b"", "s3")
