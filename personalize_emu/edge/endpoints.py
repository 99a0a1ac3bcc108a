"""The URL of a server, the environment variables that point AWS clients at it, and calls of its admin routes."""

from __future__ import annotations

import json
import os
import time
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from personalize_emu.wire.sigv4 import SignedRequest, signed_headers

if TYPE_CHECKING:
    from pathlib import Path
    from urllib.request import HTTPSHandler

_ALL_ADDRESSES = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})


def reachable_host(host: str) -> str:
    """The address at which clients on this machine reach a server that listens on `host`."""
    return _ALL_ADDRESSES.get(host, host)


def server_url(host: str, port: int, scheme: str = "http") -> str:
    """`http://host:port`, with brackets around an IPv6 address."""
    name = reachable_host(host)
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"


KEY = "personalize-emu"
"""Access key id and secret; with the option `auth` this pair is always accepted."""


def client_environment(url: str, region: str) -> dict[str, str]:
    """Environment variables for the endpoint `url`, with dummy credentials and the region."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }


AUTHORITIES = "AWS_CA_BUNDLE"
"""The variable that names the trusted authorities: of boto3, the AWS CLI, most SDKs, and `admin_call`."""


def trusting_environment(authority: Path) -> dict[str, str]:
    """Environment variables that make AWS clients trust an authority.

    Not SSL_CERT_FILE or REQUESTS_CA_BUNDLE: these take the place of the system's authorities for every program, so that
    nothing else could be reached any more. NODE_EXTRA_CA_CERTS adds to them.
    """
    return {AUTHORITIES: str(authority), "NODE_EXTRA_CA_CERTS": str(authority)}


TIMEOUT_SECONDS = 30
EXPORT_SECONDS = 600
"""Until the first byte of an export, which is written as a whole before."""
_CHUNK = 1 << 20


class UnusableAuthorities(OSError):
    """The file of trusted authorities cannot be read."""


def admin_call(url: str, method: str, route: str, body: Any = None) -> Any:
    """The JSON answer of `/_emu/<route>` of the server at `url`. body: any JSON value, sent if not None.

    The request is signed with the keys of the environment, or those that a server accepts by default, for servers with
    the option `auth`. Servers with HTTPS are trusted if the authorities of AWS_CA_BUNDLE, else the system's, say so.

    Raises:
        urllib.error.HTTPError: it refused. URLError, OSError: it cannot be reached. ValueError: no emulator.
        UnusableAuthorities: AWS_CA_BUNDLE names no file of certificates.
    """
    with _answered(url, method, route, body, TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def download(url: str, route: str, target: IO[bytes]) -> None:
    """Write the answer of POST `/_emu/<route>` to a file; raises as `admin_call`, and OSError of the file."""
    with _answered(url, "POST", route, None, EXPORT_SECONDS) as answer:
        while chunk := answer.read(_CHUNK):
            target.write(chunk)


def _answered(url: str, method: str, route: str, body: Any, timeout: float) -> Any:
    from urllib.request import ProxyHandler, Request, build_opener

    sent = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **_signature(url, method, f"/_emu/{route}", sent or b"")}
    request = Request(f"{url}/_emu/{route}", sent, headers, method=method)
    # A configured internet proxy cannot reach servers on this machine.
    handlers = [ProxyHandler({}), *([_https_handler()] if url.startswith("https:") else [])]
    return build_opener(*handlers).open(request, timeout=timeout)


def _https_handler() -> HTTPSHandler:
    import ssl
    from urllib.request import HTTPSHandler

    named = os.environ.get(AUTHORITIES) or None
    is_folder = named is not None and os.path.isdir(named)
    try:
        file, folder = (None, named) if is_folder else (named, None)
        return HTTPSHandler(context=ssl.create_default_context(cafile=file, capath=folder))
    except OSError as error:
        raise UnusableAuthorities(f"{AUTHORITIES} names {named}: {error.strerror or error}") from error


def _signature(url: str, method: str, target: str, body: bytes) -> dict[str, str]:
    """Headers that sign a request. target: path and query."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID", KEY), os.environ.get("AWS_SECRET_ACCESS_KEY", KEY)
    headers = {"host": urlsplit(url).netloc}
    if "AWS_SESSION_TOKEN" in os.environ:
        headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    path, _, query = target.partition("?")
    return signed_headers(SignedRequest(method, path, query, headers, body), key, secret, time.time())


def refusal_reason(text: str) -> str | None:
    """The message in the answer of an admin route that refuses; None if it is no such answer."""
    try:
        reason = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return reason if isinstance(reason, str) and reason else None


def reset_server(url: str, region: str | None = None) -> None:
    """Reset the server at `url`, or one of its regions; raises as `admin_call`."""
    admin_call(url, "POST", "reset" if region is None else f"reset?{urlencode({'region': region})}")


def export_server(url: str, target: Path) -> int:
    """Write the state of the server at `url` to a file, which is replaced as a whole; returns its size in bytes.

    Raises as `admin_call`.
    """
    # Imported here, as most commands of the client need no files.
    from personalize_emu.durability.directory import make_private

    beside = target.with_name(f"{target.name}.unfinished")
    try:
        make_private(beside)
        with beside.open("wb") as file:
            download(url, "export", file)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target.stat().st_size
