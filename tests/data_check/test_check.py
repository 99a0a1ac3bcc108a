"""What `personalize-emu check` says of files: refusals, rows left out, warnings, the minima of recipes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from personalize_emu.cli import main
from personalize_emu.data_check.check import check_files
from personalize_emu.data_check.files import DataFile
from personalize_emu.data_check.findings import Report
from personalize_emu.schema_files import schema_text
from tests.given import POPULARITY, SIMS, USER_PERSONALIZATION, avro, field

VIEWS = avro("Interactions", field("USER_ID"), field("ITEM_ID"), field("TIMESTAMP", "long"))
FILMS = avro("Items", field("ITEM_ID"), field("GENRE", ["null", "string"], categorical=True))
HEADER = "USER_ID,ITEM_ID,TIMESTAMP"
PLENTY = [f"u{number % 50},i{number % 40},{1_600_000_000 + number}" for number in range(1200)]


def written(folder: Path, rows: Sequence[str], header: str = HEADER, name: str = "views.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def checked(folder: Path, rows: Sequence[str], recipe: str | None = None) -> Report:
    return check_files([DataFile(written(folder, rows), VIEWS)], recipe=recipe)


def texts(report: Report, level: str) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == level]


def test_conforming_file_has_notes_only(tmp_path: Path) -> None:
    report = checked(tmp_path, PLENTY, recipe="aws-user-personalization")
    assert {finding.level for finding in report.findings} == {"note"}
    assert "1,200 distinct interactions of 50 users with 40 items" in texts(report, "note")
    assert texts(report, "note")[-1] == "enough data to train: 1,200 interactions, 40 items"


def test_rows_left_out_are_named_by_line_and_column(tmp_path: Path) -> None:
    """D-58."""
    report = checked(tmp_path, [*PLENTY, "u1,i1,soon", "u1,i1"])
    assert not report.refused
    assert texts(report, "warning") == [
        "2 of 1,202 (0.2 %) rows do not conform to the schema and are left out (D-58)",
        "left out: views.csv, line 1202, column TIMESTAMP: 'soon' is not of type long",
        "left out: views.csv, line 1203: 2 values, the header has 3",
    ]


def test_too_many_nonconforming_rows_are_refused(tmp_path: Path) -> None:
    report = checked(tmp_path, [*PLENTY, *["u1,i1,soon"] * 100])
    assert report.refused
    assert texts(report, "refused")[0].startswith("Input csv has rows that do not conform to the dataset schema.")


def test_missing_column_is_refused_with_the_text_of_the_service(tmp_path: Path) -> None:
    """D-51."""
    file = DataFile(written(tmp_path, ["u1,i1"], "USER_ID,ITEM_ID"), VIEWS)
    assert texts(check_files([file]), "refused")[0].startswith(
        "Input CSV is missing the following columns:[TIMESTAMP]."
    )


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    """D-74."""
    wanted = "Input data has 999 interactions. A minimum of 1000 interactions is required."
    assert texts(checked(tmp_path, PLENTY[:999]), "refused") == [wanted]


def test_milliseconds_are_warned_of(tmp_path: Path) -> None:
    """D-62."""
    rows = [f"{row}000" for row in PLENTY]
    assert texts(checked(tmp_path, rows), "warning")[0].startswith("TIMESTAMP: 1200 of 1200 values look like millisec")


def test_duplicates_count_once_for_the_minimum_of_a_recipe(tmp_path: Path) -> None:
    """D-82, T-80."""
    report = checked(tmp_path, PLENTY[:600] * 2, recipe=SIMS)
    assert "600 of 1,200 (50.0 %) rows are exact duplicates and count once (D-82)" in texts(report, "warning")
    assert texts(report, "refused") == ["Dataset has fewer than 1000 interactions"]


def test_users_with_one_interaction_are_too_few_for_a_recipe(tmp_path: Path) -> None:
    """R-40."""
    rows = [f"u{number},i{number % 40},{1_600_000_000 + number}" for number in range(1200)]
    report = checked(tmp_path, rows, recipe=USER_PERSONALIZATION)
    assert texts(report, "refused") == ["Dataset has fewer than 25 users with at least 2 interactions each."]


def test_skewed_users_are_warned_of(tmp_path: Path) -> None:
    rows = PLENTY + [f"robot,i{number % 40},{1_500_000_000 + number}" for number in range(2000)]
    assert any(
        text.startswith("skewed: 1 % of the users have 62 %") for text in texts(checked(tmp_path, rows), "warning")
    )


def test_cold_and_missing_items_are_counted(tmp_path: Path) -> None:
    items = [f"i{number},drama" for number in range(1, 100)]
    files = [
        DataFile(written(tmp_path, PLENTY), VIEWS),
        DataFile(written(tmp_path, items, "ITEM_ID,GENRE", "films.csv"), FILMS),
    ]
    assert texts(check_files(files), "warning") == [
        "60 of 99 (60.6 %) items have no interaction (cold items)",
        "1 of 40 (2.5 %) items with interactions are not in the file, the first 'i0'",
    ]


def test_columns_are_checked_against_the_advice_of_the_guide(tmp_path: Path) -> None:
    """D-67, D-83."""
    items = [f"i{number},g{number}" for number in range(1001)]
    items += ["i1,", "a b,"] + [f"n{number}," for number in range(600)]
    report = check_files([DataFile(written(tmp_path, items, "ITEM_ID,GENRE"), FILMS)])
    warnings = texts(report, "warning")
    assert any("as 'a b'; ids should not" in text for text in warnings)
    assert "GENRE has 1,001 categories; there should be at most 1,000 (D-67)" in warnings
    assert any(text.startswith("GENRE is filled in 1,001 of 1,603 (62.4 %) rows") for text in warnings)
    assert any(text.startswith("1 of 1,603 (0.1 %) rows repeat an ITEM_ID") for text in warnings)


def test_schema_that_fits_no_dataset_type_is_refused(tmp_path: Path) -> None:
    """D-2."""
    file = DataFile(written(tmp_path, PLENTY), VIEWS.replace("Interactions", "Clicks"))
    assert texts(check_files([file]), "refused") == [
        "the schema is not accepted: name Clicks belongs to no dataset type; "
        "use one of Interactions, Items, Users, Actions, ActionInteractions"
    ]


def test_use_cases_bring_their_domain_and_event_type(tmp_path: Path) -> None:
    """D-32, R-90."""
    rows = [f"{row},Watch" for row in PLENTY[:900]] + [f"{row},Click" for row in PLENTY[900:]]
    file = DataFile(written(tmp_path, rows, f"{HEADER},EVENT_TYPE"), schema_text("video-on-demand/interactions"))
    report = check_files([file], recipe="aws-vod-most-popular")
    assert texts(report, "refused") == ["Dataset has fewer than 1000 interactions after filtering by event type: Watch"]
    untyped = check_files([DataFile(written(tmp_path, PLENTY), VIEWS)], recipe="aws-vod-top-picks")
    assert "missing the following columns: [EVENT_TYPE]" in texts(untyped, "refused")[0]


def test_missing_datasets_of_a_recipe_are_refused(tmp_path: Path) -> None:
    """R-79."""
    report = checked(tmp_path, PLENTY, recipe="aws-semantic-similarity")
    assert texts(report, "refused") == ["the recipe needs a dataset of type ITEMS"]


def test_a_folder_is_read_as_one_file(tmp_path: Path) -> None:
    """D-46, D-48."""
    folder = tmp_path / "views"
    folder.mkdir()
    written(folder, PLENTY[:600], name="1.csv")
    written(folder, PLENTY[600:], name="2.csv")
    (folder / "_SUCCESS").write_text("")
    report = check_files([DataFile(folder, VIEWS)], recipe=POPULARITY)
    assert not report.refused
    assert "INTERACTIONS, 1,200 rows" in texts(report, "note")


def test_the_command_prints_findings_and_fails_if_any_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "views.avsc"
    schema.write_text(VIEWS)
    path = written(tmp_path, PLENTY)
    assert main(["check", str(path), "--schema", str(schema)]) == 0
    assert capsys.readouterr().out.endswith("nothing to object to\n")
    assert main(["check", str(written(tmp_path, PLENTY[:10])), "--schema", "custom/interactions", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["refused"]
    assert shown["findings"][-1]["level"] == "refused"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.csv", "--schema", "custom/items"], 1, "cannot read none.csv: No such file or directory"),
        (["none.csv", "--schema", "none.avsc"], 1, "cannot read none.avsc: No such file or directory"),
        (["none.csv", "--schema", "none.avsc"], 1, "bundled schemas are custom/action_interactions,"),
        (["none.csv"], 1, "cannot read none.csv: No such file or directory"),
        ([__file__], 2, "one of the bundled custom/action_interactions, custom/actions, custom/interactions,"),
        ([__file__], 2, f"without a schema, this guesses the columns: personalize-emu try {__file__}"),
        (["a.csv", "b.csv", "--schema", "custom/items"], 2, "2 files and 1 schemas: give one --schema for each file"),
        (["a.csv", "--schema", "custom/items", "--recipe", "aws-magic"], 2, "no recipe 'aws-magic'"),
    ],
)
def test_wrong_use_says_what_to_do(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == code
    assert message in capsys.readouterr().err


def test_two_files_of_one_type_are_refused_with_the_way_out(tmp_path: Path) -> None:
    file = DataFile(written(tmp_path, PLENTY), VIEWS)
    with pytest.raises(ValueError, match="two files of type INTERACTIONS; put them in one folder"):
        check_files([file, file])
