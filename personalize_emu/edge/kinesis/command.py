"""`personalize-emu kinesis`: reads a Kinesis stream and sends its records to the Personalize events service."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from personalize_emu.edge.endpoints import server_url
from personalize_emu.edge.kinesis.checkpoints import Checkpoints
from personalize_emu.edge.kinesis.consumer import Refused, StreamConsumer
from personalize_emu.edge.kinesis.records import Trackers
from personalize_emu.settings import Settings

AWS = "aws"
"""Value of --stream-endpoint for the endpoints of AWS."""

def consume(chosen: argparse.Namespace, settings: Settings, environ: Mapping[str, str] | None = None) -> int:
    """Read the stream until the end and return the exit code.

    Raises:
        WrongCheckpoints: the checkpoint file belongs to another stream.
    """
    consumer = _consumer(chosen, settings, os.environ if environ is None else environ)
    before = {each: signal.signal(each, lambda *_: consumer.stop.set()) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        print(consumer.run(once=chosen.once).line(), flush=True)  # noqa: T201
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    return 0


def _consumer(chosen: argparse.Namespace, settings: Settings, environ: Mapping[str, str]) -> StreamConsumer:
    region = chosen.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or settings.region
    endpoint = chosen.endpoint or environ.get("AWS_ENDPOINT_URL") or server_url(settings.host, settings.port)
    session = boto3.session.Session(region_name=region)
    kinesis = _client(session, "kinesis", chosen.stream_endpoint or environ.get("AWS_ENDPOINT_URL_KINESIS") or endpoint)
    try:
        stream = kinesis.describe_stream_summary(StreamName=chosen.stream)["StreamDescriptionSummary"]
    except (BotoCoreError, ClientError) as error:
        raise Refused(str(error)) from error
    made = stream["StreamCreationTimestamp"].timestamp()
    path = chosen.checkpoints or Path(f"personalize-emu-{chosen.stream}.checkpoints.json")
    return StreamConsumer(
        kinesis=kinesis,
        events=_client(session, "personalize-events", endpoint),
        stream=chosen.stream,
        checkpoints=Checkpoints.load(path, f"{stream['StreamARN']} made at {made:.0f}"),
        trackers=Trackers(chosen.tracking_id, chosen.action_tracking_id),
        report=sys.stderr,
        started=time.time(),
        latest=chosen.beginning == "latest",
        strict=chosen.strict,
    )


def _client(session: Any, service: str, endpoint: str) -> Any:
    """A client with dummy credentials if the environment has none; AWS needs those of the environment."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    if endpoint == AWS:
        real: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
        return session.client(service, config=config.merge(Config(**real)))
    keys = {"aws_access_key_id": "personalize-emu", "aws_secret_access_key": "personalize-emu"}
    known = session.get_credentials() is not None
    return session.client(service, endpoint_url=endpoint, config=config, **({} if known else keys))
