"""The WSGI application: calls of Personalize are answered before Flask, admin routes by Flask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from personalize_emu.edge.application import LARGEST_BODY, create_app
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings

LIST_SCHEMAS = {"x-amz-target": "AmazonPersonalize.ListSchemas"}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with Emulator(Settings(pace="instant")) as emulator:
        yield create_app(emulator).test_client()


@pytest.fixture
def without_flask(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    def refused(*_arguments: object) -> None:
        raise AssertionError("Flask is asked")

    monkeypatch.setattr(Flask, "wsgi_app", refused)
    with Emulator(Settings(pace="instant")) as emulator:
        yield create_app(emulator).test_client()


def test_calls_of_personalize_do_not_reach_flask(without_flask: FlaskClient) -> None:
    answer = without_flask.post("/", data=b"{}", headers=LIST_SCHEMAS)
    assert (answer.status_code, answer.get_json(force=True)) == (200, {"schemas": []})
    assert answer.headers["x-amzn-requestid"]
    assert without_flask.options("/events").status_code == 200
    with pytest.raises(AssertionError, match="Flask is asked"):
        without_flask.get("/_emu/health")


def test_admin_routes_are_those_of_flask(client: FlaskClient) -> None:
    assert client.get("/_emu/health").get_json()["status"] == "ok"
    assert client.get("/_emu/nothing").status_code == 404
    assert client.get("/_emuless").status_code == 404
    assert b"UnknownOperationException" in client.get("/_emuless").data


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "PATCH"])
def test_every_method_is_answered_by_the_service(client: FlaskClient, method: str) -> None:
    """P-58. The answer to HEAD has no body."""
    answer = client.open("/nowhere", method=method)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert bool(answer.data) is (method != "HEAD")


def test_large_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/", data=b"x" * (LARGEST_BODY + 1), headers=LIST_SCHEMAS)
    assert (answer.status_code, answer.get_json(force=True)["__type"]) == (413, "RequestEntityTooLargeException")
