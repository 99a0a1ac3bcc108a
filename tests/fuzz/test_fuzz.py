"""Random requests to Personalize and the embedded services; `make fuzz` sends many more."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fuzz.campaign import EMBEDDED, PERSONALIZE, Findings, run

REQUESTS = 5000


@pytest.fixture(scope="module")
def findings() -> Findings:
    return run(REQUESTS, seed=12)


def test_random_requests_cause_no_server_errors(findings: Findings) -> None:
    """P-59, P-64: no 5xx except for unimplemented operations, and no errors of the emulator in the log."""
    report = [f"{request}\n{text}" for request, text in findings.failures]
    assert report == []


def test_requests_reach_every_service_and_some_are_answered(findings: Findings) -> None:
    assert sum(findings.answers.values()) == REQUESTS
    sent, answered = Counter[str](), Counter[str]()
    for (service, status), count in findings.answers.items():
        sent[service] += count
        answered[service] += count if status < 300 else 0
    for service in (*PERSONALIZE, *EMBEDDED):
        assert sent[service] > REQUESTS / 40, service
        assert answered[service] > 0, service
