"""Exports of what runs: a mock, a server with a data directory, and one without."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalize_emu.cli.main import main
from personalize_emu.durability.archive import import_archive
from personalize_emu.edge.endpoints import KEY
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.edge.testing.mock import mock_personalize
from personalize_emu.edge.testing.server_control import ServerControl
from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from tests.durability.restarts import events, given, picture, put_event, started
from tests.durability.test_services import Services, make_identities, shown_identities
from tests.given import BUCKET, POPULARITY
from tests.service.populated_emulator import populate


def use() -> str:
    """Some of everything; the tracking id."""
    values = populate(given())
    for number in range(5):
        put_event(values["trackingId"], number, "u2", f"i00{number}")
    session = {"trackingId": values["trackingId"], "sessionId": "anonymous"}
    events().put_events(**session, eventList=[{"eventType": "x", "itemId": "i001", "sentAt": 1_700_000_100}])
    given().deletion_job(values["datasetGroupArn"], given().upload("USER_ID\nu2\n", "gone.csv"), "gone")
    put_event(values["trackingId"], 9, "u3")
    return str(values["trackingId"])


def test_a_state_in_memory_is_the_same_from_its_file(tmp_path: Path) -> None:
    """In a mock that starts from the file, and in a data directory made of it; positions of the log do not move."""
    file = tmp_path / "trained.tar.gz"
    with mock_personalize(clock=ManualClock()) as emulator:
        tracker = use()
        emulator.raise_quota("schemas", 900)
        emulator.advance(60)
        assert emulator.export(file) == file.stat().st_size
        before, usage = picture(emulator), emulator.usage()
    assert before["answers"]
    with mock_personalize(state=str(file), clock=ManualClock()) as emulator:
        assert picture(emulator) == before
        assert emulator.usage() == usage
        assert emulator.settings.quotas == "schemas=900"
        # It is equal to one of the file (EV-41).
        put_event(tracker, 9, "u3")
        assert picture(emulator)["contents"] == before["contents"]
    import_archive(file, tmp_path / "directory")
    with started(tmp_path / "directory") as emulator:
        after = picture(emulator)
    for part, value in before.items():
        assert after[part] == value, part


def test_an_export_with_a_data_directory_has_what_was_answered(tmp_path: Path) -> None:
    with started(tmp_path / "first") as emulator:
        given().campaign(given().version(given().solution(recipe=POPULARITY)))
        emulator.export(tmp_path / "file")
        before, usage = picture(emulator), emulator.usage()
    with mock_personalize(state=str(tmp_path / "file"), clock=ManualClock()) as emulator:
        assert picture(emulator) == before
        assert emulator.usage() == usage


def test_a_server_is_exported_with_its_services(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a data directory; the file fills one, with buckets, objects and identities."""
    file = tmp_path / "state"
    with ServerProcess("--pace", "instant", "--training-workers", "0") as server:
        services = Services(server.url)
        group = services.given.group()
        services.given.upload(b"0123456789" * 20_000, "large.bin")
        make_identities(services.iam)
        before = shown_identities(services.iam)
        assert main(["export", str(file), "--endpoint", server.url]) == 0
        assert f"has the state of {server.url}: {file.stat().st_size} bytes" in capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["import", str(file), "--data-dir", str(tmp_path / "directory")]) == 0
    with ServerProcess("--data-dir", str(tmp_path / "directory"), "--training-workers", "0") as server:
        services = Services(server.url)
        assert [each["datasetGroupArn"] for each in services.personalize.list_dataset_groups()["datasetGroups"]] == [
            group
        ]
        assert services.s3.get_object(Bucket=BUCKET, Key="large.bin")["Body"].read() == b"0123456789" * 20_000
        assert shown_identities(services.iam) == before


def test_an_export_is_for_those_who_may_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `auth` it is signed."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, KEY)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    with Emulator(Settings(auth="sigv4"), clock=ManualClock()) as emulator, LiveServer(emulator) as server:
        control = ServerControl(server.url)
        assert control.export(tmp_path / "file") > 0
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(ValueError, match="sign the request"):
            control.export(tmp_path / "other")
        assert not (tmp_path / "other").exists()
        assert not (tmp_path / "other.unfinished").exists()


@pytest.mark.parametrize(
    ("command", "text", "code"),
    [
        (("import", "FILE", "--endpoint", "http://127.0.0.1:1"), "a running server cannot be filled from a file", 1),
        (("import", "FILE"), "say which data directory is meant", 1),
        (("export", "FILE", "--endpoint", "http://127.0.0.1:1"), "no server at http://127.0.0.1:1", 1),
        (("export", "FILE", "--endpoint", "http://127.0.0.1:1", "--data-dir", "d"), "not both", 2),
        (("export", "none/FILE"), "there is no folder none", 1),
    ],
)
def test_commands_that_cannot_be_done_say_why(
    command: tuple[str, ...], text: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(list(command)) == code
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
