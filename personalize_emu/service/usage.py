"""What a run would have cost on AWS: quantities by resource in the price dimensions of the service, and their prices.

A campaign is billed for the larger of provisioned and answered requests in each window of five minutes. Training hours
are those of DescribeSolutionVersion (R-SV-7). Volume discounts and the free tier are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from personalize_emu.service.state.usage_ledger import WINDOW, Deployed, Usage

HOUR = 3600.0
V2 = "-v2"
RECOMMENDER = ":recommender/"
SEGMENT_JOB = ":batch-segment-job/"


@dataclass(frozen=True)
class Quantity:
    """amount: bytes, hours, interactions, requests or lines, as the dimension of the price file counts."""

    resource: str
    dimension: str
    amount: float


class WrongPrices(ValueError):
    """A price file of another form; the message says what is wrong."""


@cache
def bundled_prices() -> Mapping[str, Any]:
    """The price file in the package."""
    return checked_prices(json.loads(files("personalize_emu.service").joinpath("prices.json").read_text("utf-8")))


def checked_prices(prices: Any) -> Mapping[str, Any]:
    """A price file with the form of the bundled one.

    Raises:
        WrongPrices: another form.
    """
    if not isinstance(prices, dict) or not {"date", "currency", "source", "prices"} <= prices.keys():
        raise WrongPrices("a price file is a JSON object with date, currency, source and prices")
    if not isinstance(prices["prices"], dict):
        raise WrongPrices("prices is an object with an entry for each dimension")
    for dimension, entry in prices["prices"].items():
        price, per = (entry.get("price"), entry.get("per")) if isinstance(entry, dict) else (None, None)
        if not isinstance(per, int | float) or per <= 0 or not (price is None or isinstance(price, int | float)):
            raise WrongPrices(f"{dimension} needs a price (a number or null) and a number `per` above 0")
    return prices


def quantities(usage: Usage, now: float) -> Iterator[Quantity]:
    """Everything used until now, by resource. now: epoch seconds."""
    for source, size in usage.ingested.items():
        yield Quantity(source, "ingestion", size)
    for training in usage.trainings:
        if training.recipe_arn.endswith(V2):
            yield Quantity(training.arn, "training-interactions-v2", training.interactions)
        else:
            yield Quantity(training.arn, "training-hours", training.hours)
    yield from _deployments(usage, now)
    for batch in usage.batches:
        version = V2 if batch.recipe_arn.endswith(V2) else ""
        yield Quantity(batch.arn, "segments" if SEGMENT_JOB in batch.arn else f"batch{version}", batch.lines)


def _deployments(usage: Usage, now: float) -> Iterator[Quantity]:
    windows: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for (arn, window), count in usage.requests.items():
        windows[arn][window] = count
    for deployed in usage.deployments:
        until = now if deployed.until is None else deployed.until
        seconds = max(0.0, until - deployed.since)
        if RECOMMENDER in deployed.arn:
            yield Quantity(deployed.arn, "recommender-hours", seconds / HOUR)
        else:
            version = V2 if deployed.recipe_arn.endswith(V2) else ""
            yield Quantity(deployed.arn, f"requests{version}", _billed(deployed, until, windows[deployed.arn]))
    for arn, counts in windows.items():
        if RECOMMENDER in arn:
            yield Quantity(arn, "recommender-requests", sum(counts.values()))


def _billed(deployed: Deployed, until: float, counts: dict[int, int]) -> float:
    """Requests of one deployment: what is provisioned, and in each window what was answered above that.

    counts: requests by window; those of this deployment are removed.
    """
    billed = deployed.rate * max(0.0, until - deployed.since)
    last = int(until) // WINDOW
    for window in [each for each in counts if int(deployed.since) // WINDOW <= each <= last]:
        covered = min(until, (window + 1) * WINDOW) - max(deployed.since, window * WINDOW)
        billed += max(0.0, counts.pop(window) - deployed.rate * max(0.0, covered))
    return billed


def cost_report(found: list[Quantity], prices: Mapping[str, Any]) -> dict[str, Any]:
    """The content of GET /_emu/usage: a line for each resource and dimension, and the sum of what has a price."""
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for quantity in found:
        sums[quantity.resource, quantity.dimension] += quantity.amount
    lines = [_line(resource, dimension, amount, prices) for (resource, dimension), amount in sorted(sums.items())]
    known = [line["cost"] for line in lines if line["cost"] is not None]
    return {
        "currency": prices["currency"],
        "priceDate": prices["date"],
        "priceSource": prices["source"],
        "lines": lines,
        "total": round(sum(known), 6),
        "withoutPrice": sorted({line["dimension"] for line in lines if line["cost"] is None}),
    }


def _line(resource: str, dimension: str, amount: float, prices: Mapping[str, Any]) -> dict[str, Any]:
    entry = prices["prices"].get(dimension, {})
    price, units = entry.get("price"), amount / entry.get("per", 1)
    return {
        "resource": resource,
        "dimension": dimension,
        "quantity": round(units, 9),
        "unit": entry.get("unit", ""),
        "price": price,
        "cost": None if price is None else round(units * price, 6),
    }
