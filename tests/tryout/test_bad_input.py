"""What `try` and `try_out` say about files that they cannot use, and about odd ones that they can."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu import try_out
from personalize_emu.cli import main
from personalize_emu.tryout.advice import UnsuitableData, checked
from personalize_emu.tryout.columns import ColumnNotFound, guess_columns
from personalize_emu.tryout.conversion import interactions_of
from personalize_emu.tryout.moments import seconds_reader, time_unit
from personalize_emu.tryout.session import TryFailed
from personalize_emu.tryout.tables import Table, UnreadableTable, read_csv

NOW = 1_700_000_000
RECIPE = "aws-user-personalization-v2"
ROWS = [(f"u{number % 50}", f"i{number % 37}", str(1_600_000_000 + number)) for number in range(1200)]


def csv(header: str, *rows: tuple[str, ...], separator: str = ",") -> bytes:
    return "".join(f"{line}\n" for line in (header, *map(separator.join, rows))).encode()


def run(folder: Path, content: bytes, *options: str, name: str = "ratings.csv") -> int:
    path = folder / name
    path.write_bytes(content)
    return main(["try", str(path), *options, "--no-serve"])


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        pytest.param(b"", ["ratings.csv is empty"], id="empty"),
        pytest.param(b" \n\n", ["ratings.csv is empty"], id="blank"),
        pytest.param(b"user,item,time\n", ["has a header line and no rows"], id="header only"),
        pytest.param(gzip.compress(b"user,item\na,b\n"), ["packed with gzip; unpack it"], id="gzip"),
        pytest.param(b"PK\x03\x04\0\0", ["ZIP archive or an Excel file"], id="Excel"),
        pytest.param(b"PAR1\0", ["in the Parquet format"], id="Parquet"),
        pytest.param(b"a\0b", ["is not a text file"], id="binary"),
        pytest.param(b'[{"user": 1}]', ["looks like JSON"], id="JSON"),
        pytest.param(b"1::1193::5::978300760\n", ["one column only", "sed 's/::/,/g'"], id="two colons"),
        pytest.param(b"user item time\na b 1\n", ["one column only", "'user item time'", "sed"], id="blanks"),
        pytest.param(b"196\t242\t3\t881250949\n1\t2\t3\t4\n", ["has no header", "user,item,rating"], id="no header"),
        pytest.param(b"user,user,item\na,b,c\n", ["two columns named 'user'"], id="repeated column"),
        pytest.param(b'user,item\n"a,b\n' + b"x" * 140_000, ["line", "Is a quote not closed?", "commas"], id="quote"),
        pytest.param(
            b'a,b\n1,2\n3,"4\n5,6\n',
            ["line 3: the row that begins here has no end. Is a quote not closed?"],
            id="quote in a short file",
        ),
        pytest.param(
            b"user,item\na;b;c\na;b;c\na,b\n", ["row 1 has 1 values, the header 2", "separated by commas"], id="mixed"
        ),
        pytest.param(
            csv("id,what,when", *ROWS),
            [
                "which column of ratings.csv is the user, and which the item? It has id, what, when; say it with "
                "--user-column and --item-column (user= and item= in Python)",
                "ratings.csv --user-column USER_COLUMN --item-column ITEM_COLUMN --time-column when --no-serve",
            ],
            id="no user and no item",
        ),
        pytest.param(
            csv("who,item,seen,sold", *((*row, row[2]) for row in ROWS)),
            [
                "is the user, and which the time (seen and sold have times; '' if none is it)? It has who, item, seen",
                "--user-column USER_COLUMN --item-column item --time-column TIME_COLUMN",
            ],
            id="two times",
        ),
        pytest.param(
            csv("movieId,title,genres", *((str(n), f"Film {n}", "Drama") for n in range(30))),
            ["which column of ratings.csv is the user?", "Every row has another movieId", "with --items"],
            id="items",
        ),
        pytest.param(
            csv("user,item,time", *(("me", item, time) for _, item, time in ROWS)),
            ["fewer than 25 users", "all rows have the same user, user 'me'", "--user-column", "guessed: user user"],
            id="one user",
        ),
        pytest.param(
            csv("user,item,time", *((str(n % 9), item, time) for n, (_, item, time) in enumerate(ROWS))),
            ["fewer than 25 users", "user has 9 different values only: if another column is the user, --user-column"],
            id="few users",
        ),
        pytest.param(
            csv("user,item,time", *((str(n), item, time) for n, (_, item, time) in enumerate(ROWS))),
            ["fewer than 25 users", "nearly every row has another user", "if user numbers the rows"],
            id="numbered rows",
        ),
        pytest.param(
            csv("user,item,time", *((user, item, "soon") for user, item, _ in ROWS)),
            [
                *("1,200 rows, 0 of them", "1,200 values of time are no times, the first 'soon'", "--time-column"),
                "times may be seconds, milliseconds, microseconds or nanoseconds since 1970, 2025-12-31, 2025/12/31",
                "if time is the time, write it in one of the forms that the note names",
            ],
            id="no times",
        ),
        pytest.param(
            csv("user,item,time", *ROWS[:999]),
            ["A minimum of 1000 interactions is required", "a file with more rows"],
            id="too few",
        ),
        pytest.param(csv("user,item,time", *[ROWS[0]] * 1200), ["fewer than 1000 interactions"], id="duplicates"),
    ],
)
def test_bad_files_are_explained_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, messages: list[str]
) -> None:
    assert run(tmp_path, content) == 2
    error = capsys.readouterr().err
    assert error.startswith("personalize-emu: ")
    assert "Traceback" not in error
    for message in messages:
        assert message in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--recipe", "none"), "no recipe 'none'"),
        (("--recipe", "aws-sims"), "aws-sims does not recommend items to users"),
        (("--recipe", "aws-personalized-ranking"), "aws-personalized-ranking does not recommend items to users"),
        (("--user-column", "x"), "ratings.csv has no column 'x'; it has user, item, time"),
        (("--user-column", ""), "ratings.csv has no column ''"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run(tmp_path, csv("user,item,time", *ROWS), *options) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out, "columns of a file that is not used"


def found_in(folder: Path, content: bytes, **columns: str) -> tuple[Table, list[str]]:
    """A file that can be used, and all that is said about it."""
    path = folder / "ratings.csv"
    path.write_bytes(content)
    table = read_csv(path)
    guess = guess_columns(table, columns)
    upload = interactions_of(table, guess)
    findings = checked(table, guess, {"Interactions": upload}, RECIPE, NOW)
    return table, [*table.notes, *upload.notes, *(finding.text for finding in findings)]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        pytest.param(
            csv("user,item,time", *((user, item, time + "000") for user, item, time in ROWS)),
            ["times are in milliseconds; they are imported in seconds", "from 2020-09-13 to 2020-09-13"],
            id="milliseconds",
        ),
        pytest.param(
            csv("user,item,time", *((user, item, time + "0" * 9) for user, item, time in ROWS)),
            ["times are in nanoseconds; they are imported in seconds"],
            id="nanoseconds",
        ),
        pytest.param(
            csv("user,item,time", *((user, item, f"{1 + n % 28}/2/2023") for n, (user, item, _) in enumerate(ROWS))),
            ["dates with slashes are read as day/month/year", "from 2023-02-01 to 2023-02-28"],
            id="days first",
        ),
        pytest.param(
            csv("user,item,time", *((user, item, f"2/{1 + n % 28}/2023") for n, (user, item, _) in enumerate(ROWS))),
            ["dates with slashes are read as month/day/year", "from 2023-02-01 to 2023-02-28"],
            id="months first",
        ),
        pytest.param(
            csv("user,item,time", *((user, item, str(2 * int(time))) for user, item, time in ROWS)),
            ["1,200 of 1,200 (100.0 %) timestamps are in the future, the last on 2071-"],
            id="future",
        ),
        pytest.param(
            csv("user,item,time", *ROWS, ("é", "ü", "1600000000")).decode().encode("latin-1"),
            ["not in UTF-8 (line 1202): read as Latin-1"],
            id="Latin-1",
        ),
        pytest.param(csv("user,item,time", *ROWS).decode().encode("utf-16"), ["read as UTF-16"], id="UTF-16"),
        pytest.param(
            csv("user,item,time", *ROWS, *ROWS[:600]),
            ["600 of 1,800 (33.3 %) rows are exact duplicates"],
            id="repeated",
        ),
        pytest.param(
            csv("user,item,time", *ROWS, ("u1", "i1"), ("u1", "i1", "1", "2")),
            ["2 rows with another number of values than the header are left out: row 1201 has 2 values"],
            id="other widths",
        ),
        pytest.param(
            csv("user,item,time", *ROWS, ("u1", "i1", "soon"), ("", "i1", "1")),
            ["1 values of time are no times, the first 'soon'", "2 rows without user, item, time"],
            id="incomplete rows",
        ),
    ],
)
def test_odd_files_are_used_and_described(tmp_path: Path, content: bytes, notes: list[str]) -> None:
    _, found = found_in(tmp_path, content)
    for note in notes:
        assert any(text.startswith(note) for text in found), found


def test_a_column_can_be_left_out(tmp_path: Path) -> None:
    content = csv("user,item,time", *((user, item, "soon") for user, item, _ in ROWS))
    _, found = found_in(tmp_path, content, time="")
    assert "there is no time: rows are taken to be in order, a minute apart" in found


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("964982703", "seconds"),
        ("964982703000", "milliseconds"),
        ("964982703000000", "microseconds"),
        ("964982703000000000", "nanoseconds"),
        ("2000-07-30", "seconds"),
    ],
)
def test_units_of_time_follow_from_their_size(value: str, unit: str) -> None:
    assert time_unit([value])[1] == unit
    assert (seconds_reader([value])(value) or 0) // 86_400 == 964982703 // 86_400


def test_films_of_movielens_are_no_interactions(tmp_path: Path) -> None:
    """Ratings and interactions can be used; films, and what is known of them, are no interactions."""
    ratings = csv("userId,movieId,rating,timestamp", *((user, item, "4.0", time) for user, item, time in ROWS))
    watched = csv("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *((*row, "watch") for row in ROWS))
    for content, time in ((ratings, "timestamp"), (watched, "TIMESTAMP")):
        table, found = found_in(tmp_path, content)
        assert guess_columns(table).time == time
        assert not any("future" in text or "no times" in text for text in found)
    films = [(str(number), f'"Film, The ({1950 + number})"', "Drama|Comedy") for number in range(40)]
    for header in ("movieId,title,genres", "ITEM_ID,GENRES,YEAR"):
        (tmp_path / "films.csv").write_bytes(csv(header, *films))
        with pytest.raises(ColumnNotFound, match="is this a file of items"):
            guess_columns(read_csv(tmp_path / "films.csv"))


def test_data_frames_are_explained_as_files_are() -> None:
    rows = [{"user": "me", "item": item, "time": time} for _, item, time in ROWS]
    with pytest.raises(UnsuitableData, match=r"all rows have the same user.*\(user= in Python\)"):
        try_out(rows)


def test_a_recipe_that_the_service_refuses_is_explained() -> None:
    rows = [{"user": user, "item": item, "time": time} for user, item, time in ROWS]
    with pytest.raises(TryFailed, match="aws-hrnn cannot be trained: "):
        try_out(rows, recipe="aws-hrnn")


TEXTS = st.text(st.sampled_from("a1\"',;\t|\r\n.:- \x00é"), max_size=60)


def check_with_first_columns(path: Path) -> None:
    """User and item are the first two columns."""
    table = read_csv(path)
    guess = guess_columns(table, {"user": table.columns[0], "item": table.columns[1]})
    checked(table, guess, {"Interactions": interactions_of(table, guess)}, RECIPE, NOW)


@given(content=TEXTS.map(str.encode) | st.binary(max_size=60))
def test_any_content_is_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    # Sixty characters are never enough to train.
    with pytest.raises((UnreadableTable, ColumnNotFound, UnsuitableData)):
        check_with_first_columns(path)
