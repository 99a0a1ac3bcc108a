"""The demo prints all steps, and a failure with its step and reason."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from personalize_emu.demo import run
from personalize_emu.demo.console import Console
from personalize_emu.edge.moto_adapter import reset_services


@pytest.fixture(autouse=True)
def empty_account() -> Iterator[None]:
    """The embedded services are shared in the process, so buckets and roles of other tests are removed."""
    reset_services()
    yield
    reset_services()


def test_all_steps_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--users", "120"]) == 0
    output = capsys.readouterr()
    assert [f"[{number:2}/{run.STEPS}]" in output.out for number in range(1, run.STEPS + 1)] == [True] * run.STEPS
    assert "mean_reciprocal_rank_at_25" in output.out
    assert "the account is empty again" in output.out
    assert output.out.splitlines()[-1].startswith("Done: ")
    assert output.err == ""


def test_failure_prints_step_and_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RECIPES", {"for-you": "aws-crystal-ball"})
    assert run.main(["--users", "50"]) == 1
    reason = capsys.readouterr().err
    assert 'failed at "Train three recipes"' in reason
    assert "aws-crystal-ball" in reason


def test_too_few_users_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--users", "10"])
    assert ended.value.code == 2
    assert "at least 50" in capsys.readouterr().err


def test_waiting_shows_every_status_once_and_stops_at_a_failure() -> None:
    out = io.StringIO()
    statuses = iter(["CREATE PENDING", "CREATE PENDING", "CREATE IN_PROGRESS", "CREATE FAILED"])
    assert Console(out, 1).wait("training", lambda: next(statuses), lambda: 0.5) == "CREATE FAILED"
    assert "CREATE PENDING > CREATE IN_PROGRESS > CREATE FAILED" in out.getvalue()
