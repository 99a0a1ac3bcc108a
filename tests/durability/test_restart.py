"""What a data directory holds comes back: every kind of resource, rows, events, models and schedules."""

from __future__ import annotations

import json
from pathlib import Path

from personalize_emu.durability.encryption.locked_groups import RESTARTED
from personalize_emu.emulator import Emulator
from personalize_emu.settings import Settings
from personalize_emu.state.clock import ManualClock
from personalize_emu.state.resources import RESOURCE_TYPES
from tests.durability.restarts import answers, contents, events, given, picture, put_event, started
from tests.given import ROLE, as_csv, two_camps
from tests.service.populated_emulator import populate


def test_every_kind_of_resource_comes_back_with_its_data_and_answers(tmp_path: Path) -> None:
    with started(tmp_path) as emulator:
        values = populate(given())
        for number in range(5):
            put_event(values["trackingId"], number, "u2", f"i00{number}")
        events().put_items(
            datasetArn=values["itemsArn"], items=[{"itemId": "i001", "properties": json.dumps({"category": "hat"})}]
        )
        given().personalize.tag_resource(
            resourceArn=values["campaignArn"], tags=[{"tagKey": "team", "tagValue": "films"}]
        )
        before = picture(emulator)
        assert {type(record) for record in emulator.state.store.records()} == set(RESOURCE_TYPES)
    with started(tmp_path) as emulator:
        after = picture(emulator)
    for part, value in before.items():
        assert after[part] == value, part
    assert any(before["answers"].values())


def test_a_new_version_can_be_trained_after_a_restart(tmp_path: Path) -> None:
    with started(tmp_path):
        group = given().imported_group()
        solution = given().solution(group)
        first = given().version(solution)
    with started(tmp_path) as emulator:
        second = given().version(solution)
        assert first != second
        campaign = given().campaign(second)
        assert answers(emulator)[campaign]["itemList"]


def test_suffixes_of_a_later_start_differ(tmp_path: Path) -> None:
    """R-GEN-1: identifiers are drawn anew at each start."""
    made = []
    for _ in range(3):
        with started(tmp_path):
            group = given().group("g") if not made else made[0]
            made.append(group)
            if len(made) == 1:
                solution = given().solution(given().imported_group(name="films"))
            made.append(given().version(solution))
    versions = made[1::2]
    assert len(set(versions)) == 3


def test_events_with_a_known_id_are_stored_once_over_a_restart(tmp_path: Path) -> None:
    """EV-40."""
    with started(tmp_path):
        group = given().imported_group()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        put_event(tracker, 1)
    with started(tmp_path) as emulator:
        before = contents(emulator)
        put_event(tracker, 1, item="i003")
        assert contents(emulator) == before
        put_event(tracker, 2, item="i003")
        assert contents(emulator) != before


def test_removed_users_stay_removed(tmp_path: Path) -> None:
    """D-110: positions of the log do not move, and the ids of removed events are free again (D-117)."""
    with started(tmp_path) as emulator:
        group = given().imported_group()
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        for number, user in enumerate(["u0", "u1", "u0", "u1"]):
            put_event(tracker, number, user)
        given().deletion_job(group, given().upload("USER_ID\nu1\n", "users.csv"))
        before = contents(emulator)
    with started(tmp_path) as emulator:
        assert contents(emulator) == before
        (held,) = emulator.state.all_contents()
        assert (held.log.held, len(held.log)) == (2, 4)
        put_event(tracker, 1, "u1")
        assert held.log.held == 3


def test_an_incremental_import_adds_to_rows_of_an_earlier_start(tmp_path: Path) -> None:
    """D-79."""
    rows = two_camps()
    with started(tmp_path):
        dataset = given().dataset(given().group())
        given().import_job(dataset, given().upload(as_csv(rows)))
    with started(tmp_path) as emulator:
        more = [(f"more-{user}", item, time) for user, item, time in rows]
        given().import_job(dataset, given().upload(as_csv(more)), "more", importMode="INCREMENTAL")
        assert contents(emulator)[dataset][0] is not None
        assert len(contents(emulator)[dataset][0]) == 2 * len(rows)
        before = contents(emulator)
    with started(tmp_path) as emulator:
        assert contents(emulator) == before


def test_what_was_under_way_is_ended(tmp_path: Path) -> None:
    """Creations fail with the reason, deletions are finished, and the rest is as it was."""
    with started(tmp_path):
        kept, deleted = given().group("kept"), given().group("deleted")
    with started(tmp_path, pace="real"):
        dataset = given().dataset(kept)
        given().personalize.delete_dataset_group(datasetGroupArn=deleted)
    with started(tmp_path) as emulator:
        personalize = given().personalize
        described = personalize.describe_dataset(datasetArn=dataset)["dataset"]
        assert described["status"] == "CREATE FAILED"
        groups = [group["datasetGroupArn"] for group in personalize.list_dataset_groups()["datasetGroups"]]
        assert groups == [kept]
        assert RESTARTED in str(emulator.state.store.find(dataset))
        assert "1 interrupted by the restart, 1 deletions finished" in str(emulator.loaded)


def test_jobs_go_with_a_dataset_whose_deletion_was_interrupted(tmp_path: Path) -> None:
    """Also in a server, which begins interrupted jobs again."""
    with started(tmp_path):
        dataset = given().dataset()
        given().import_job(dataset, given().upload(as_csv(two_camps())))
    with started(tmp_path, pace="real"):
        given().personalize.delete_dataset(datasetArn=dataset)
    settings = Settings(data_dir=str(tmp_path), batch_workers=0)
    with Emulator(settings, clock=ManualClock(), resumes_jobs=True) as emulator:
        left = {record.kind for record in emulator.state.store.records()}
        assert left == {"dataset-group", "schema"}
        assert emulator.loaded is not None
        assert emulator.loaded.ended.deleted == 1


def test_an_interrupted_update_leaves_the_campaign_as_it_was(tmp_path: Path) -> None:
    """R-CMP-11."""
    with started(tmp_path):
        campaign = given().campaign(given().version(given().solution()))
    with started(tmp_path, pace="real"):
        given().personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=7)
    with started(tmp_path):
        described = given().personalize.describe_campaign(campaignArn=campaign)["campaign"]
        assert (described["status"], described["minProvisionedTPS"]) == ("ACTIVE", 1)
        update = described["latestCampaignUpdate"]
        assert (update["status"], update["failureReason"]) == ("CREATE FAILED", RESTARTED)
        given().personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=7)


def test_automatic_trainings_go_on(tmp_path: Path) -> None:
    """T-50: the first training is due an hour after the creation of the solution."""
    clock = ManualClock()
    with started(tmp_path, clock):
        solution = given().solution()
    with started(tmp_path, clock) as emulator:
        assert given().personalize.list_solution_versions(solutionArn=solution)["solutionVersions"] == []
        emulator.advance(3601)
        versions = given().personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
        assert [version["trainingType"] for version in versions] == ["AUTOMATIC"]


def test_models_go_on_following_their_data(tmp_path: Path) -> None:
    """R-112: new items join two hours after a training, also after a restart."""
    clock = ManualClock()
    with started(tmp_path, clock):
        group = given().imported_group()
        version = given().version(given().solution(group))
        given().campaign(version)
        tracker = given().personalize.create_event_tracker(name="t", datasetGroupArn=group)["trackingId"]
        put_event(tracker, 1, "u0", "brand-new")
    with started(tmp_path, clock) as emulator:
        assert "brand-new" not in emulator.state.versions[version].served.answered_ids
        emulator.advance(7201)
        emulator.wait_idle()
        assert "brand-new" in emulator.state.versions[version].served.answered_ids
    with started(tmp_path, clock) as emulator:
        assert "brand-new" in emulator.state.versions[version].served.answered_ids


def test_the_clock_stays_ahead(tmp_path: Path) -> None:
    with started(tmp_path, ManualClock()) as emulator:
        emulator.advance(86_400)
        now = emulator.clock.now()
    with started(tmp_path, ManualClock()) as emulator:
        assert emulator.clock.now() == now


def test_a_reset_is_there_after_a_restart(tmp_path: Path) -> None:
    with started(tmp_path) as emulator:
        given().version(given().solution())
        emulator.reset()
        assert list((tmp_path / "blobs").iterdir()) == []
        group = given().group("new")
    with started(tmp_path) as emulator:
        assert [record.arn for record in emulator.state.store.records()] == [group]


def test_files_go_with_their_resource(tmp_path: Path) -> None:
    with started(tmp_path):
        version = given().version(given().solution(performAutoTraining=False))
        files = {path.suffix for path in (tmp_path / "blobs").iterdir()}
        given().personalize.delete_solution(solutionArn=version.rpartition("/")[0])
        left = {path.suffix for path in (tmp_path / "blobs").iterdir()}
    assert (files, left) == ({".arrow", ".model"}, {".arrow"})


def test_a_declared_deployment_can_be_declared_again(tmp_path: Path) -> None:
    """Records are kept, and declarations are not."""
    for items in (["a", "b"], ["c"]):
        with started(tmp_path) as emulator:
            campaign, recommender = emulator.campaign("home", items), emulator.recommender("shop", items)
            for member, arn in (("campaignArn", campaign), ("recommenderArn", recommender)):
                answer = emulator.call("GetRecommendations", {member: arn, "userId": "u"}) or {}
                assert [item["itemId"] for item in answer["itemList"]] == items


def test_roles_in_requests_come_back(tmp_path: Path) -> None:
    with started(tmp_path):
        dataset = given().dataset()
        job = given().import_job(dataset, given().upload(as_csv(two_camps())))
    with started(tmp_path):
        described = given().personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
        assert (described["roleArn"], described["status"]) == (ROLE, "ACTIVE")
