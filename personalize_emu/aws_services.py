"""Access to the other AWS services; the only module of the core that uses boto3.

StoreError
├── AccessDenied        no permission to read or write
├── NoSuchBucket
├── NoSuchKey
├── StoreUnavailable    no response, or an unexpected one
└── PointsAtOurselves   the configured endpoint is this server

MetricsRefused          CloudWatch is unavailable or refuses the data

RoleError               a role cannot be looked up
└── NoSuchRole
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from personalize_emu.kms_keys import KeyService, KeyUnavailable, NoKeys, RemoteKeys

log = logging.getLogger("personalize_emu.aws")
ClientFactory = Callable[[str, str], Any]  # Service name and region -> boto3 client.

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
"""Default time-out without a byte. Clients that wait for the emulator have a time-out of a minute."""
ATTEMPTS = 3
CONNECTIONS = 100
"""More than the number of requests and jobs that can wait for another service at once."""
_READ_BUFFER = 1 << 20
_AWS_MANAGED_KEY = "alias/aws/s3"
_DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)


class StoreError(Exception):
    """An error of an S3 bucket."""

    def __init__(self, bucket: str, detail: str = "") -> None:
        super().__init__(f"{bucket}: {detail}" if detail else bucket)
        self.bucket = bucket
        self.detail = detail


class AccessDenied(StoreError):
    """The store refuses access, or there are no credentials."""


class NoSuchBucket(StoreError):
    """The bucket does not exist."""


class NoSuchKey(StoreError):
    """The object does not exist."""


class StoreUnavailable(StoreError):
    """The store does not respond, or responds with an unexpected error."""


class PointsAtOurselves(StoreError):
    """Requests to the store would be sent to this server."""


class MetricsRefused(Exception):
    """CloudWatch is unavailable or refuses the data."""


class RoleError(Exception):
    """IAM does not respond, or responds with an unexpected error."""


class NoSuchRole(RoleError):
    """The role does not exist."""


PolicyDocument = object
"""The parsed JSON of a policy, or its text if it is not JSON; not validated."""
MetricDatum = Mapping[str, Any]
"""An entry of MetricData of PutMetricData."""
_MOST_DATA = 1000
"""Entries of one PutMetricData call."""


@dataclass(frozen=True)
class Role:
    """An IAM role with its trust policy and its inline and attached policies."""

    arn: str
    trust_policy: PolicyDocument
    policies: tuple[PolicyDocument, ...]


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a bucket. size: bytes."""

    key: str
    size: int


class Listing(Protocol):
    """Lists the objects in the buckets of one region. Every method raises StoreError."""

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose keys start with `prefix`, in the order of their keys, loaded page by page."""
        ...


class ObjectStore(Listing, Protocol):
    """Buckets and objects of one region. Every method raises StoreError."""

    def open(self, bucket: str, key: str) -> BinaryIO:
        """The content as a stream for sequential reading; close it or use it in a with statement."""
        ...

    def customer_key_of(self, bucket: str, key: str) -> str | None:
        """The customer-managed KMS key that encrypts an object, or None."""
        ...

    def put(self, bucket: str, key: str, body: BinaryIO | bytes, *, kms_key_arn: str | None = None) -> None:
        """Write an object, encrypted with a key if one is given.

        A stream is uploaded in parts and never held completely in memory.
        """
        ...


class AwsServices:
    """Clients of the other services, created once for each service and region and shared between threads.

    keys: of KMS; by default none exist.
    """

    def __init__(self, client_factory: ClientFactory, keys: KeyService | None = None) -> None:
        self._client_factory = client_factory
        self.keys: KeyService = keys or NoKeys()
        self._clients: dict[tuple[str, str], Any] = {}
        # Creating boto3 clients is not thread-safe, using them is.
        self._lock = Lock()

    def client(self, service: str, region: str) -> Any:
        """The boto3 client of a service, e.g. "cloudwatch"."""
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = self._clients[service, region] = self._client_factory(service, region)
                # Factories may return any object with the methods of a client.
                if hasattr(client, "meta"):
                    # The same handlers may serve clients of several emulators.
                    client.meta.events.register("after-call", _log_call, unique_id=log.name)
            return client

    def objects(self, region: str) -> ObjectStore:
        """The object store of a region."""
        return S3Objects(self.client("s3", region))

    def publish(self, region: str, namespace: str, data: Sequence[MetricDatum]) -> None:
        """Send metric data to CloudWatch. Raises MetricsRefused."""
        try:
            client = self.client("cloudwatch", region)
            for first in range(0, len(data), _MOST_DATA):
                client.put_metric_data(Namespace=namespace, MetricData=data[first : first + _MOST_DATA])
        except (BotoCoreError, ClientError, HTTPClientError, StoreError, OSError) as error:
            raise MetricsRefused(_text_of(error)) from error

    def bucket_policy(self, region: str, bucket: str) -> PolicyDocument | None:
        """The policy of a bucket, or None when it has none. Raises StoreError."""
        with _store_errors(bucket):
            try:
                text = self.client("s3", region).get_bucket_policy(Bucket=bucket)["Policy"]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "NoSuchBucketPolicy":
                    return None
                raise
        return _document(text)

    def bucket_region(self, region: str, bucket: str) -> str:
        """The region of a bucket. Raises StoreError."""
        with _store_errors(bucket):
            made_in = self.client("s3", region).get_bucket_location(Bucket=bucket).get("LocationConstraint")
        return str(made_in or "us-east-1")

    def key_policy(self, region: str, arn: str) -> PolicyDocument:
        """The policy of a KMS key. Raises KeyUnavailable."""
        try:
            text = self.client("kms", region).get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        except (BotoCoreError, ClientError, HTTPClientError, StoreError, OSError) as error:
            raise KeyUnavailable(_text_of(error)) from error
        return _document(text)

    def role(self, region: str, arn: str) -> Role:
        """A role with all its policies. Raises RoleError."""
        try:
            return _role(self.client("iam", region), arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchEntity":
                raise NoSuchRole(arn) from error
            raise RoleError(str(error)) from error
        # botocore decodes documents itself and fails for deeply nested ones.
        except (BotoCoreError, HTTPClientError, StoreError, OSError, RecursionError) as error:
            raise RoleError(_text_of(error)) from error


def _log_call(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    code = parsed.get("Error", {}).get("Code", "-")
    log.debug("%s.%s status=%s error=%s", model.service_model.service_id, model.name, http_response.status_code, code)


def remote_aws_services(
    endpoint: str = "", *, timeout: float = READ_SECONDS, ourselves: Collection[str] = ()
) -> AwsServices:
    """Services at `endpoint`, or, if it is empty, at the endpoints of the AWS environment and profile.

    timeout: seconds without a byte after which an attempt is aborted. ourselves: the "host:port" addresses of this
    server; creating a client for one of them raises PointsAtOurselves. Without an endpoint there are no KMS keys.
    """
    from boto3.session import Session  # Takes a while, and an emulator may never call another service.

    session = Session()

    def make(service: str, region: str) -> Any:
        client = _remote_client(session, service, region, endpoint, timeout)
        if _address(client.meta.endpoint_url) in ourselves:
            raise PointsAtOurselves(client.meta.endpoint_url)
        return client

    services = AwsServices(make)
    if endpoint:
        services.keys = RemoteKeys(lambda region: services.client("kms", region), StoreError)
    return services


def _remote_client(session: Any, service: str, region: str, endpoint: str, timeout: float) -> Any:
    config = Config(
        connect_timeout=min(CONNECT_SECONDS, timeout),
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
    )
    client = session.client(service, region_name=region, endpoint_url=endpoint or None, config=config)
    if service != "s3" or ".amazonaws." in client.meta.endpoint_url:
        return client
    # Other stores rarely support bucket names as hosts, and some refuse unrequested checksums.
    plain = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session.client(service, region_name=region, endpoint_url=endpoint or None, config=config.merge(plain))


def _role(iam: Any, arn: str) -> Role:
    """Role names are unique in an account regardless of their path, so the whole ARN is compared."""
    name = arn.rpartition("/")[2]
    found = iam.get_role(RoleName=name)["Role"]
    if found["Arn"] != arn:
        raise NoSuchRole(arn)
    return Role(arn, found["AssumeRolePolicyDocument"], tuple(_policies(iam, name)))


def _policies(iam: Any, role: str) -> Iterator[PolicyDocument]:
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
        for name in page["PolicyNames"]:
            yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            yield iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def _document(text: str) -> PolicyDocument:
    try:
        document: PolicyDocument = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    return text if document is None else document


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


class S3Objects:
    """An object store behind a boto3 S3 client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        with _store_errors(bucket):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    yield ObjectInfo(entry["Key"], entry["Size"])

    def open(self, bucket: str, key: str) -> BinaryIO:
        with _store_errors(bucket):
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
        return cast(BinaryIO, io.BufferedReader(_ObjectBody(bucket, body), _READ_BUFFER))

    def customer_key_of(self, bucket: str, key: str) -> str | None:
        with _store_errors(bucket):
            kms_key: str = self._client.head_object(Bucket=bucket, Key=key).get("SSEKMSKeyId", "")
        return kms_key if kms_key and not kms_key.endswith(_AWS_MANAGED_KEY) else None

    def put(self, bucket: str, key: str, body: BinaryIO | bytes, *, kms_key_arn: str | None = None) -> None:
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_arn} if kms_key_arn else {}
        with _store_errors(bucket):
            if isinstance(body, bytes):
                self._client.put_object(Bucket=bucket, Key=key, Body=body, **extra)
            else:
                from boto3.s3.transfer import TransferConfig

                config = TransferConfig(use_threads=False)
                self._client.upload_fileobj(body, bucket, key, ExtraArgs=extra, Config=config)


class _ObjectBody(io.RawIOBase):
    """A response body as a raw stream that raises StoreError when the connection breaks."""

    def __init__(self, bucket: str, body: Any) -> None:
        self._bucket = bucket
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _store_errors(self._bucket):
            content = self._body.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._body.close()
        super().close()


@contextmanager
def _store_errors(bucket: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _translated(bucket, error) from error
    except ParamValidationError as error:
        raise NoSuchBucket(bucket, str(error)) from error
    except NoCredentialsError as error:
        raise AccessDenied(bucket, str(error)) from error
    except (BotoCoreError, HTTPClientError, OSError) as error:
        raise StoreUnavailable(bucket, _text_of(error)) from error


def _text_of(error: Exception) -> str:
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        parts = urlsplit(str(error.kwargs.get("endpoint_url", "")))
        return f"{parts.scheme}://{parts.netloc} does not answer in time (the option aws_timeout)"
    return str(error)


def _translated(bucket: str, error: ClientError) -> StoreError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    detail = str(error)
    if code in _DENIED:
        return AccessDenied(bucket, detail)
    if code == "NoSuchBucket":
        return NoSuchBucket(bucket, detail)
    if code in {"NoSuchKey", "404"}:
        return NoSuchKey(bucket, detail)
    return StoreUnavailable(bucket, detail)
