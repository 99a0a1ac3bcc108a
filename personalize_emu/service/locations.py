"""Where input lies in S3: one file, or a folder of files (D-41 to D-48)."""

from __future__ import annotations

from dataclasses import dataclass

from personalize_emu.neighbours import (
    AccessDenied,
    NoSuchBucket,
    ObjectInfo,
    ObjectStore,
    StoreError,
)
from personalize_emu.wire.errors import InvalidInputException

INVALID_LOCATION = "Invalid Data location."
_DATA_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class S3Location:
    bucket: str
    key: str


def insufficient_privileges(bucket: str) -> str:
    """E-6."""
    return (
        "Insufficient privileges for accessing data in S3. Please look at "
        "https://docs.aws.amazon.com/personalize/latest/dg/"
        "granting-personalize-s3-access.html#attach-bucket-policy "
        f"and fix bucket policy on {bucket}."
    )


def parse_location(text: str | None) -> S3Location:
    """`s3://<bucket>/<key or folder/>`; anything else is refused (D-42, P-55)."""
    scheme, _, rest = (text or "").partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InvalidInputException(INVALID_LOCATION)
    return S3Location(bucket, key)


def input_files(objects: ObjectStore, location: S3Location) -> list[ObjectInfo]:
    """The objects to read, in the order of their keys (D-48); never an empty list.

    A location that is no object but has objects below it is a folder, whose direct .csv and .parquet files
    are read (D-45, D-46).

    Raises:
        InvalidInputException: nothing there (E-11), or the bucket cannot be read (E-6).
    """
    try:
        listed = list(objects.list(location.bucket, location.key))
    except (AccessDenied, NoSuchBucket):
        raise InvalidInputException(insufficient_privileges(location.bucket)) from None
    except StoreError as error:
        raise InvalidInputException(f"{INVALID_LOCATION} {error}") from error
    files = [info for info in listed if info.key == location.key] or _in_folder(listed, location.key)
    if not files:
        raise InvalidInputException(INVALID_LOCATION)
    return files


def _in_folder(listed: list[ObjectInfo], folder: str) -> list[ObjectInfo]:
    prefix = folder if not folder or folder.endswith("/") else folder + "/"
    files = (
        info
        for info in listed
        if info.key.startswith(prefix)
        and "/" not in info.key[len(prefix) :]
        and info.key.lower().endswith(_DATA_SUFFIXES)
        and info.size > 0
    )
    return sorted(files, key=lambda info: info.key)
