"""The object store on embedded buckets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from personalize_emu.aws_services import (
    AccessDenied,
    AwsServices,
    NoSuchBucket,
    NoSuchKey,
    ObjectInfo,
    ObjectStore,
    PointsAtOurselves,
    S3Objects,
    StoreError,
    StoreUnavailable,
    remote_aws_services,
)
from personalize_emu.data.files.import_files import read_files
from personalize_emu.s3_locations import (
    InvalidLocation,
    Location,
    input_objects,
    is_csv_file,
    parse_location,
)
from tests.data.schema_texts import INTERACTIONS_SCHEMA, ITEM, schema

REGION = "eu-west-1"
MEGABYTE = 1 << 20


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield AwsServices(lambda service, region: boto3.client(service, region_name=region)).objects(REGION)


def put(store: ObjectStore, **contents: bytes) -> None:
    for key, content in contents.items():
        store.put("data", key.replace("__", "/"), content)


def test_objects_come_back(store: ObjectStore) -> None:
    store.put("data", "a/b", b"bytes")
    store.put("data", "a/c", io.BytesIO(b"stream"))
    for key, content in (("a/b", b"bytes"), ("a/c", b"stream")):
        with store.open("data", key) as stream:
            assert stream.read() == content


def test_listing_reads_all_pages_in_key_order(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of moto are made small; those of S3 have a thousand keys."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    keys = [f"many/{number:04}" for number in range(25)]
    for key in reversed(keys):
        store.put("data", key, b"x")
    store.put("data", "other", b"")
    first = boto3.client("s3", region_name=REGION).list_objects_v2(Bucket="data")
    assert (first["KeyCount"], first["IsTruncated"]) == (10, True)
    assert list(store.list("data", "many/")) == [ObjectInfo(key, 1) for key in keys]
    assert list(store.list("data", "none/")) == []
    assert [entry.key for entry in store.list("data", "")] == [*keys, "other"]


def test_missing_buckets_and_keys(store: ObjectStore) -> None:
    with pytest.raises(NoSuchKey, match="data"):
        store.open("data", "none")
    for bucket in ("no-such-bucket", "Not A Bucket"):
        with pytest.raises(NoSuchBucket):
            store.open(bucket, "none")
        with pytest.raises(NoSuchBucket):
            list(store.list(bucket, ""))
        with pytest.raises(NoSuchBucket):
            store.put(bucket, "key", b"")
        with pytest.raises(NoSuchBucket):
            store.put(bucket, "key", io.BytesIO(b"x" * 100))


class Zeros(io.RawIOBase):
    """A stream of zero bytes. most: the largest amount read at once."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.most = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.most = max(self.most, size)
        piece = bytes(min(size, self.left))
        self.left -= len(piece)
        return piece


def test_a_large_object_is_streamed_both_ways(store: ObjectStore) -> None:
    zeros = Zeros(40 * MEGABYTE)
    store.put("data", "large", cast(Any, zeros))
    assert zeros.left == 0
    assert zeros.most <= 9 * MEGABYTE
    total = 0
    with store.open("data", "large") as stream:
        while piece := stream.read(3 * MEGABYTE):
            assert len(piece) <= 3 * MEGABYTE
            total += len(piece)
    assert total == 40 * MEGABYTE


def test_a_large_object_is_read_in_small_pieces() -> None:
    """The response body is read in buffers, regardless of the size requested by the reader."""

    class Body:
        def __init__(self) -> None:
            self.zeros = Zeros(300 * MEGABYTE)
            self.closed = False

        def read(self, size: int) -> bytes:
            return self.zeros.read(size)

        def close(self) -> None:
            self.closed = True

    class Client:
        body = Body()

        def get_object(self, **_: str) -> dict[str, Body]:
            return {"Body": self.body}

    with S3Objects(Client()).open("data", "huge") as stream:
        total = sum(len(piece) for piece in iter(lambda: stream.read(4 * MEGABYTE), b""))
    assert total == 300 * MEGABYTE
    assert Client.body.zeros.most <= 4 * MEGABYTE
    assert Client.body.closed


def refusing(error: Exception) -> ObjectStore:
    class Client:
        def get_object(self, **_: str) -> None:
            raise error

    return S3Objects(Client())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"), AccessDenied),
        (ClientError({"Error": {"Code": "403"}}, "HeadObject"), AccessDenied),
        (ClientError({"Error": {"Code": "InvalidAccessKeyId"}}, "GetObject"), AccessDenied),
        (NoCredentialsError(), AccessDenied),
        (ClientError({"Error": {"Code": "404"}}, "HeadObject"), NoSuchKey),
        (ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"), StoreUnavailable),
        (ClientError({}, "GetObject"), StoreUnavailable),
        (EndpointConnectionError(endpoint_url="http://nowhere"), StoreUnavailable),
        (ConnectionResetError("gone"), StoreUnavailable),
    ],
)
def test_boto_errors_are_converted(error: Exception, kind: type[StoreError]) -> None:
    with pytest.raises(kind) as caught:
        refusing(error).open("data", "key")
    assert caught.value.bucket == "data"


def test_a_connection_that_breaks_while_reading() -> None:
    class Body:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError("gone")

        def close(self) -> None:
            pass

    class Client:
        def get_object(self, **_: str) -> dict[str, Body]:
            return {"Body": Body()}

    with S3Objects(Client()).open("data", "key") as stream, pytest.raises(StoreUnavailable, match="gone"):
        stream.read(10)


def test_clients_are_made_once_for_each_service_and_region() -> None:
    made: list[tuple[str, str]] = []

    def make(service: str, region: str) -> object:
        made.append((service, region))
        return object()

    aws_services = AwsServices(make)
    assert aws_services.client("s3", "a") is aws_services.client("s3", "a")
    aws_services.client("s3", "b")
    aws_services.client("kms", "a")
    aws_services.objects("a")
    assert made == [("s3", "a"), ("s3", "b"), ("kms", "a")]


def address(aws_services: AwsServices, service: str = "s3") -> str:
    endpoint: str = aws_services.client(service, REGION).meta.endpoint_url
    return endpoint


def test_remote_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert address(remote_aws_services()) == f"https://s3.{REGION}.amazonaws.com"
    assert address(remote_aws_services("http://localhost:9000")) == "http://localhost:9000"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:9001")
    assert address(remote_aws_services()) == "http://localhost:9001"
    assert address(remote_aws_services("http://localhost:9000")) == "http://localhost:9000"
    assert address(remote_aws_services(), "kms") == f"https://kms.{REGION}.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9002")
    assert address(remote_aws_services(), "kms") == "http://localhost:9002"


def test_configured_endpoints_are_addressed_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    style = remote_aws_services("http://localhost:9000").client("s3", REGION).meta.config.s3
    assert style["addressing_style"] == "path"
    assert "path" not in str(remote_aws_services().client("s3", REGION).meta.config.s3)


def test_clients_of_own_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4577")
    with pytest.raises(PointsAtOurselves):
        remote_aws_services(ourselves=["localhost:4577", "127.0.0.1:4577"]).objects(REGION)
    with pytest.raises(PointsAtOurselves):
        remote_aws_services("https://localhost", ourselves=["localhost:443"]).objects(REGION)
    remote_aws_services(ourselves=["localhost:4578"]).objects(REGION)


@pytest.mark.parametrize(
    "path", ["http://bucket/key", "https://s3.amazonaws.com/b/k", "s3:///key", "s3://", "bucket/key", ""]
)
def test_d42_only_s3(path: str) -> None:
    with pytest.raises(InvalidLocation, match=r"^Invalid Data location\. \(it must have the form s3://BUCKET/KEY\)$"):
        parse_location(path)


def test_d41_files_and_folders(store: ObjectStore) -> None:
    assert parse_location("s3://data/a/b.csv") == Location("data", "a/b.csv")
    assert parse_location("s3://data/a/") == Location("data", "a/")
    assert parse_location("s3://data") == Location("data", "")
    put(store, a__b=b"1", a__c=b"2", ab=b"3")
    assert input_objects(store, Location("data", "a/b")) == [ObjectInfo("a/b", 1)]


def test_d45_folder_without_trailing_slash(store: ObjectStore) -> None:
    store.put("data", "folder/1.csv", b"1")
    store.put("data", "folder.csv", b"22")
    assert input_objects(store, Location("data", "folder")) == [ObjectInfo("folder/1.csv", 1)]
    assert input_objects(store, Location("data", "folder.csv")) == [ObjectInfo("folder.csv", 2)]
    for key in ("fold", "folder.cs", "none", "none/", "folder/1.csv/"):
        with pytest.raises(InvalidLocation):
            input_objects(store, Location("data", key))


DATA = ("in/0000_part_00", "in/a.CSV", "in/b.csv", "in/c.parquet", "in/part-r-00001", "in/run-1-part-r-00000")
MARKERS = ("in/_SUCCESS", "in/_temporary", "in/.part-0.crc", "in/b.csv.metadata", "in/.metadata", "in/b.csv.METADATA")


def test_d46_d48_files_of_a_folder(store: ObjectStore) -> None:
    """Any file name: files of Glue, Spark and Redshift do not end in .csv."""
    for key in (*DATA, *MARKERS, "in/deep/d.csv", "in.csv"):
        store.put("data", key, b"x")
    for key in ("in/", "in/empty.csv", "in/deep/"):
        store.put("data", key, b"")
    assert [entry.key for entry in input_objects(store, Location("data", "in/"))] == list(DATA)
    deletion = input_objects(store, Location("data", "in/"), is_csv_file, deep=True)
    assert [entry.key for entry in deletion] == ["in/a.CSV", "in/b.csv", "in/deep/d.csv"]
    with pytest.raises(InvalidLocation):
        input_objects(store, Location("data", "in/readme"))


def test_wrong_location_names_what_was_found(store: ObjectStore) -> None:
    store.put("data", "out/_SUCCESS", b"x")
    store.put("data", "out/part-0", b"")
    store.put("data", "out/deep/1.csv", b"x")
    for key, hint in (
        ("none", "there is no object s3://data/none and no folder of that name"),
        ("out/", "only empty objects, markers or objects of another kind (2) and objects in sub-folders (1)"),
    ):
        with pytest.raises(InvalidLocation) as caught:
            input_objects(store, Location("data", key))
        assert str(caught.value).startswith("Invalid Data location. (")
        assert hint in str(caught.value)


def test_a_folder_in_a_bucket_becomes_one_table(store: ObjectStore) -> None:
    header = b"USER_ID,ITEM_ID,TIMESTAMP\n"
    put(store, in___SUCCESS=b"not read", in__=b"")
    store.put("data", "in/2.csv", header + b"u,i,2\n")
    store.put("data", "in/1.csv", header + b"u,i,1\n" * 100_000)
    files = [
        (entry.key, lambda key=entry.key: store.open("data", key))
        for entry in input_objects(store, Location("data", "in/"))
    ]
    table = read_files(files, INTERACTIONS_SCHEMA, "INTERACTIONS")
    assert table.num_rows == 100_001
    assert table.column("TIMESTAMP")[-1].as_py() == 2


def test_parquet_in_a_bucket(store: ObjectStore) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"ITEM_ID": ["a", "b"]}), buffer)
    store.put("data", "items.parquet", buffer.getvalue())
    table = read_files([("items.parquet", lambda: store.open("data", "items.parquet"))], schema("Items", ITEM), "ITEMS")
    assert table.column("ITEM_ID").to_pylist() == ["a", "b"]
