"""Sends odd requests to the one port, in process, and keeps what must not happen.

python -m tests.fuzz.campaign --requests 100000
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.moto_api._internal import mock_random

from personalize_emu.edge.http.messages import HttpRequest, response_head
from personalize_emu.edge.http.wsgi import call_wsgi
from personalize_emu.edge.moto_adapter import reset_services
from personalize_emu.edge.one_port import OnePort, emulator_with_services, one_port
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings
from personalize_emu.wire.render import Response
from tests.fuzz.odd_requests import Odd, odd_requests
from tests.given import BUCKET, INTERACTIONS_SCHEMA, ITEMS_SCHEMA, POPULARITY, REGION, ROLE, Given, as_csv, two_camps

PERSONALIZE = ("personalize", "personalize-runtime", "personalize-events")
EMBEDDED = ("s3", "s3", "iam", "sts", "kms", "cloudwatch", "kinesis", "sns", "sqs", "events", "logs")
SERVICES = PERSONALIZE * 2 + EMBEDDED
NOT_IMPLEMENTED = 501
RENEWED_EVERY = 2500
"""Number of requests after which the state is created again, because some requests delete resources."""


@dataclass
class Findings:
    """answers: number of responses by service and status. failures: requests with the fault of their response."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[tuple[Odd, str]] = field(default_factory=list)


class _Complaints(logging.Handler):
    """Collects log records with errors or tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.texts.append(logging.Formatter().format(record))


@contextmanager
def _listening() -> Iterator[list[str]]:
    handler = _Complaints()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.texts
    finally:
        logging.getLogger().removeHandler(handler)


def run(requests: int, seed: int = 0, services: Sequence[str] = SERVICES) -> Findings:
    """Send requests and check each response."""
    findings, random = Findings(), Random(seed)
    mock_random.seed(seed)
    while requests > 0:
        count = min(requests, RENEWED_EVERY)
        requests -= count
        with emulator_with_services(Settings(pace="instant", seed=seed)) as emulator:
            port = one_port(emulator)
            with LiveServer(emulator) as server:
                known = populated(server.url)
            drawn = odd_requests(random, services, known)
            with _listening() as complaints:
                for number in range(count):
                    _send(port, number, next(drawn), complaints, findings)
        reset_services()
    return findings


def _send(port: OnePort, number: int, request: Odd, complaints: list[str], findings: Findings) -> None:
    complaints.clear()
    began = time.process_time()
    arrived = request.arrived()
    # Half of the requests are passed as by our server, half as by any WSGI server.
    response = _answered(port, arrived) if number % 2 else call_wsgi(port, arrived)
    response_head(response, last=False, old_client=False)
    seconds = time.process_time() - began
    findings.answers[request.service, response.status] += 1
    if (response.status >= 500 and response.status != NOT_IMPLEMENTED) or b"Traceback" in response.body:
        findings.failures.append((request, f"{response.status} {response.body[:300]!r}\n" + "\n".join(complaints)))
    elif complaints:
        findings.failures.append((request, "\n".join(complaints)))
    elif seconds > SLOW_SECONDS:
        findings.failures.append((request, f"took {seconds:.1f} seconds of processor time"))


def _answered(port: OnePort, request: HttpRequest) -> Response:
    head, path = request.head, unquote(request.head.path)
    return port.answer(port.destination(head.method, path, head.query, head.headers), path, request)


SLOW_SECONDS = 10
"""Processor time limit of a response; a tenth should be enough, so this finds endless loops."""


def populated(url: str) -> Mapping[str, Sequence[Any]]:
    """Create some of each resource; returns their values by member name in lower case."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    key = {"aws_access_key_id": "personalize-emu", "aws_secret_access_key": "personalize-emu"}
    session = boto3.session.Session(region_name=REGION, **key)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=url, config=config)

    return {**_personalize(client("personalize"), client("s3")), **_embedded(client)}


def _personalize(personalize: Any, s3: Any) -> dict[str, Sequence[Any]]:
    given = Given(personalize, s3)
    group = given.group("films")
    dataset = given.dataset(group)
    items = given.dataset(group, given.schema(ITEMS_SCHEMA, "items"), "Items", "items")
    location = given.upload(as_csv(two_camps()))
    job = given.import_job(dataset, location)
    tracker = personalize.create_event_tracker(name="films", datasetGroupArn=group)
    solution = given.solution(group, POPULARITY, "films")
    version = given.version(solution)
    campaign = given.campaign(version, "films")
    schema = personalize.list_schemas()["schemas"][0]["schemaArn"]
    expression = "INCLUDE ItemID WHERE Items.GENRE IN ($GENRES)"
    chosen = personalize.create_filter(name="films", datasetGroupArn=group, filterExpression=expression)
    arns = [group, dataset, job, solution, version, campaign, schema, chosen["filterArn"], tracker["eventTrackerArn"]]
    return {
        "datasetgrouparn": [group],
        "datasetarn": [dataset, items],
        "datasetimportjobarn": [job],
        "eventtrackerarn": [tracker["eventTrackerArn"]],
        "trackingid": [tracker["trackingId"]],
        "solutionarn": [solution],
        "solutionversionarn": [version],
        "campaignarn": [campaign],
        "schemaarn": [schema],
        "filterarn": [chosen["filterArn"]],
        "recipearn": [POPULARITY, "arn:aws:personalize:::recipe/aws-user-personalization-v2"],
        "resourcearn": arns,
        "rolearn": [ROLE],
        "datalocation": [location],
        "path": [location, f"s3://{BUCKET}/out/"],
        "userid": ["u1", "u01", "nobody"],
        "itemid": ["i001", "none"],
        "waittimeseconds": [0],
        "schema": [INTERACTIONS_SCHEMA, ITEMS_SCHEMA, "{}"],
        "datasettype": ["Interactions", "Items", "Users", "Actions", "Action_Interactions"],
        "filterexpression": [expression, "EXCLUDE ItemID WHERE Items.GENRE NOT IN CurrentItem.GENRE", "EXCLUDE zz"],
        "properties": ['{"genre": "hat"}', '{"eventValue": NaN}', '"{}"', "[]"],
        "eventtype": ["click"],
        "sentat": [1_700_000_000, 1_700_000_000_000, -1],
        "filtervalues": [{"GENRES": '"hat"'}, {"GENRES": "zz"}],
        "jobname": ["fresh", "films"],
        "importmode": ["FULL", "INCREMENTAL"],
        "performhpo": [False],
        "inputlist": [["i001", "i002", "none"], []],
        "numresults": [1, 5, 500],
    }


def _embedded(client: Any) -> dict[str, Sequence[Any]]:
    s3, iam, kms, kinesis = client("s3"), client("iam"), client("kms"), client("kinesis")
    sns, sqs, events, logs = client("sns"), client("sqs"), client("events"), client("logs")
    s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"some content")
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="versioned", Key="a/b", Body=b"more")["VersionId"]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="a/b")["UploadId"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "a.amazonaws.com"}}],
        }
    )
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="readers")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)
    iam.create_instance_profile(InstanceProfileName="reader")
    policy = iam.create_policy(PolicyName="all", PolicyDocument=document)["Policy"]["Arn"]
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/films", TargetKeyId=key["KeyId"])
    secret = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    kinesis.create_stream(StreamName="clicks", ShardCount=2)
    stream = kinesis.describe_stream(StreamName="clicks")["StreamDescription"]
    shard = stream["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="clicks", ShardId=shard, ShardIteratorType="LATEST")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Clicks", "Value": 1.0}])
    events.put_rule(Name="rule", EventPattern='{"source": ["shop"]}')
    with suppress(ClientError):
        logs.create_log_group(logGroupName="group")
    return {
        "bucket": [BUCKET, BUCKET, "versioned", "none"],
        "key": ["a/b", "a/b", "none", "ü"],
        "uploadid": [upload, "none"],
        "versionid": [version, "none"],
        "username": ["ann", "none"],
        "groupname": ["readers", "none"],
        "rolename": ["reader", "none"],
        "instanceprofilename": ["reader"],
        "policyarn": [policy, "arn:aws:iam::aws:policy/none"],
        "policyname": ["all", "inline"],
        "policydocument": [document, "zz"],
        "policy": [document, "zz"],
        "assumerolepolicydocument": [trust, "zz"],
        "keyid": [key["KeyId"], key["Arn"], "alias/films", "none"],
        "targetkeyid": [key["KeyId"]],
        "aliasname": ["alias/films", "alias/none"],
        "ciphertextblob": [secret],
        "streamname": ["clicks", "none"],
        "streamarn": [stream["StreamARN"]],
        "shardid": [shard, "shardId-none"],
        "sharditerator": [iterator["ShardIterator"]],
        "namespace": ["Shop"],
        "metricname": ["Clicks"],
        "topicarn": [topic],
        "queueurl": [queue],
        "queuename": ["queue"],
        "name": ["films", "rule", "fresh"],
        "rule": ["rule"],
        "loggroupname": ["group", "none"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if there were failures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--service", action="append", help="only this one; may be given more than once")
    chosen = parser.parse_args(arguments)
    began = time.process_time()
    findings = run(chosen.requests, chosen.seed, chosen.service or SERVICES)
    for request, report in findings.failures:
        sys.stdout.write(f"{request}\n{report}\n\n")
    for (service, status), count in sorted(findings.answers.items()):
        sys.stdout.write(f"{service:20} {status} {count}\n")
    seconds = time.process_time() - began
    failures = len(findings.failures)
    sys.stdout.write(f"{chosen.requests} requests, {failures} failures, {seconds:.0f} s of processor time\n")
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
