"""The options of `personalize-emu kinesis`; a module without boto3, so that --help is fast."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
A record is one request of the events service, as a JSON object:

  {"sessionId": "s1", "userId": "u1",
   "eventList": [{"eventType": "View", "itemId": "i1", "sentAt": 1700000000}]}           PutEvents
  {"actionInteractions": [{"actionId": "a1", "sessionId": "s1", "eventType": "Taken"}]}  PutActionInteractions
  {"datasetArn": "arn:aws:personalize:...", "items": [{"itemId": "i1"}]}                 PutItems
  ... "users": [...] and "actions": [...] likewise                                       PutUsers, PutActions

trackingId defaults to --tracking-id or --action-tracking-id; sentAt and timestamp default to the arrival time of the
record; eventId is derived from the sequence number, so that a record that is read twice is stored once. properties may
be an object or its JSON text.

Positions are kept in the checkpoint file, and the next start continues from there. A record that is invalid or refused
by the service is reported on stderr, counted and skipped (with --strict the command ends). Throttled calls, server
errors and lost connections are retried. Ctrl-C ends the command after the current record and prints the totals.

examples:
  personalize-emu kinesis --stream clicks --tracking-id ID --from trim_horizon
  personalize-emu kinesis --stream clicks --tracking-id ID --once       read the existing records, then end
  personalize-emu kinesis --stream clicks --tracking-id ID --stream-endpoint aws
                                                                        a stream in AWS into the emulator
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--stream", required=True, metavar="NAME", help="the Kinesis stream to read")
    parser.add_argument("--tracking-id", default="", metavar="ID", help="tracking id of events without one")
    parser.add_argument(
        "--action-tracking-id", default="", metavar="ID", help="tracking id of action interactions without one"
    )
    parser.add_argument(
        "--from",
        dest="beginning",
        choices=("latest", "trim_horizon"),
        default="latest",
        help="where to start without a checkpoint: at new records (default) or at the oldest record",
    )
    parser.add_argument("--once", action="store_true", help="end when all existing records have been read")
    parser.add_argument("--strict", action="store_true", help="end with exit code 1 at the first invalid record")
    parser.add_argument(
        "--checkpoints", type=Path, metavar="FILE", help="default: personalize-emu-NAME.checkpoints.json here"
    )
    parser.add_argument("--endpoint", metavar="URL", help="of Personalize; default: AWS_ENDPOINT_URL, else the server")
    parser.add_argument(
        "--stream-endpoint", metavar="URL", help="of Kinesis; default: the same place; aws for AWS itself"
    )
    parser.add_argument("--region", help="default: AWS_REGION, else that of the settings")
