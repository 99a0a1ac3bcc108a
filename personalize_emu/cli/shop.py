"""`personalize-emu shop`: a web shop with recommendations, an experiment and its dashboard (shop/)."""

from __future__ import annotations

import argparse
import sys

from personalize_emu.cli.options import DONE, CommandFailed, Commands

FEWEST_USERS = 50
EXAMPLES = """\
A small shop in the browser that uses Personalize through boto3 as your application would:

  home       "For you" (aws-user-personalization), "Popular" (aws-popularity-count), a category (a filter)
  item       similar items (aws-similar-items)
  search     results in the order of the visitor's interest (aws-personalized-ranking)
  events     views and purchases with recommendationId, impression and eventAttributionSource
  dashboard  click-through rate, conversion and revenue of two groups of visitors, one of which sees popular items,
             with the uplift of personalisation and 95 % intervals

examples:
  personalize-emu shop                          look around and click
  personalize-emu shop --visitors 500           let simulated visitors shop first, then see the dashboard
  personalize-emu shop --visitors 500 --exit    print the result of the experiment and end
  personalize-emu shop --stream clicks          send events through a Kinesis stream
  personalize-emu shop --endpoint http://127.0.0.1:4577
                                                use a running server (personalize-emu serve), e.g. with its console

The shop listens on this machine only. Ctrl-C ends it.
"""


def add_shop(commands: Commands) -> None:
    parser = commands.add_parser(
        "shop",
        help="open a demo shop in the browser, with an A/B test and its dashboard",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=4578, help="of the shop; 0: a free one (default %(default)s)")
    parser.add_argument("--endpoint", default="", metavar="URL", help="a running server; default: one of its own")
    parser.add_argument("--visitors", type=int, default=0, metavar="N", help="simulate N visitors first")
    parser.add_argument("--exit", action="store_true", help="with --visitors: end after the simulation")
    parser.add_argument("--stream", default="", metavar="NAME", help="send events through this Kinesis stream")
    parser.add_argument("--seed", type=int, default=7, help="of data, training and visitors (default %(default)s)")
    parser.add_argument("--users", type=int, default=600, help="customers in the data (default %(default)s)")
    parser.set_defaults(run=_shop)


def _shop(chosen: argparse.Namespace) -> int:
    if chosen.users < FEWEST_USERS:
        raise ValueError(f"--users must be at least {FEWEST_USERS}")
    if chosen.visitors < 0 or (chosen.exit and not chosen.visitors):
        raise ValueError("--exit needs --visitors, which must be above 0")
    from botocore.exceptions import BotoCoreError, ClientError

    from personalize_emu.demo.account import DemoFailed
    from personalize_emu.edge.testing.server_process import ServerFailed
    from personalize_emu.shop.opening import AlreadyOpen
    from personalize_emu.shop.run import Options, run_shop

    options = Options(
        endpoint=chosen.endpoint.rstrip("/"),
        port=chosen.port,
        visitors=chosen.visitors,
        stays=not chosen.exit,
        stream=chosen.stream,
        seed=chosen.seed,
        users=chosen.users,
    )
    try:
        run_shop(options, sys.stdout)
    except AlreadyOpen as error:
        raise CommandFailed(f"{error}; delete everything with: personalize-emu reset") from error
    except BrokenPipeError:
        raise
    except (BotoCoreError, ClientError, DemoFailed, ServerFailed, OSError) as error:
        raise CommandFailed(f"the shop failed: {str(error).strip()}") from error
    return DONE
