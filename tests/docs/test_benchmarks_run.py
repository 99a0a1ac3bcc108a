"""The benchmarks run on small data and fail if a request is refused."""

from __future__ import annotations

import os
from contextlib import nullcontext

import boto3
import pytest

from benchmarks import batch, filters, fixtures, memory, scale, sequences, stalled, startup
from benchmarks.report import show
from benchmarks.serving import load as serving_load
from benchmarks.serving.__main__ import shop_server
from benchmarks.serving.load import Load, Request, measure
from benchmarks.serving.shop import list_schemas


@pytest.fixture(params=["wrk", "threads"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where wrk is not installed, both are threads."""
    if request.param == "threads":
        monkeypatch.setattr(serving_load.shutil, "which", lambda _: None)
    return str(request.param)


def test_serving_benchmark_runs(personalize_server: str, client: str) -> None:
    found = measure(Load("ListSchemas", personalize_server, list_schemas), clients=2, seconds=0.2)
    assert found.requests > 0
    assert found.p99 >= found.p50 > 0
    assert found.row()[0] == "ListSchemas", client


def test_serving_benchmark_runs_over_https(client: str) -> None:
    with shop_server() as (url, pid):
        secured = url.replace("http:", "https:", 1)
        found = measure(Load("ListSchemas", secured, list_schemas, pid=pid, begun=1), clients=2, seconds=0.2)
    assert found.requests > 0, client


def test_refused_request_fails_the_benchmark(personalize_server: str, client: str) -> None:
    refused = Request("/", list_schemas().headers, b"no json")
    with pytest.raises(RuntimeError, match=r"ListSchemas: 400 .*SerializationException"):
        measure(Load(f"{client}: ListSchemas", personalize_server, lambda _: refused), clients=1, seconds=0.2)


def test_filters_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["filters", "--items", "2000", "--times", "1"])
    assert filters.main() == 0
    assert capsys.readouterr().out.count("\n| ") == 8 + 3 + 4


def test_batch_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["batch", "--users", "50", "--items", "40", "--lines", "60"])
    assert batch.main() == 0
    assert capsys.readouterr().out.count("\n| ") == 2 + 2 * len(batch.RECIPES)


def test_training_at_scale_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["scale", "--interactions", "2000", "--users", "60", "--items", "90"])
    assert scale.main() == 0
    printed = capsys.readouterr().out
    assert "60 users, 90 items" in printed
    assert "| trained " in printed
    assert "| mean_reciprocal_rank_at_25 " in printed


def test_sequences_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["popularity", "v2 without the network"]
    monkeypatch.setattr("sys.argv", ["sequences", "--events", "60000", "--only", names[0], "--only", names[1]])
    assert sequences.main() == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and "0." in line]
    popular, linear = (float(row.split("|")[2]) for row in rows)
    assert linear > 2 * popular > 0


def test_tables_are_markdown_with_figures_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    show("Title", ["what", "s"], [["a", "1.00"], ["long name", "12.00"]])
    assert capsys.readouterr().out == (
        "\nTitle\n\n| what      |     s |\n| --------- | ----: |\n| a         |  1.00 |\n| long name | 12.00 |\n"
    )


def test_stalled_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["stalled", "--connections", "6", "--seconds", "0.2"])
    assert stalled.main() == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip() for row in rows[1:]] == ["0", "6", "0", "6"]


def test_resets_are_measured_after_use(personalize_server: str) -> None:
    wall, _ = startup.reset_after_use(nullcontext(personalize_server), "/_emu/reset")
    assert wall > 0
    assert boto3.client("personalize").list_schemas()["schemas"] == []
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_memory_benchmark_sends_events(personalize_server: str) -> None:
    path = memory.GroupToAnswer(personalize_server)
    group = path.group()
    schema = path.personalize.create_schema(name="schema", schema=memory.INTERACTIONS)["schemaArn"]
    path.personalize.create_dataset(name="dataset", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    tracker = path.personalize.create_event_tracker(name="tracker", datasetGroupArn=group)["trackingId"]
    memory.put_events(personalize_server, tracker, events=30)
    with pytest.raises(RuntimeError, match=r"400 .*InvalidInputException"):
        memory.put_events(personalize_server, "no tracker", events=10)
    own, with_children = memory.resident(os.getpid())
    assert with_children >= own > 1


def test_fixtures_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(fixtures, "TESTS", 2)
    assert fixtures.main() == 0
    assert capsys.readouterr().out.count("\n| ") == 2 + 6
