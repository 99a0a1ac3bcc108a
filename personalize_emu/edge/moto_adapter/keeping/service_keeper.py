"""Buckets, objects, identities and keys of the embedded services in the data directory of a server.

    a request that changes S3       ─▶ a row for its bucket, and one for its key with all versions
    a part of an upload             ─▶ a row for the upload, and one for each part
    a request to IAM, STS or KMS    ─▶ one row for each account, if it is different (whole_stores.py)

Rows are written before the answer is sent. Of other services nothing is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.s3.models import FakeMultipart, s3_backends
from moto.s3.responses import S3Response

from personalize_emu.durability.records import text_of
from personalize_emu.durability.service_rows import ServiceRow, ServiceRows
from personalize_emu.edge.moto_adapter.keeping.object_trees import TreeReader, TreeWriter
from personalize_emu.edge.moto_adapter.keeping.whole_stores import WHOLE_STORES, WholeStore, managed_policy, stores
from personalize_emu.edge.moto_adapter.resetting import using_services

INLINE = 1 << 16
"""Bytes; a larger object is in a file of its own."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
BUCKET, KEY, KMS, UPLOAD = "bucket", "key", "kms", "upload"
UPLOADING = frozenset({"uploads", "uploadId"})
"""Parameters of requests that begin or end an upload."""
_PARTS = frozenset({"parts", "partlist"})
_NOT_OF_BUCKETS = frozenset({"keys", "multiparts"})
_CHANGES_BUCKETS = frozenset({"cloudformation", "tagging"})
"""Services whose requests may change what is of S3."""


class ServiceKeeper:
    """Writes the stores of this process to rows. Methods for buckets are called while S3 is locked."""

    def __init__(self, rows: ServiceRows) -> None:
        self._rows = rows
        self._whole: dict[str, str] = {}
        self._versions: dict[str, list[tuple[str, datetime]]] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Fill the empty stores. Raises UnusableDirectory."""
        for name, node in sorted(self._rows.rows(), key=lambda row: (row[0].startswith(KEY), row[0])):
            try:
                self._restore(name, node)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise self._rows.damaged(name, error) from error

    def _restore(self, name: str, node: Any) -> None:
        kind, _, _ = name.partition(" ")
        reader = TreeReader(partial(self._rows.read, owner=name), managed_policy(node))
        if kind in WHOLE_STORES:
            self._whole[name] = text_of(node)
            WHOLE_STORES[kind].restore(node, reader)
        elif kind == BUCKET:
            _restore_bucket(node, reader)
        elif kind == UPLOAD:
            _restore_upload(node, reader)
        else:
            self._versions[name] = _marks(_restore_key(node, reader))

    def forget(self) -> None:
        """Remove all rows. Raises NotWritten."""
        self._rows.put(dict.fromkeys(self._rows.names("")))
        self._whole.clear()
        self._versions.clear()

    def keep_bucket(self, name: str) -> None:
        """Its configuration and tags, and all its keys if it has been removed. Raises NotWritten."""
        bucket = _bucket_named(name)
        if bucket is None:
            names = [each for kind in (KEY, UPLOAD) for each in self._rows.names(f"{kind} {name}/")]
            self._rows.put(dict.fromkeys([f"{BUCKET} {name}", *names]))
            return
        writer = TreeWriter()
        attributes = {key: value for key, value in vars(bucket).items() if key not in _NOT_OF_BUCKETS}
        node = {"state": writer.node(attributes), **_place(bucket), "tags": _tags(bucket, [bucket.arn])}
        self._rows.put({f"{BUCKET} {name}": ServiceRow(node)})

    def keep_keys(self, name: str, keys: list[str]) -> None:
        """All versions of some keys of a bucket. Raises NotWritten."""
        bucket = _bucket_named(name)
        if bucket is not None and keys:
            self._rows.put({f"{KEY} {name}/{key}": self._key_row(bucket, key) for key in keys})
            for key in keys:
                self._versions[f"{KEY} {name}/{key}"] = _marks(bucket.keys.getlist(key, []))

    def keep_uploads(self, name: str) -> None:
        """Those that have begun and not ended, without their parts. Raises NotWritten."""
        bucket, prefix = _bucket_named(name), f"{UPLOAD} {name}/"
        held = {} if bucket is None else {f"{prefix}{number}": upload for number, upload in bucket.multiparts.items()}
        kept = self._rows.names(prefix)
        ended = [row for row in kept if "/".join(row.split("/")[:2]) not in held]
        new = {row: upload for row, upload in held.items() if row not in kept}
        rows = {row: self._upload_row(bucket, upload) for row, upload in new.items()}
        self._rows.put({**dict.fromkeys(ended), **rows})

    def keep_part(self, name: str, upload_id: str, number: int) -> None:
        """One part of an upload. Raises NotWritten."""
        bucket = _bucket_named(name)
        upload = None if bucket is None else bucket.multiparts.get(upload_id)
        part = None if upload is None else upload.parts.get(number)
        if part is not None:
            writer = self._writer()
            node = {"part": number, "value": writer.node(part), "bucket": name, "upload": upload_id, **_place(bucket)}
            self._rows.put({f"{UPLOAD} {name}/{upload_id}/{number}": ServiceRow(node, frozenset(writer.names))})

    def _upload_row(self, bucket: Any, upload: Any) -> ServiceRow:
        writer = self._writer()
        state = {key: value for key, value in vars(upload).items() if key not in _PARTS}
        node = {"state": writer.node(state), "bucket": bucket.name, "upload": upload.id, **_place(bucket)}
        return ServiceRow(node, frozenset(writer.names))

    def _writer(self) -> TreeWriter:
        return TreeWriter(lambda value: self._rows.write(value) if len(value) > INLINE else None)

    def keep_changed_keys(self, name: str) -> None:
        """For requests that change several keys. Raises NotWritten."""
        bucket, prefix = _bucket_named(name), f"{KEY} {name}/"
        if bucket is not None:
            kept = [row.removeprefix(prefix) for row in self._rows.names(prefix)]
            found = {key: _marks(bucket.keys.getlist(key, [])) for key in [*kept, *dict.keys(bucket.keys)]}
            self.keep_keys(name, [key for key, marks in found.items() if marks != self._versions.get(prefix + key)])

    def keep_all_buckets(self) -> None:
        """For requests to other services that change buckets. Raises NotWritten."""
        held = [name for _, _, store in stores(s3_backends) for name in store.buckets]
        for name in dict.fromkeys([*held, *(row.partition(" ")[2] for row in self._rows.names(f"{BUCKET} "))]):
            self.keep_bucket(name)
            self.keep_changed_keys(name)

    def keep_whole(self, kept: WholeStore) -> None:
        """The stores of all accounts. Raises NotWritten."""
        with self._lock:
            for name, node in kept.rows():
                text = text_of(node)
                if self._whole.get(name) != text:
                    self._rows.put({name: ServiceRow(node)})
                    self._whole[name] = text

    def _key_row(self, bucket: Any, key: str) -> ServiceRow | None:
        versions = bucket.keys.getlist(key, [])
        if not versions:
            return None
        writer = self._writer()
        arns = [version.arn for version in versions if hasattr(version, "arn")]
        node = {"versions": writer.node(list(versions)), "bucket": bucket.name, "key": key, **_place(bucket)}
        return ServiceRow({**node, "tags": _tags(bucket, arns)}, frozenset(writer.names))


def write_keys(rows: ServiceRows) -> None:
    """As `write_services`, of KMS alone, without whose keys encrypted groups cannot be read. Raises NotWritten."""
    ServiceKeeper(rows).keep_whole(WHOLE_STORES["kms"])


def write_services(rows: ServiceRows) -> None:
    """Write all stores as they are now; nothing follows them afterwards. Raises NotWritten."""
    writer = ServiceKeeper(rows)
    with using_services("s3"):
        writer.keep_all_buckets()
    for whole in WHOLE_STORES.values():
        writer.keep_whole(whole)


_keepers: list[ServiceKeeper] = []
"""At most one, of the server of this process: moto's stores are global, too."""


def keep_services(rows: ServiceRows) -> None:
    """Restore the stores, and keep what changes in them from now on. Raises UnusableDirectory."""
    keeper = ServiceKeeper(rows)
    keeper.restore()
    _keepers[:] = [keeper]
    _follow_buckets()


def restore_keys(rows: ServiceRows) -> None:
    """Add the KMS keys to the stores, for a mock that starts from a file. Raises UnusableDirectory."""
    for name, node in rows.rows():
        if name.startswith(f"{KMS} "):
            WHOLE_STORES[KMS].restore(node, TreeReader(partial(rows.read, owner=name)))


def keep_changes(service: str | None) -> None:
    """Called after each request to a service, None if it names none. Raises NotWritten."""
    kept = keeper()
    if kept is None:
        return
    for each in WHOLE_STORES.values():
        if service in each.services:
            kept.keep_whole(each)
    if service in _CHANGES_BUCKETS:
        with using_services("s3"):
            kept.keep_all_buckets()


def forget_services() -> None:
    """After a reset of the stores. Raises NotWritten."""
    kept = keeper()
    if kept is not None:
        kept.forget()


def keeper() -> ServiceKeeper | None:
    return _keepers[0] if _keepers else None


@cache
def _follow_buckets() -> None:
    """Have changes of S3 kept before they are answered, once per process."""
    on_bucket, on_key = S3Response._bucket_response, S3Response._key_response
    setattr(S3Response, "_bucket_response", _keeping_bucket(on_bucket))  # noqa: B010
    setattr(S3Response, "_key_response", _keeping_key(on_key))  # noqa: B010


def _keeping_bucket(original: Callable[..., Any]) -> Callable[..., Any]:
    def answer(response: Any, request: Any, full_url: str) -> Any:
        found = original(response, request, full_url)
        kept, name = keeper(), response.parse_bucket_name_from_url(request, full_url)
        if kept is not None and name and request.method not in READING:
            kept.keep_bucket(name)
            if request.method == "POST":
                kept.keep_changed_keys(name)
        return found

    return answer


def _keeping_key(original: Callable[..., Any]) -> Callable[..., Any]:
    def answer(response: Any, request: Any, full_url: str) -> Any:
        found = original(response, request, full_url)
        kept = keeper()
        if kept is not None and request.method not in READING:
            bucket = response.parse_bucket_name_from_url(request, full_url)
            query = parse_qs(urlsplit(full_url).query, keep_blank_values=True)
            if "partNumber" in query:
                # No object yet.
                kept.keep_part(bucket, query["uploadId"][0], int(query["partNumber"][0]))
                return found
            kept.keep_keys(bucket, [response.parse_key_name()])
            if not UPLOADING.isdisjoint(query):
                kept.keep_uploads(bucket)
        return found

    return answer


def _bucket_named(name: str) -> Any:
    return next((store.buckets[name] for _, _, store in stores(s3_backends) if name in store.buckets), None)


def _marks(versions: list[Any]) -> list[tuple[str, datetime]]:
    """Differ when versions of a key do."""
    return [(version.version_id, version.last_modified) for version in versions]


def _place(bucket: Any) -> dict[str, str]:
    return {"account": bucket.account_id, "partition": bucket.partition}


def _tags(bucket: Any, arns: list[str]) -> dict[str, Any]:
    tags = s3_backends[bucket.account_id][bucket.partition].tagger.tags
    return {arn: dict(tags[arn]) for arn in arns if arn in tags}


def _restore_bucket(node: Any, reader: TreeReader) -> None:
    store, state = s3_backends[node["account"]][node["partition"]], reader.value(node["state"])
    bucket = store.create_bucket(state["name"], state["region_name"])
    vars(bucket).update(state)
    store.tagger.tags.update(node["tags"])


def _restore_upload(node: Any, reader: TreeReader) -> None:
    uploads = s3_backends[node["account"]][node["partition"]].buckets[node["bucket"]].multiparts
    if "part" in node:
        begun = uploads[node["upload"]]
        begun.parts[node["part"]] = reader.value(node["value"])
        begun.partlist = sorted(begun.parts)
        return
    upload: Any = object.__new__(FakeMultipart)
    vars(upload).update(reader.value(node["state"]), parts={}, partlist=[])
    uploads[node["upload"]] = upload


def _restore_key(node: Any, reader: TreeReader) -> list[Any]:
    store = s3_backends[node["account"]][node["partition"]]
    versions: list[Any] = reader.value(node["versions"])
    store.buckets[node["bucket"]].keys.setlist(node["key"], versions)
    store.tagger.tags.update(node["tags"])
    return versions
