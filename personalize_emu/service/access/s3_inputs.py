"""S3 locations that requests name: parsing, and the service's texts for what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

from personalize_emu.aws_services import AccessDenied, Listing, NoSuchBucket, ObjectInfo, StoreError
from personalize_emu.s3_locations import InvalidLocation, Location, input_objects, parse_location
from personalize_emu.state.jobs import JobFailed
from personalize_emu.wire.errors import InvalidInputException

NO_ACCESS = "Insufficient privileges for accessing data in Amazon S3."
"""Failure reason of a job that may not read (E-7)."""

NO_WRITE_ACCESS = "Insufficient privileges for accessing data in S3."
"""Failure reason of a job that may not write (D-109)."""


def insufficient_privileges(bucket: str) -> str:
    """E-6."""
    return (
        "Insufficient privileges for accessing data in S3. Please look at "
        "https://docs.aws.amazon.com/personalize/latest/dg/"
        "granting-personalize-s3-access.html#attach-bucket-policy "
        f"and fix bucket policy on {bucket}."
    )


def requested_location(text: str | None) -> Location:
    """Raises InvalidInputException when the text is missing or not of the form s3://... (D-42, P-55)."""
    try:
        return parse_location(text or "")
    except InvalidLocation as error:
        raise InvalidInputException(str(error)) from error


def output_folder(path: str) -> Location:
    """A destination; its key is empty or ends with a slash, even if the path did not (D-107).

    Raises:
        InvalidInputException: D-109.
    """
    try:
        location = parse_location(path)
    except InvalidLocation as error:
        raise InvalidInputException("Invalid S3 output path") from error
    key = location.key
    return Location(location.bucket, f"{key}/" if key and not key.endswith("/") else key)


def requested_objects(objects: Listing, location: Location) -> list[ObjectInfo]:
    """The files to read, never none. Raises InvalidInputException (R-DIJ-8, R-DIJ-9, D-45)."""
    try:
        return input_objects(objects, location)
    except InvalidLocation as error:
        raise InvalidInputException(str(error)) from error
    except StoreError as error:
        raise InvalidInputException(unreadable(error)) from error


def refuse_too_large(objects: Iterable[ObjectInfo], most_bytes: int | None) -> None:
    """Raises JobFailed when all objects together are larger than allowed (D-73, Q-26, Q-27, Q-41, Q-42)."""
    size = sum(info.size for info in objects)
    if most_bytes is not None and size > most_bytes:
        raise JobFailed(f"Input data has {size} bytes. A maximum of {most_bytes} bytes is allowed.")


def unreadable(error: StoreError) -> str:
    """The error text of a Create operation when S3 refuses or fails."""
    if isinstance(error, AccessDenied | NoSuchBucket):
        return f"{insufficient_privileges(error.bucket)} ({_cause(error)})"
    return f"Invalid Data location. ({_cause(error)})"


def unreadable_at_work(error: StoreError | InvalidLocation) -> str:
    """The failure reason of a job when S3 refuses or fails, or an object no longer exists."""
    if isinstance(error, InvalidLocation):
        return str(error)
    known = NO_ACCESS if isinstance(error, AccessDenied | NoSuchBucket) else "Invalid Data location."
    return f"{known} ({_cause(error)})"


def unwritable_at_work(error: StoreError) -> str:
    """The failure reason of a job whose output cannot be written."""
    return f"{NO_WRITE_ACCESS} ({_cause(error)})"


def _cause(error: StoreError) -> str:
    """Added to the service's texts: no such bucket, no access, or no response."""
    if isinstance(error, NoSuchBucket):
        return f"there is no bucket {error.bucket}"
    if isinstance(error, AccessDenied):
        return f"bucket {error.bucket} cannot be accessed: {error.detail}"
    return str(error)
