"""Locations of job files: one object, or the objects of a folder (spec 03 section 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalize_emu.aws_services import Listing, ObjectInfo

Chosen = Callable[[str], bool]
"""Whether an object with this key is read as part of its folder."""


class InvalidLocation(Exception):
    """The location contains no input; the message is that of the service (D-42) with details in brackets."""

    def __init__(self, hint: str = "") -> None:
        super().__init__(f"Invalid Data location. ({hint})" if hint else "Invalid Data location.")


@dataclass(frozen=True)
class Location:
    """A bucket and key. An empty key, or one that ends with a slash, is a folder."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_location(path: str) -> Location:
    """Parse `s3://bucket/key`. Raises InvalidLocation for any other scheme (D-42)."""
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidLocation("it must have the form s3://BUCKET/KEY")
    return Location(bucket, key)


def is_data_file(key: str) -> bool:
    """Import jobs read all objects except marker files such as `_SUCCESS`, `.crc`, `x.csv.metadata` (D-46)."""
    name = key.rpartition("/")[2].lower()
    return bool(name) and not name.startswith(("_", ".")) and not name.endswith(".metadata")


def is_csv_file(key: str) -> bool:
    """Filter for data deletion jobs (D-46)."""
    return key.lower().endswith(".csv")


def is_any_file(_: str) -> bool:
    """Filter for batch jobs."""
    return True


def input_objects(
    store: Listing, location: Location, chosen: Chosen = is_data_file, *, deep: bool = False
) -> list[ObjectInfo]:
    """The objects to read, in the order of their keys (D-48).

    If the location is an object, that object. For a folder, its objects that are `chosen` and not empty, with `deep`
    those of sub-folders too (D-46). A key that is no object but a prefix of objects is a folder (D-45). Raises
    InvalidLocation if there are none, and StoreError.
    """
    folder = location.key
    if folder and not folder.endswith("/"):
        # The key itself is listed before all keys that start with it.
        first = next(iter(store.list(location.bucket, folder)), None)
        if first is not None and first.key == folder:
            return [first]
        folder += "/"
    there = list(store.list(location.bucket, folder))
    near = [entry for entry in there if deep or "/" not in entry.key.removeprefix(folder)]
    found = [entry for entry in near if entry.size and chosen(entry.key)]
    if not found:
        raise InvalidLocation(_nothing(location, len(near), len(there) - len(near)))
    return sorted(found, key=lambda entry: entry.key)


def _nothing(location: Location, near: int, below: int) -> str:
    """The reason why there is no input. near: objects that were not chosen. below: objects in sub-folders."""
    if not near and not below:
        return f"there is no object {location} and no folder of that name"
    reasons = [f"empty objects, markers or objects of another kind ({near})"] if near else []
    reasons += [f"objects in sub-folders ({below}), which are not read"] if below else []
    return f"no file to read at {location}, only {' and '.join(reasons)}"
