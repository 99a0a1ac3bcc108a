"""Reading declarative start files: what they say, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalize_emu.edge.start_state.documents import InvalidStartFile, read_document
from personalize_emu.edge.start_state.files import start_files
from personalize_emu.schema_files import schema_text


def written(folder: Path, text: str, name: str = "start.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(InvalidStartFile) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_names_become_members_of_operations(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    written(tmp_path / "data", "USER_ID\n", "a.csv")
    document = read_document(
        written(
            tmp_path,
            """
            region: eu-west-1
            buckets: {uploads: data, empty: }
            groups:
              films:
                domain: VIDEO_ON_DEMAND
                tags: {team: search}
                datasets:
                  interactions: {schema: custom/interactions, data: data/a.csv}
                  action-interactions: {schema: {type: record}}
                solutions:
                  for-you: {recipe: aws-sims, performHPO: true, campaigns: {home: {minProvisionedTPS: 2}}}
                  automatic: {performAutoML: true, train: false}
                recommenders: {top: {recipe: "arn:aws:personalize:::recipe/aws-vod-top-picks"}}
                filters: {seen: INCLUDE x, tagged: {filterExpression: INCLUDE y}}
                eventTracker: clicks
            """,
        )
    )
    (group,) = document.groups
    assert (document.region, document.buckets) == ("eu-west-1", {"uploads": tmp_path / "data", "empty": None})
    assert group.members == {"domain": "VIDEO_ON_DEMAND", "tags": [{"tagKey": "team", "tagValue": "search"}]}
    interactions, actions = group.datasets
    assert (interactions.name, interactions.data) == ("Interactions", (tmp_path / "data/a.csv",))
    assert interactions.schema == schema_text("custom/interactions")
    assert (actions.name, actions.schema, actions.data) == ("Action_Interactions", '{"type": "record"}', ())
    for_you, automatic = group.solutions
    assert for_you.members == {"performHPO": True, "recipeArn": "arn:aws:personalize:::recipe/aws-sims"}
    assert [(each.name, each.members) for each in for_you.campaigns] == [("home", {"minProvisionedTPS": 2})]
    assert (automatic.members, automatic.train) == ({"performAutoML": True}, False)
    assert group.recommenders[0].members == {"recipeArn": "arn:aws:personalize:::recipe/aws-vod-top-picks"}
    assert [each.members["filterExpression"] for each in group.filters] == ["INCLUDE x", "INCLUDE y"]
    assert group.event_tracker is not None
    assert group.event_tracker.name == "clicks"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group: {}", "the file: unknown key 'group'; known keys are buckets, groups, region"),
        ("[]", "the file: must be a mapping, not []"),
        ("groups: [films]", "groups: must be a mapping from names, not ['films']"),
        (
            "groups: {g: {dataset: {}}}",
            "groups.g: unknown key 'dataset'; known keys are datasets, domain, eventTracker, filters, kmsKeyArn, "
            "recommenders, roleArn, solutions, tags",
        ),
        (
            "groups: {g: {datasets: {views: {}}}}",
            "groups.g.datasets.views: unknown dataset 'views'; known ones are interactions, items, users, actions, "
            "action-interactions",
        ),
        ("groups: {g: {datasets: {items: {}}}}", "groups.g.datasets.items: the key 'schema' is missing"),
        ("groups: {g: {recommenders: {r: {}}}}", "groups.g.recommenders.r: the key 'recipe' is missing"),
        ("groups: {g: {solutions: {s: {train: 1}}}}", "groups.g.solutions.s.train: must be true or false, not 1"),
        (
            "groups: {g: {solutions: {s: {train: false, campaigns: {c: }}}}}",
            "groups.g.solutions.s: campaigns need a trained version, so 'train' must not be false",
        ),
        (
            "groups: {g: {solutions: {s: {campaigns: {c: {tps: 1}}}}}}",
            "groups.g.solutions.s.campaigns.c: unknown key 'tps'; known keys are campaignConfig, minProvisionedTPS, "
            "tags",
        ),
        ("groups: {g: {eventTracker: {}}}", "groups.g.eventTracker: must be a text, not {}"),
        ("groups: {g: {filters: {f: {filter: x}}}}", "groups.g.filters.f: unknown key 'filter'; known keys are "
                                                     "filterExpression, tags"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_what_is(tmp_path: Path, text: str, message: str) -> None:
    assert refused(written(tmp_path, text)) == message


def test_missing_files_are_refused(tmp_path: Path) -> None:
    text = "groups: {g: {datasets: {items: {schema: demo/items, data: items.csv}}}}"
    assert refused(written(tmp_path, text)).endswith(f"items.data: there is no file {tmp_path / 'items.csv'}")
    text = "groups: {g: {datasets: {items: {schema: demo/item}}}}"
    assert refused(written(tmp_path, text)).endswith("and no schema of the package is named so")


def test_text_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    assert refused(written(tmp_path, "a: [")).startswith("not YAML: ")
    assert refused(written(tmp_path, "a: !!python/object/apply:os.getcwd []")).startswith("not YAML: ")


def test_files_of_folders_come_in_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "start"
    folder.mkdir()
    for name in ("20-b.py", "10-a.yaml", "30-c.yml", "notes.txt"):
        written(folder, "", name)
    first = written(tmp_path, "", "first.py")
    found = start_files(f"{first}, {folder}")
    assert [path.name for path, _ in found] == ["first.py", "10-a.yaml", "20-b.py", "30-c.yml"]
    assert [document is None for _, document in found] == [True, False, True, False]


@pytest.mark.parametrize(
    ("name", "message"), [("none.py", "there is no start file or folder"), ("notes.txt", "a start file ends in .py")]
)
def test_other_files_are_refused(tmp_path: Path, name: str, message: str) -> None:
    written(tmp_path, "", "notes.txt")
    with pytest.raises(InvalidStartFile, match=message):
        start_files(str(tmp_path / name))
