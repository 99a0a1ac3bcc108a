"""The options of `personalize-emu kinesis`, apart from what they lead to: help should not wait for boto3."""

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

trackingId may be left out when --tracking-id or --action-tracking-id says it; sentAt and timestamp, then an event
happened when its record arrived; eventId, then it follows from the place in the stream, so that a record that is read
twice counts once. properties may be an object, or its text.

How far it is, is kept in the checkpoint file; the next start goes on from there. A record that makes no sense, or that
the service refuses, is reported on stderr with its place, counted and passed over (--strict: ends there). Throttling,
faults and lost connections are waited out. Ctrl-C ends it after the record at hand and prints what was done.

examples:
  personalize-emu kinesis --stream clicks --tracking-id ID --from trim_horizon
  personalize-emu kinesis --stream clicks --tracking-id ID --once       read what is there, then end: for scripts
  personalize-emu kinesis --stream clicks --tracking-id ID --stream-endpoint aws
                                                                        a stream in AWS into the emulator
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--stream", required=True, metavar="NAME", help="the Kinesis stream to read")
    parser.add_argument("--tracking-id", default="", metavar="ID", help="of events that bring none")
    parser.add_argument("--action-tracking-id", default="", metavar="ID", help="of action interactions that bring none")
    parser.add_argument(
        "--from",
        dest="beginning",
        choices=("latest", "trim_horizon"),
        default="latest",
        help="where to begin without a checkpoint: with what comes from now on (default), or with the oldest record",
    )
    parser.add_argument("--once", action="store_true", help="end when everything there is has been read")
    parser.add_argument("--strict", action="store_true", help="end with 1 at the first record that makes no sense")
    parser.add_argument(
        "--checkpoints", type=Path, metavar="FILE", help="default: personalize-emu-NAME.checkpoints.json here"
    )
    parser.add_argument("--endpoint", metavar="URL", help="of Personalize; default: AWS_ENDPOINT_URL, else the server")
    parser.add_argument(
        "--stream-endpoint", metavar="URL", help="of Kinesis; default: the same place; aws for AWS itself"
    )
    parser.add_argument("--region", help="default: AWS_REGION, else that of the settings")
