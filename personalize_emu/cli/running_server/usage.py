"""`personalize-emu usage`: what the run of a server would have cost on AWS."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalize_emu.cli.options import DONE, CommandFailed, Commands, add_endpoint, call_server, endpoint_of

EXAMPLES = """\
examples:
  personalize-emu usage                      of the server at AWS_ENDPOINT_URL, or of the one on this machine
  personalize-emu usage --json               for programs
  personalize-emu usage --prices mine.json   with the prices of your contract or region

A price file has the form of service/prices.json in the package, which names the date and the source of its prices.
"""
WIDTHS = (10, 32)
"""Columns of cost and quantity."""
NO_PRICE = "no price"


def add_usage(commands: Commands) -> None:
    parser = commands.add_parser(
        "usage",
        help="print what the run of a server would have cost on AWS",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_endpoint(parser)
    parser.add_argument("--prices", type=Path, metavar="FILE", help="other prices, as JSON")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=_usage)


def _usage(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    if chosen.prices is None:
        report = call_server(endpoint, "GET", "usage")
    else:
        report = call_server(endpoint, "POST", "usage", _price_file(chosen.prices))
    if chosen.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(_table(report)))
    return DONE


def _price_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandFailed(f"{path} is not JSON: {error}") from error


def _table(report: dict[str, Any]) -> Iterator[str]:
    cost_width, quantity_width = WIDTHS
    for line in report["lines"]:
        cost = NO_PRICE if line["cost"] is None else f"{line['cost']:.4f}"
        quantity = f"{line['quantity']:,.3f} {line['unit']}"
        yield f"{cost:>{cost_width}}  {quantity:<{quantity_width}} {line['dimension']:<25} {line['resource']}"
    yield f"{report['total']:>{cost_width}.4f}  {report['currency']} in total, prices of {report['priceDate']}"
    if report["withoutPrice"]:
        yield f"not in the total, for want of a price: {', '.join(report['withoutPrice'])}"
