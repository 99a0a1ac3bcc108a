"""Random raw requests, valid and malformed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.serialize import create_serializer

from personalize_emu.edge.http.messages import Body, Head, HttpRequest
from tests.fuzz.odd_values import TEXTS, Values
from tests.given import REGION

BODIES: Sequence[bytes] = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"{",
    b"\x00\xff",
    b'{"a":' * 2000,
    b"<",
    b"<a></b>",
    b"<Delete/>",
    b"<CompleteMultipartUpload/>",
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    b"Action=ListUsers&Version=2010-05-08&Marker=zz",
    b"Action=\xff&=&Version",
    b"Action=Nothing",
    b"&&&===",
    b"5\r\nabcde\r\n0\r\n\r\n",
)
CONTENT_TYPES = (
    "",
    "application/json",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/cbor",
    "application/xml",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=zz",
    "multipart/form-data; boundary=a",
    "text/plain; charset=utf-16",
)
HEADERS: Mapping[str, Sequence[str]] = {
    "range": ("bytes=0-1", "bytes=zz", "zz", "bytes=9-1", "bytes=-0", "bytes=1-2,3-4", "bytes=-99999999999999"),
    "x-amz-copy-source": ("", "/", "zz", "personalize-tests", "personalize-tests/none", "/a/b?versionId=%"),
    "x-amz-content-sha256": ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "zz"),
    "x-amz-decoded-content-length": ("zz", "-1", "5"),
    "content-encoding": ("gzip", "aws-chunked", "zz"),
    "if-modified-since": ("zz", "Wed, 21 Oct 2015 07:28:00 GMT"),
    "if-match": ("*", '"zz"'),
    "x-amz-tagging": ("&&=", "a", "a=b&a=b", "a" * 300),
    "x-amz-acl": ("zz", "public-read"),
    "x-amz-date": ("zz", "20260101T000000Z"),
    "x-amz-metadata-directive": ("zz", "REPLACE"),
    "x-amz-object-lock-retain-until-date": ("zz",),
    "x-amz-checksum-crc32": ("zz", "AAAAAA=="),
    "x-amz-meta-é": ("é",),
    "x-amz-security-token": ("zz",),
    "x-moto-account-id": ("zz", "111122223333", ""),
    "origin": ("http://[", "null", "http://localhost", "zz"),
    "host": ("", "[", "localhost:zz", "personalize-tests.localhost", "a.b.localhost", "s3.amazonaws.com", "::"),
    "authorization": ("", "AWS", "AWS a:b", "AWS4-HMAC-SHA256 Credential=a/b/c", "Bearer zz"),
    "accept": ("application/json", "zz"),
    "expect": ("zz",),
}

ODDNESS = (0.0, 0.1, 0.2, 0.25)
"""Share of valid requests."""


@dataclass(frozen=True)
class Odd:
    """One request. path: percent-encoded, as it is sent. headers: names in lower case."""

    service: str
    operation: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def arrived(self) -> HttpRequest:
        """As passed by the HTTP server."""
        body = Body()
        body.add(self.body)
        target = self.path + (f"?{self.query}" if self.query else "")
        return HttpRequest(Head(self.method, target, "1.1", dict(self.headers)), body)

    def __str__(self) -> str:
        address = self.path + (f"?{self.query}" if self.query else "")
        return f"{self.service}.{self.operation}: {self.method} {address!r} {dict(self.headers)!r} {self.body[:1000]!r}"


def odd_requests(random: Random, services: Sequence[str], known: Mapping[str, Sequence[Any]]) -> Iterator[Odd]:
    """An endless sequence of requests, determined by the seed."""
    values = Values(random, known)
    while True:
        service = random.choice(services)
        operations = operations_of(service)
        values.odd = random.choice(ODDNESS)
        request = _sent(random.choice(operations), values, random)
        while random.random() < 2 * values.odd:
            request = random.choice(CHANGES)(request, random)
        yield request


@cache
def operations_of(service: str) -> list[OperationModel]:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    return [model.operation_model(name) for name in model.operation_names]


def _sent(operation: OperationModel, values: Values, random: Random) -> Odd:
    service = operation.service_model
    json_body = service.resolved_protocol in ("json", "rest-json")
    shape = operation.input_shape
    params = values.of(shape, typed=not json_body) if shape else {}
    if json_body and service.resolved_protocol == "json":
        return _json(operation, params)
    try:
        params = values.of(shape, typed=True) if shape else {}
        prepared = create_serializer(service.resolved_protocol, False).serialize_to_request(params, operation)
    # Requests that serializers refuse, such as a path without its parameters.
    except (BotoCoreError, LookupError, ValueError, TypeError, AttributeError):
        prepared = {"method": "POST", "url_path": "/", "query_string": {}, "headers": {}, "body": values.text()}
    body, form = prepared["body"], "application/x-www-form-urlencoded; charset=utf-8"
    headers = {name.lower(): str(value) for name, value in prepared["headers"].items()}
    if isinstance(body, dict):
        body, headers = urlencode(body), {**headers, "content-type": form}
    query = prepared["query_string"]
    query = query if isinstance(query, str) else urlencode(query, doseq=True)
    path, _, more = prepared["url_path"].partition("?")
    text = body if isinstance(body, bytes) else str(body).encode("utf-8", "replace")
    return Odd(
        service.service_name,
        operation.name,
        prepared["method"],
        path or "/",
        "&".join(each for each in (more, query) if each),
        {**_signed(service), **{name: _header(value) for name, value in headers.items()}},
        text,
    )


def _header(value: str) -> str:
    """The path as servers decode it."""
    return value.encode("utf-8", "replace").decode("latin-1").replace("\n", " ").replace("\x00", " ")


def _json(operation: OperationModel, params: Any) -> Odd:
    service = operation.service_model
    headers = {
        **_signed(service),
        "content-type": f"application/x-amz-json-{service.metadata.get('jsonVersion', '1.1')}",
        "x-amz-target": f"{service.metadata['targetPrefix']}.{operation.name}",
    }
    body = json.dumps(params, default=lambda each: base64.b64encode(each).decode()).encode()
    return Odd(service.service_name, operation.name, "POST", "/", "", headers, body)


def _signed(service: ServiceModel) -> dict[str, str]:
    scope = f"AKIAIOSFODNN7EXAMPLE/20260101/{REGION}/{service.signing_name}/aws4_request"
    credential = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {"authorization": credential, "host": "127.0.0.1:4577"}


def _body(request: Odd, random: Random) -> Odd:
    body = request.body
    changed = random.choice(
        (
            random.choice(BODIES),
            body[: random.randrange(len(body) + 1)],
            body.replace(b'"', b"", 1),
            body[:5] + bytes([random.randrange(256)]) + body[6:],
            body + random.choice(BODIES),
        )
    )
    return replace(request, body=changed)


def _form(request: Odd, random: Random) -> Odd:
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return replace(request, body=urlencode(_other_pairs(pairs, random)).encode())


def _query(request: Odd, random: Random) -> Odd:
    return replace(request, query=urlencode(_other_pairs(parse_qsl(request.query, True), random)))


def _other_pairs(pairs: list[tuple[str, str]], random: Random) -> list[tuple[str, str]]:
    if not pairs or random.random() < 0.2:
        return [*pairs, (random.choice(_NAMES), random.choice(TEXTS))]
    place = random.randrange(len(pairs))
    name = pairs[place][0]
    change = random.choice(([], [(name, random.choice(TEXTS))], [(name, random.choice(TEXTS))], [pairs[place]] * 2))
    return [*pairs[:place], *change, *pairs[place + 1 :]]


_NAMES = (
    "acl", "policy", "cors", "uploads", "uploadId", "partNumber", "max-keys", "list-type", "continuation-token",
    "marker", "delimiter", "encoding-type", "versions", "versionId", "tagging", "lifecycle", "website", "torrent",
    "Marker", "MaxItems", "Action", "Version", "X-Amz-Credential", "X-Amz-Expires", "Signature", "select",
)  # fmt: skip


def _headers(request: Odd, random: Random) -> Odd:
    name = random.choice(list(HEADERS))
    return replace(request, headers={**request.headers, name: _header(random.choice(HEADERS[name]))})


def _content_type(request: Odd, random: Random) -> Odd:
    return replace(request, headers={**request.headers, "content-type": random.choice(CONTENT_TYPES)})


def _without_header(request: Odd, random: Random) -> Odd:
    if not request.headers:
        return request
    gone = random.choice(list(request.headers))
    return replace(request, headers={name: value for name, value in request.headers.items() if name != gone})


def _path(request: Odd, random: Random) -> Odd:
    part = quote(random.choice(TEXTS)[:200], safe="/%")
    return replace(request, path=random.choice((f"/{part}", f"{request.path}/{part}", request.path[:-1] or "/")))


def _method(request: Odd, random: Random) -> Odd:
    return replace(request, method=random.choice(("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS")))


def _target(request: Odd, random: Random) -> Odd:
    target = random.choice(("zz", ".", "Kinesis_20131202.", "TrentService.zz", "DynamoDB", request.operation))
    return replace(request, headers={**request.headers, "x-amz-target": target})


CHANGES: Sequence[Callable[[Odd, Random], Odd]] = (
    _body, _body, _form, _form, _query, _query, _headers, _headers, _content_type, _without_header, _path, _method,
    _target,
)  # fmt: skip
