"""Domain dataset groups with imported data and known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from personalize_emu.schema_files import schema_text
from tests.given import Given, two_camps

RECIPE = "arn:aws:personalize:::recipe/aws-"
TypedRow = tuple[str, str, int, str]


def nothing() -> None:
    """For emulators that finish inside the call."""


def typed(rows: Sequence[tuple[str, str, int]], *event_types: str) -> list[TypedRow]:
    """Rows with these event types in turn."""
    return [(*row, event_types[number % len(event_types)]) for number, row in enumerate(rows)]


def later(rows: Sequence[tuple[str, str, int]], seconds: int = 10**6) -> list[tuple[str, str, int]]:
    return [(user, item, time + seconds) for user, item, time in rows]


def shop_rows() -> list[TypedRow]:
    """Views in two groups of users; purchases of every third item; one user with many events on one item."""
    views = typed(two_camps(), "View", "view", "VIEW")
    bought = [(user, f"i{int(item[1:]) // 6 * 6 + int(item[1:]) % 2:03d}", time) for user, item, time in two_camps()]
    in_love = [("u-in-love", "i-loved", 1_600_000_000 + step) for step in range(40)]
    return [*views, *typed(later(bought), "Purchase", "purchase"), *typed(in_love, "View")]


def cinema_rows() -> list[TypedRow]:
    """Films watched in two groups of users; one user who watches one film repeatedly."""
    in_love = [("u-in-love", "i-loved", 1_600_000_000 + step) for step in range(40)]
    return [*typed(two_camps(), "Watch", "watch"), *typed(in_love, "Watch")]


def events_csv(rows: Sequence[TypedRow]) -> str:
    return "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def films_csv(rows: Sequence[TypedRow]) -> str:
    """The films of the rows, and one without interactions."""
    films = sorted({row[1] for row in rows} | {"i-new"})
    return "ITEM_ID,GENRES,CREATION_TIMESTAMP\n" + "".join(f"{film},Drama|Crime,1600000000\n" for film in films)


def shop(given: Given, rows: Sequence[TypedRow] | None = None, wait: Callable[[], None] = nothing) -> str:
    """An ECOMMERCE group; `wait` advances time."""
    return _group(given, "ECOMMERCE", "ecommerce", shop_rows() if rows is None else rows, wait)


def cinema(given: Given, rows: Sequence[TypedRow] | None = None, *, films: bool = True) -> str:
    """A VIDEO_ON_DEMAND group."""
    rows = cinema_rows() if rows is None else rows
    group = _group(given, "VIDEO_ON_DEMAND", "video-on-demand", rows, nothing)
    if films:
        text = schema_text("video-on-demand/items")
        schema = given.schema(text, "films-schema", domain="VIDEO_ON_DEMAND")
        dataset = given.dataset(group, schema, "Items", "films")
        given.import_job(dataset, given.upload(films_csv(rows), "films.csv"), "films-import")
    return group


def _group(given: Given, domain: str, folder: str, rows: Sequence[TypedRow], wait: Callable[[], None]) -> str:
    group = given.group(folder, domain=domain)
    wait()
    schema = given.schema(schema_text(f"{folder}/interactions"), f"{folder}-schema", domain=domain)
    dataset = given.dataset(group, schema, name=f"{folder}-events")
    wait()
    given.import_job(dataset, given.upload(events_csv(rows), f"{folder}.csv"), f"{folder}-import")
    wait()
    return group


def recommender(given: Given, group: str, use_case: str, name: str = "recommender", **extra: object) -> str:
    """`use_case` as in `ecomm-popular-items-by-views`."""
    answer = given.personalize.create_recommender(
        name=name, datasetGroupArn=group, recipeArn=RECIPE + use_case, **extra
    )
    arn: str = answer["recommenderArn"]
    return arn
