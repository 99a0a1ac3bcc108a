"""`personalize-emu answer`, `answers` and `calls`: declared answers and recorded calls of a running server."""

from __future__ import annotations

import argparse
import json
from typing import Any
from urllib.parse import urlencode

from personalize_emu.cli.options import DONE, Commands, add_endpoint, call_server, endpoint_of

ANSWER_EXAMPLES = """\
examples:
  personalize-emu answer --campaign home-page a b c
                                             a campaign without data that answers a, b, c; prints its ARN
  personalize-emu answer ARN --user u1 b c a
                                             the answer to one user; ARN of a campaign or recommender
  personalize-emu answer ARN --item tent --times 1 lamp rope
  personalize-emu answer ARN --where '{"context": {"DEVICE": "phone"}}' a
"""


def add_answer(commands: Commands) -> None:
    parser = commands.add_parser(
        "answer",
        help="declare an answer of a running server",
        epilog=ANSWER_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="ARN ITEM", help="the ARN, unless the deployment is new, and items")
    new = parser.add_mutually_exclusive_group()
    new.add_argument("--campaign", metavar="NAME", help="declare a campaign without data")
    new.add_argument("--recommender", metavar="NAME", help="declare a recommender without data")
    parser.add_argument("--recipe", help="of a campaign or recommender without data")
    parser.add_argument("--user", help="only requests for this user")
    parser.add_argument("--item", help="only requests for this item")
    parser.add_argument("--where", metavar="JSON", help="only requests with these members, as a JSON object")
    parser.add_argument("--times", type=int, help="number of requests (default all)")
    parser.add_argument("--scores", metavar="S,S,...", help="one for each item")
    add_endpoint(parser)
    parser.set_defaults(run=_answer)
    _take_items_after_options(parser)


def _take_items_after_options(parser: Any) -> None:
    """Accept `answer ARN --user u1 a b c`, too: argparse stops at the first option after positional arguments."""
    parse = parser.parse_known_args

    def parse_with_items(arguments: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        chosen, others = parse(arguments, namespace)
        chosen.words = [*chosen.words, *(each for each in others if not each.startswith("-"))]
        return chosen, [each for each in others if each.startswith("-")]

    parser.parse_known_args = parse_with_items


def add_answers(commands: Commands) -> None:
    parser = commands.add_parser("answers", help="list or remove the declared answers of a running server")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--remove", type=int, metavar="ID", help="remove an answer")
    chosen.add_argument("--clear", action="store_true", help="remove all answers")
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="refuse requests for recommendations that no answer is declared for",
    )
    add_endpoint(parser)
    parser.set_defaults(run=_answers)


def add_calls(commands: Commands) -> None:
    parser = commands.add_parser("calls", help="print what a running server was asked, as JSON lines")
    parser.add_argument("operation", nargs="?", help="only this one, such as PutEvents")
    parser.add_argument("--clear", action="store_true", help="forget the calls after printing them")
    add_endpoint(parser)
    parser.set_defaults(run=_calls)


def _answer(chosen: argparse.Namespace) -> int:
    body = _document(chosen)
    answer = call_server(endpoint_of(chosen), "POST", "answers", body)
    new = "campaign" in body or "recommender" in body
    print(next(iter(answer.values())) if new else json.dumps(answer))
    return DONE


def _document(chosen: argparse.Namespace) -> dict[str, Any]:
    """Raises ValueError: options that do not go together, or with bad values."""
    new = {"campaign": chosen.campaign, "recommender": chosen.recommender}
    conditions = {"userId": chosen.user, "itemId": chosen.item, "times": chosen.times, "where": _where(chosen.where)}
    given: dict[str, Any] = {**new, "recipe": chosen.recipe, **conditions, "scores": _scores(chosen.scores)}
    items = chosen.words
    if chosen.campaign is None and chosen.recommender is None:
        if not items or not items[0].startswith("arn:"):
            raise ValueError("give the ARN of a campaign or recommender, or declare one with --campaign NAME")
        arn, *items = items
        given["recommenderArn" if ":recommender/" in arn else "campaignArn"] = arn
    return {name: value for name, value in given.items() if value is not None} | {"items": items}


def _where(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"--where must be a JSON object, not {text!r}: {error}") from error


def _scores(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise ValueError(f"--scores must be numbers separated by commas, not {text!r}") from None


def _answers(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    if chosen.remove is not None:
        call_server(endpoint, "DELETE", f"answers/{chosen.remove}")
    if chosen.clear:
        call_server(endpoint, "DELETE", "answers")
    if chosen.strict is not None:
        call_server(endpoint, "POST", "answers", {"strict": chosen.strict})
    print(json.dumps(call_server(endpoint, "GET", "answers"), indent=2))
    return DONE


def _calls(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    query = "" if chosen.operation is None else f"?{urlencode({'operation': chosen.operation})}"
    for call in call_server(endpoint, "GET", f"calls{query}")["calls"]:
        print(json.dumps(call))
    if chosen.clear:
        call_server(endpoint, "DELETE", "calls")
    return DONE
