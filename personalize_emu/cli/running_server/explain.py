"""`personalize-emu explain`: why an item is recommended to a user."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of

EXAMPLES = """\
examples:
  personalize-emu explain CAMPAIGN_ARN --user 42 --item 318
  personalize-emu explain CAMPAIGN_ARN --user 42 --item 318 --json

The parts of the score add up to the utility, by which items are ranked. The effect of an item of the history is what
the utility loses when all events of that item are left out; effects do not add up.
"""


def add_explain(commands: Commands) -> None:
    parser = commands.add_parser(
        "explain",
        help="say why an item is recommended to a user",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_endpoint(parser)
    parser.add_argument("arn", metavar="CAMPAIGN_ARN", help="of a campaign, or of a recommender")
    parser.add_argument("--user", required=True, help="user id")
    parser.add_argument("--item", required=True, help="item id")
    parser.add_argument("--json", action="store_true", help="print the explanation as JSON")
    parser.set_defaults(run=_explain)


def _explain(chosen: argparse.Namespace) -> int:
    query = {"campaignArn": chosen.arn, "userId": chosen.user, "itemId": chosen.item}
    found = call_server(endpoint_of(chosen), "POST", "explanations", query)
    print(json.dumps(found, indent=2) if chosen.json else "\n".join(_lines(found)))
    return DONE


def _lines(found: dict[str, Any]) -> Iterator[str]:
    share = "" if found["share"] is None else f", score {found['share']:.7f}"
    yield f"item {found['itemId']} for user {found['userId']}: rank {found['rank']}{share}"
    yield ""
    for part in sorted(found["parts"], key=lambda part: -abs(part["value"])):
        yield f"{part['value']:+10.4f}  {part['source']}"
    yield f"{found['utility']:+10.4f}  utility, the sum of these"
    if found["history"]:
        yield ""
        yield "effect of each item of the history, newest first:"
        for each in found["history"]:
            yield f"{each['effect']:+10.4f}  {each['itemId']}"
