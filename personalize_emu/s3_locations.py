"""Where the files of a job are: one object, or the files of a folder (spec 03 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from personalize_emu.neighbours import Listing, ObjectInfo

IMPORT_SUFFIXES = (".csv", ".parquet")
DELETION_SUFFIXES = (".csv",)


class InvalidLocation(Exception):
    """No input can be there; the text is the service's (D-42)."""

    def __init__(self) -> None:
        super().__init__("Invalid Data location.")


@dataclass(frozen=True)
class Location:
    """A place in a bucket. An empty key, or one that ends with a slash, is a folder."""

    bucket: str
    key: str


def parse_location(path: str) -> Location:
    """`s3://bucket/key` in its parts. Raises InvalidLocation for any other scheme (D-42)."""
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidLocation
    return Location(bucket, key)


def input_objects(
    store: Listing, location: Location, suffixes: tuple[str, ...] = IMPORT_SUFFIXES, *, deep: bool = False
) -> list[ObjectInfo]:
    """The objects to read, in the order of their keys (D-48).

    A location that is an object is that one, whatever its name. A folder gives its files of the right suffix
    without empty markers, with `deep` those of its sub-folders too (D-46). A key that is no object but has
    objects below is a folder (D-45). Raises InvalidLocation when there is nothing, and StoreError.
    """
    folder = location.key
    if folder and not folder.endswith("/"):
        # Of all keys with this beginning the key itself comes first.
        first = next(iter(store.list(location.bucket, folder)), None)
        if first is not None and first.key == folder:
            return [first]
        folder += "/"
    found = _files(store.list(location.bucket, folder), folder, suffixes, deep)
    if not found:
        raise InvalidLocation
    return found


def _files(objects: Iterable[ObjectInfo], folder: str, suffixes: tuple[str, ...], deep: bool) -> list[ObjectInfo]:
    chosen = [
        entry
        for entry in objects
        if entry.size and entry.key.lower().endswith(suffixes) and (deep or "/" not in entry.key.removeprefix(folder))
    ]
    return sorted(chosen, key=lambda entry: entry.key)
