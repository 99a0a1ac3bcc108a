"""From files and data frames of many forms to recommendations (`personalize-emu try`, `try_out`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_emu import try_out
from personalize_emu.cli import main
from personalize_emu.data_check.check import check_files
from personalize_emu.data_check.files import DataFile
from personalize_emu.tryout.columns import ColumnNotFound, guess_columns, item_column
from personalize_emu.tryout.conversion import interactions_of, items_of, title_column
from personalize_emu.tryout.moments import seconds_reader
from personalize_emu.tryout.names import ROLES, TITLES
from personalize_emu.tryout.session import TryFailed
from personalize_emu.tryout.tables import Table, UnreadableTable, read_csv, table_of
from tests.given import two_camps

HEADER = ("userId", "movieId", "rating", "timestamp")
VIEWS = [{"user_id": user, "item_id": item, "timestamp": time} for user, item, time in two_camps()]
FILMS = [{"item_id": f"i{number:03d}", "title": f"Film {number} ({1950 + number})"} for number in range(60)]


def table(columns: tuple[str, ...], *rows: tuple[str, ...]) -> Table:
    return Table("file.csv", columns, rows)


def written(folder: Path, text: str | bytes, name: str = "ratings.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_guessed(tmp_path: Path, separator: str) -> None:
    lines = [separator.join(line) for line in (HEADER, ("1", "2", "3.5", "964982703"), ("1", "3", "4", "964982704"))]
    found = read_csv(written(tmp_path, "\n".join(lines)))
    assert (found.columns, found.rows[1]) == (HEADER, ("1", "3", "4", "964982704"))


def test_other_encodings_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    assert read_csv(written(tmp_path, "user,item\nJosé,é\n".encode("latin-1"))).rows == (("José", "é"),)
    assert read_csv(written(tmp_path, "\ufeffuser,item\nAnn,a\n")).columns == ("user", "item")


@pytest.mark.parametrize("text", ["", "user,item", "one\ntwo\n", b"PK\0\0", "a,b\n1\n2\n3,4\n"])
def test_files_without_a_table_are_refused(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(UnreadableTable, match=r"ratings\.csv"):
        read_csv(written(tmp_path, text))


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        (HEADER, ("userId", "movieId", "timestamp", None, "rating")),
        (("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"), ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", None)),
        (("date", "Customer", "SKU"), ("Customer", "SKU", "date", None, None)),
        (("visitor id", "event", "product"), ("visitor id", "product", None, "event", None)),
        (
            ("Kundennummer", "Artikel-Nr.", "Zeitpunkt", "Aktion"),
            ("Kundennummer", "Artikel-Nr.", "Zeitpunkt", "Aktion", None),
        ),
        (("event_id", "id_kunde", "Produkt-ID", "time_nr"), ("id_kunde", "Produkt-ID", None, None, None)),
        (("id_client", "produit", "date"), ("id_client", "produit", "date", None, None)),
        (("Usuario", "Artículo", "Fecha", "valoración"), ("Usuario", "Artículo", "Fecha", None, "valoración")),
    ],
)
def test_columns_are_guessed_from_their_names(columns: tuple[str, ...], roles: tuple[str | None, ...]) -> None:
    guess = guess_columns(table(columns))
    assert (guess.user, guess.item, guess.time, guess.event, guess.rating) == roles


def test_given_columns_are_not_guessed() -> None:
    found = guess_columns(table(("a", "b", "userId")), {"user": "a", "item": "b"})
    assert (found.user, found.item) == ("a", "b")
    with pytest.raises(ColumnNotFound, match="no column 'c'; it has a, b, userId"):
        guess_columns(table(("a", "b", "userId")), {"item": "c"})
    with pytest.raises(ColumnNotFound, match=r"which column of file\.csv is the item.*say it with --item-column"):
        guess_columns(table(("userId", "x")))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("964982703", 964982703),
        ("964982703.7", 964982703),
        ("2000-07-30T18:45:03Z", 964982703),
        ("2000-07-30 18:45:03", 964982703),
        ("30.07.2000", 964915200),
        ("30.7.2000 18:45", 964982700),
        ("30.07.2000, 18:45:03", 964982703),
        ("2000/07/30 18:45:03", 964982703),
        ("07/30/2000 18:45:03", 964982703),
        ("30/07/2000", 964915200),
        ("31.02.2000", None),
        ("soon", None),
        ("", None),
        ("nan", None),
    ],
)
def test_times_are_seconds_or_dates(value: str, seconds: int | None) -> None:
    assert seconds_reader([value])(value) == seconds


@pytest.mark.parametrize(
    "form", ["2023-11-{:02d} 09:00", "{:02d}.11.2023 09:00", "17000000{:02d}", "17000000{:02d}000"]
)
def test_a_column_of_times_is_found_by_its_values(form: str) -> None:
    rows = [(f"u{day}", f"i{day}", form.format(day), str(day)) for day in range(1, 29)]
    found = guess_columns(table(("customer", "product", "Buchung", "Menge"), *rows))
    assert "time   Buchung (by its values)" in found.lines()
    few = guess_columns(
        table(("customer", "product", "Buchung"), *(row[:3] for row in rows), *[("u", "i", "soon")] * 2)
    )
    assert few.time is None, "more than a twentieth are no times"
    assert guess_columns(table(("customer", "product", "Buchung", "Menge"), *rows), {"time": ""}).time is None


def test_of_columns_named_as_times_one_with_times_is_taken() -> None:
    rows = [("u", "i", "09:00", "01.11.2023")]
    assert guess_columns(table(("Nutzer", "Artikel", "time", "Datum"), *rows)).time == "Datum"


def test_known_names_are_documented() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "try.md").read_text(encoding="utf-8")
    known = [*(name for names in ROLES.values() for name in names), *TITLES]
    assert not [name for name in known if f"`{name}`" not in page]


@given(moments=st.lists(st.integers(10**9, 2 * 10**9), min_size=1))
def test_milliseconds_are_recognised(moments: list[int]) -> None:
    values = [f"{moment}123" for moment in moments]
    read = seconds_reader(values)
    assert [read(value) for value in values] == moments


def test_converted_files_are_accepted_by_the_service(tmp_path: Path) -> None:
    """Rows that lack a value are left out; a missing time is made up in order."""
    rows = [(f"u{number % 50}", f"i{number % 40}", str(number % 5)) for number in range(1200)]
    found = table(("user", "item", "rating"), *rows, ("", "i1", "3"))
    upload = interactions_of(found, guess_columns(found))
    assert upload.notes == (
        "there is no time: rows are taken to be in order, a minute apart",
        "1 rows without user, item, time or event type are left out",
    )
    file = DataFile(written(tmp_path, upload.csv), upload.schema)
    assert not check_files([file], recipe="aws-user-personalization").refused


def test_items_become_categories_numbers_and_years() -> None:
    films = table(
        ("movieId", "title", "genres", "price", "link"),
        *(
            (str(number), f"Film {number} (1995)", "Drama|Crime", f"{number}.5", f"http://{number}")
            for number in range(9)
        ),
    )
    upload = items_of(films, "movieId")
    assert upload is not None
    fields = {field["name"]: field["type"] for field in json.loads(upload.schema)["fields"]}
    assert fields == {
        "ITEM_ID": "string",
        "GENRES": ["string", "null"],
        "PRICE": ["float", "null"],
        "YEAR": ["int", "null"],
    }
    assert upload.csv.splitlines()[1] == "0,Drama|Crime,0.5,1995"


@pytest.mark.parametrize(
    ("columns", "title"), [(("Bezeichnung", "Text"), "Bezeichnung"), (("Text", "Farbe"), "Text"), (("A", "B"), None)]
)
def test_titles_are_found_by_name_or_as_the_only_different_texts(columns: tuple[str, str], title: str | None) -> None:
    colour = {"Farbe": "red"}
    rows = [(str(n), *(colour.get(name, f"{name} {n}") for name in columns), f"2023-01-{n:02d}") for n in range(1, 20)]
    assert title_column(table(("Nr", *columns, "Stand"), *rows), "Nr") == title


def test_the_column_of_item_ids_is_found_by_its_values() -> None:
    views, films = table(("user", "item"), ("u", "a"), ("u", "b")), table(("year", "code"), ("1999", "b"))
    assert item_column(films, views, guess_columns(views)) == "code"
    with pytest.raises(ColumnNotFound, match=r"no column of file\.csv has the ids"):
        item_column(table(("year",), ("1999",)), views, guess_columns(views))


class Frame:
    """Like a data frame."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self._records = records

    def to_dict(self, _orient: str) -> list[dict[str, Any]]:
        return self._records


def test_a_data_frame_becomes_recommendations_with_titles() -> None:
    """Even users like even items, in this data."""
    with try_out(Frame(VIEWS), FILMS) as tried:
        films, related = tried.recommend("u2", 5), tried.similar("i004", 5)
        even, odd = tried.explain("u2", "i004"), tried.explain("u2", "i005")
        assert {"recommended", "related", "popular"} == set(tried.metrics)
    assert all(int(film.split()[1]) % 2 == 0 for film in films)
    assert all(int(film.split()[1]) % 2 == 0 for film in related)
    assert even.utility > odd.utility


def test_too_little_data_fails_with_the_reason_of_the_service() -> None:
    with pytest.raises(TryFailed, match="A minimum of 1000 interactions is required"):
        try_out(VIEWS[:100])
    with pytest.raises(UnreadableTable, match="must be a data frame or a list of dicts"):
        table_of([1, 2], "the interactions")


def test_the_command_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings = written(tmp_path, "userId;movieId;date\n" + "".join(f"{u};{i};{t}000\n" for u, i, t in two_camps()))
    films = written(tmp_path, "movieId,title\n" + "".join(f"{f['item_id']},{f['title']}\n" for f in FILMS), "films.csv")
    assert main(["try", str(ratings), "--items", str(films), "--user", "u3", "--no-serve"]) == 0
    printed = capsys.readouterr()
    assert "  time   date" in printed.out
    assert "item movieId, 60 titles in title\n" in printed.out
    assert "ndcg" in printed.out or "normalized_discounted_cumulative_gain_at_10" in printed.out
    shown = printed.out.partition("user u3\n")[2].splitlines()
    assert all(int(line.split()[2]) % 2 == 1 for line in shown[:3]), shown
    assert "training aws-user-personalization-v2: done" in printed.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "which column of ratings.csv is the user, and which the item? It has a, b; say it with --user-"),
        ("user,item\nu,i\n", "A minimum of 1000 interactions is required"),
    ],
)
def test_bad_files_say_what_to_do(tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(written(tmp_path, text)), "--no-serve"]) == 2
    assert message in capsys.readouterr().err
