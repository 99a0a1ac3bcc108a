"""Other AWS services that are slow, silent or fast: nobody waits for them with the store's lock (design section 6)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from personalize_emu.aws_services import AwsServices, ObjectInfo
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.emulator import Emulator
from personalize_emu.service.core.aws_reads import AwsReads, PendingRead
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import DatasetImportJob
from personalize_emu.wire.errors import AwsError, InvalidInputException
from tests.attributions import OUTPUT, attribution, measured_group, metric
from tests.batch_requests import inference_request
from tests.bucket_owner import KEY, TRUST, Owner
from tests.given import BUCKET, INTERACTIONS_SCHEMA, RANKING, REGION, ROLE
from tests.refusals import refusal

REFUSED = "Resource Arn {} does not exist."
SOURCE = {"dataLocation": f"s3://{BUCKET}/interactions.csv"}


class SilentServer:
    """Accepts every connection and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.called = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with ExitStack() as stack:
            while True:
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                stack.enter_context(connection)
                self.called.set()

    def close(self) -> None:
        """Hang up on everybody."""
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(10)
            self._listener.close()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def dataset_of(emulator: Emulator) -> str:
    """With the pace instant."""

    def made(operation: str, **params: Any) -> str:
        answer = emulator.call(operation, params)
        assert answer is not None
        return str(next(value for key, value in answer.items() if key.endswith("Arn")))

    group = made("CreateDatasetGroup", name="group")
    schema = made("CreateSchema", name="schema", schema=INTERACTIONS_SCHEMA)
    return made("CreateDataset", name="d", schemaArn=schema, datasetGroupArn=group, datasetType="INTERACTIONS")


def import_request(dataset: str, job_name: str = "import") -> dict[str, Any]:
    return {"jobName": job_name, "datasetArn": dataset, "dataSource": SOURCE, "roleArn": ROLE}


@pytest.mark.parametrize("check_roles", [False, True])
def test_a_silent_endpoint_delays_no_other_request(silent: SilentServer, check_roles: bool) -> None:
    """S3, or with check_roles IAM."""
    settings = Settings(pace="instant", aws_endpoint=silent.url, aws_timeout=60.0, check_roles=check_roles)
    outcomes: list[str] = []

    def begin() -> None:
        try:
            emulator.call("CreateDatasetImportJob", import_request(dataset))
        except AwsError as error:
            outcomes.append(error.code)

    with Emulator(settings) as emulator:
        dataset = dataset_of(emulator)
        caller = threading.Thread(target=begin)
        caller.start()
        assert silent.called.wait(30)
        assert emulator.call("ListSchemas", {}) != {"schemas": []}
        assert emulator.call("CreateDatasetGroup", {"name": "another"})
        assert emulator.health()["status"] == "ok"
        assert outcomes == [], "the import is still asking"
        silent.close()
        caller.join(30)
        assert outcomes == ["InvalidInputException"]
        assert emulator.state.store.all(DatasetImportJob) == []


def test_the_error_names_a_silent_endpoint(silent: SilentServer) -> None:
    """After the time-out, whichever service it is."""
    silence = f"{silent.url} does not answer in time (the option aws_timeout)"
    encrypted = {"name": "g", "kmsKeyArn": KEY, "roleArn": ROLE}
    for check_roles, operation, text in (
        (False, "CreateDatasetImportJob", "Invalid Data location. "),
        (True, "CreateDatasetImportJob", f"Role {ROLE} cannot be checked: "),
        (True, "CreateDatasetGroup", f"Role {ROLE} cannot be checked: "),
    ):
        settings = Settings(pace="instant", aws_endpoint=silent.url, aws_timeout=0.05, check_roles=check_roles)
        with Emulator(settings) as emulator:
            dataset = dataset_of(emulator)
            request = import_request(dataset) if operation == "CreateDatasetImportJob" else encrypted
            with pytest.raises(InvalidInputException) as refused:
                emulator.call(operation, request)
        assert refused.value.message.startswith(text)
        assert silence in refused.value.message


def test_a_job_whose_endpoint_falls_silent_fails(silent: SilentServer) -> None:
    """D-109."""
    settings = Settings(pace="instant", aws_endpoint=silent.url, aws_timeout=0.05)
    with Emulator(settings) as emulator:
        request = {
            "jobName": "export",
            "datasetArn": dataset_of(emulator),
            "roleArn": ROLE,
            "jobOutput": {"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
        }
        arn = (emulator.call("CreateDatasetExportJob", request) or {})["datasetExportJobArn"]
        shown = emulator.call("DescribeDatasetExportJob", {"datasetExportJobArn": arn})
    assert shown is not None
    described = shown["datasetExportJob"]
    assert described["status"] == "CREATE FAILED"
    assert f"{silent.url} does not answer in time" in described["failureReason"]


@pytest.fixture
def owner(clock: ManualClock) -> Iterator[tuple[Owner, list[str]]]:
    """With a role of any rights, and what is asked of other services under the store's lock."""
    under_lock: list[str] = []
    with mock_personalize(clock=clock, check_roles=True) as emulator:
        make, clients = emulator.aws_services._client_factory, list[Any]()

        def watch(event_name: str, **_: Any) -> None:
            if emulator.state.store.lock._is_owned():  # type: ignore[attr-defined]
                under_lock.append(event_name)

        def watched(service: str, region: str) -> Any:
            client = make(service, region)
            client.meta.events.register_first("before-call", watch)
            clients.append(client)
            return client

        emulator.aws_services = AwsServices(watched)
        owner = Owner()
        owner.role()
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        owner.grant_role(everything)
        owner.grant_service({**everything, "Principal": TRUST["Principal"], "Resource": [f"arn:aws:s3:::{BUCKET}/*"]})
        yield owner, under_lock
        for client in clients:
            client.meta.events.unregister("before-call", watch)


def test_no_read_happens_under_the_lock(owner: tuple[Owner, list[str]]) -> None:
    """Whether in the end it is accepted or refused."""
    somebody, under_lock = owner
    given = somebody.given
    dataset = somebody.dataset()
    somebody.refused(dataset)
    location = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    somebody.grant_service({"Effect": "Allow", "Action": "*", "Resource": location, "Principal": TRUST["Principal"]})
    assert somebody.imports(dataset) == "ACTIVE"
    group = given.personalize.describe_dataset(datasetArn=dataset)["dataset"]["datasetGroupArn"]
    given.export_job(dataset)
    given.deletion_job(group, given.upload("USER_ID\nnobody\n", "users.csv"))
    refusal(given.group, name="encrypted", kmsKeyArn=KEY, roleArn=ROLE)
    made = attribution(given, measured_group(given, "measured"), metric())
    given.personalize.update_metric_attribution(metricAttributionArn=made, metricsOutputConfig=OUTPUT)
    version = given.version(given.solution(group, RANKING))
    path = given.upload('{"userId": "u1", "itemList": ["i001"]}\n', "queries.json")
    given.personalize.create_batch_inference_job(**inference_request(version, path))
    refusal(given.personalize.create_batch_segment_job, **inference_request(version, path))
    assert under_lock == []


class Forbidden(AwsServices):
    def __init__(self) -> None:
        super().__init__(self._called)

    def _called(self, service: str, region: str) -> Any:
        raise AssertionError(f"{service} is asked in {region}")


def test_a_request_refused_for_another_reason_reads_nothing() -> None:
    """P-56: existence, states and sense before what other services say; roles do not hide them either."""
    with Emulator(Settings(check_roles=True, pace="instant"), aws_services=Forbidden()) as emulator:
        dataset = dataset_of(emulator)
        missing = dataset.replace("INTERACTIONS", "ITEMS")
        wrong_mode = {**import_request(dataset), "importMode": "INCREMENTAL"}
        nowhere = {**import_request(dataset), "dataSource": {"dataLocation": "http://example.com"}}
        for request, text in (
            (import_request(missing), REFUSED.format(missing)),
            (wrong_mode, f"Import mode INCREMENTAL requires a previous bulk import of dataset {dataset}."),
            (nowhere, "Invalid Data location. (it must have the form s3://BUCKET/KEY)"),
        ):
            with pytest.raises(AwsError) as refused:
                emulator.call("CreateDatasetImportJob", request)
            assert refused.value.message == text


class Meddling(AwsServices):
    """Somebody does something while a bucket is being listed."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__(lambda *_: None)
        self.meddle = meddle
        self.listed = 0

    def objects(self, region: str) -> Any:
        del region
        return self

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        del bucket
        self.listed += 1
        self.meddle()
        yield ObjectInfo(prefix, 1)


def test_checks_are_repeated_after_a_read() -> None:
    """P-56, R-DIJ-10."""
    meddling = Meddling(lambda: emulator.call("DeleteDataset", {"datasetArn": dataset}))
    with Emulator(Settings(pace="instant"), aws_services=meddling) as emulator:
        dataset = dataset_of(emulator)
        with pytest.raises(AwsError) as refused:
            emulator.call("CreateDatasetImportJob", import_request(dataset))
        assert refused.value.message == REFUSED.format(dataset)
        assert emulator.state.store.all(DatasetImportJob) == []
        assert meddling.listed == 1


class Counted(Meddling):
    """A bucket of so many objects, page by page. read: how many of them were looked at."""

    def __init__(self, size: int) -> None:
        super().__init__(lambda: None)
        self.size = size
        self.read = 0

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        del bucket
        for number in range(self.size):
            self.read += 1
            yield ObjectInfo(f"{prefix}{number:06d}", number)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500])
def test_a_listing_is_complete_and_in_order(size: int) -> None:
    reads = AwsReads(Counted(size))

    def listed() -> list[ObjectInfo]:
        while True:
            try:
                return list(reads.listing(REGION).list("b", "k"))
            except PendingRead as pending:
                pending.perform()

    assert listed() == [ObjectInfo(f"k{number:06d}", number) for number in range(size)]


def test_looking_for_one_object_reads_one_page() -> None:
    bucket = Counted(10_000)
    reads = AwsReads(bucket)
    with pytest.raises(PendingRead) as pending:
        next(reads.listing(REGION).list("b", "k"))
    pending.value.perform()
    assert next(reads.listing(REGION).list("b", "k")).key == "k000000"
    assert bucket.read == 1000


def test_jobs_read_anew() -> None:
    """E-7: what a bucket holds, and who may read it, can change between the request and the job."""
    bucket = Counted(1)
    reads = AwsReads(bucket)
    with pytest.raises(PendingRead) as pending:
        next(reads.listing(REGION).list("b", "k"))
    pending.value.perform()
    reads.release()
    bucket.size = 2
    assert len(list(reads.objects(REGION).list("b", "k"))) == 2


@pytest.mark.parametrize(
    "endpoint", ["foo", "foo:4566", "127.0.0.1:4566", "http://", "ftp://h", "http://h:port", "http://h:99999", "http://["]
)
def test_an_endpoint_must_be_a_url(endpoint: str) -> None:
    with pytest.raises(ValueError, match="aws_endpoint must be empty or a URL"):
        Settings(aws_endpoint=endpoint)


def test_endpoints_that_are_urls() -> None:
    for endpoint in ("", "http://127.0.0.1:4566", "https://s3.example.com", "http://[::1]:9000/"):
        assert Settings(aws_endpoint=endpoint).aws_endpoint == endpoint
