"""Dispatches HTTP requests to thread pools and applies the body limit of the service that a request is for.

    GET /_emu/health                             answered in the event loop
    recommendations, events, Describe, List      answered in the event loop where nothing has to be computed or waited
                                                 for; else one thread: more would only compete for the interpreter lock
    Create, Update, Delete, ..., other /_emu     64 threads: these wait for S3, or for work with pace instant
    S3, IAM and the other services               four threads of their own

With a data directory, answers to events that the event loop has stored wait for a write in a thread (group_commit.py).

Requests that are refused before they are complete get an error in the format of the service they are for.
"""

from __future__ import annotations

import json
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from urllib.parse import unquote

from personalize_emu.edge.admin.routes import health_status
from personalize_emu.edge.auth.access_control import allow_all
from personalize_emu.edge.http.error_responses import FORM, XML_SERVICES, refusal
from personalize_emu.edge.http.faulty_response import FaultyResponse
from personalize_emu.edge.http.group_commit import GroupCommit
from personalize_emu.edge.http.messages import Fault, Head, HttpRequest, Reply
from personalize_emu.edge.one_port import Destination, OnePort, Receiver, Unwritten
from personalize_emu.edge.request_log import log_refused
from personalize_emu.edge.request_pipeline import refuse
from personalize_emu.wire.errors import (
    AwsError,
    RequestEntityTooLargeException,
    RequestTimeoutException,
    SerializationException,
)
from personalize_emu.wire.render import Response

MB = 1024 * 1024
PERSONALIZE_BYTES = 4 * MB
"""Several times the largest request that the service model allows."""
OBJECT_BYTES = 5 * 1024 * MB
"""The largest object or part that S3 accepts in one request."""
SERVICE_BYTES = 16 * MB
"""More than any other embedded service accepts: Kinesis 10 MB, CloudWatch 1 MB."""
OBJECT_SERVICES = frozenset({"s3", "s3express"})

LIVE_THREADS = 1
"""Of several, one computes at a time, and the others compete with it for the interpreter lock."""
AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are parsed by a thread."""
SERVICE_THREADS = 4
WRITING_THREADS = 1
"""Events of requests that arrive during a write are written by the next one, together."""
WAITING_THREADS = 64
READING = ("Describe", "Get", "List")
"""Prefixes of the read-only operations of the control plane."""

_XML_CODES = {
    Fault.TOO_SLOW: "RequestTimeout",
    Fault.TOO_LARGE: "EntityTooLarge",
    Fault.BROKEN_OFF: "IncompleteBody",
    Fault.MALFORMED: "InvalidRequest",
}
_JSON_ERRORS: dict[Fault, type[AwsError]] = {
    Fault.TOO_SLOW: RequestTimeoutException,
    Fault.TOO_LARGE: RequestEntityTooLargeException,
}


class Dispatcher:
    """The application of the HTTP server. loop: the event loop of the server."""

    def __init__(self, port: OnePort, loop: AbstractEventLoop) -> None:
        self.port = port
        self.loop = loop
        self.live = ThreadPool("live", LIVE_THREADS)
        self.services = ThreadPool("services", SERVICE_THREADS)
        self.waiting = ThreadPool("waiting", WAITING_THREADS)
        self.commits = GroupCommit(
            port.emulator.write_queued, ThreadPool("writing", WRITING_THREADS).run, loop.call_soon_threadsafe
        )

    def handler_for(self, head: Head) -> DispatchedRequest:
        path = unquote(head.path)
        return DispatchedRequest(self, head, path, self.port.destination(head.method, path, head.query, head.headers))

    def refusal(self, fault: Fault) -> Response:
        log_refused("-", "-", fault.status, fault.reason)
        return refusal(None, {}, status=fault.status, code=_json_error(fault).code, message=fault.reason)


@dataclass(frozen=True)
class DispatchedRequest:
    """Handler of one request. path: percent-decoded."""

    dispatcher: Dispatcher
    head: Head
    path: str
    destination: Destination

    @property
    def limit(self) -> int:
        if self.destination.receiver is not Receiver.SERVICES:
            return PERSONALIZE_BYTES
        return OBJECT_BYTES if self._is_for_objects else SERVICE_BYTES

    @property
    def _is_for_objects(self) -> bool:
        """Whether the request is for S3; moto treats unsigned requests of no other protocol as S3."""
        if self.destination.service is not None:
            return self.destination.service in OBJECT_SERVICES
        headers = self.head.headers
        return "x-amz-target" not in headers and not headers.get("content-type", "").startswith(FORM)

    def refusal(self, fault: Fault) -> Response:
        log_refused(self.head.method, self.head.path, fault.status, fault.reason)
        if self.destination.receiver is Receiver.PERSONALIZE:
            error = _json_error(fault)
            return refuse(self.dispatcher.port.emulator, self.head.method, self.path, self.head.headers, error)
        service = self.destination.service or ("s3" if self._is_for_objects else None)
        code = _XML_CODES.get(fault, "InvalidRequest") if service in XML_SERVICES else _json_error(fault).code
        return refusal(service, self.head.headers, status=fault.status, code=code, message=fault.reason)

    def respond(self, request: HttpRequest, reply: Reply) -> None:
        pool, port = self._pool(), self.dispatcher.port
        if pool is None:
            reply(self.destination.refusal or self._health())
        elif pool is self.dispatcher.live and self._may_be_answered_at_once(request):
            begun = port.begin(self.destination, self.path, request)
            if isinstance(begun, Response):
                self._send(begun, reply)
            elif isinstance(begun, Unwritten):
                self.dispatcher.commits.add(lambda failure: self._send(begun.after(failure), reply))
            else:
                pool.run(lambda: self._answer(begun, reply))
        else:
            pool.run(lambda: self._answer(lambda: port.answer(self.destination, self.path, request), reply))

    def _may_be_answered_at_once(self, request: HttpRequest) -> bool:
        """Whether the event loop may look for an answer: large bodies take long, and access checks may wait."""
        is_small = request.body.length <= AT_ONCE_BYTES
        return is_small and self.head.method != "OPTIONS" and self.dispatcher.port.access_check is allow_all

    def _answer(self, make: Callable[[], Response], reply: Reply) -> None:
        response = make()
        # After the server has stopped, its event loop is closed and the clients are disconnected.
        with suppress(RuntimeError):
            self.dispatcher.loop.call_soon_threadsafe(self._send, response, reply)

    def _send(self, response: Response, reply: Reply) -> None:
        if isinstance(response, FaultyResponse) and response.delay:
            self.dispatcher.loop.call_later(response.delay, reply, response)
        else:
            reply(response)

    def _pool(self) -> ThreadPool | None:
        """The threads for the request; None if it is answered in the event loop, which must not block."""
        destination, head = self.destination, self.head
        if destination.refusal is not None:
            return None
        if destination.receiver is Receiver.SERVICES:
            return self.dispatcher.services
        if destination.receiver is Receiver.ADMIN:
            is_health = self.path == "/_emu/health" and head.method in ("GET", "HEAD")
            return None if is_health else self.dispatcher.waiting
        operation = head.headers.get("x-amz-target", "").rpartition(".")[2]
        return self.dispatcher.live if not operation or operation.startswith(READING) else self.dispatcher.waiting

    def _health(self) -> Response:
        emulator = self.dispatcher.port.emulator
        body = json.dumps(emulator.health()).encode()
        return Response(health_status(emulator), (("content-type", "application/json"),), body)


def _json_error(fault: Fault) -> AwsError:
    error = _JSON_ERRORS.get(fault, SerializationException)(fault.reason)
    error.status = fault.status
    return error


Work = Callable[[], None]


class ThreadPool:
    """A queue with worker threads that are started on demand, up to `threads`.

    The threads are daemons, so the process can exit without waiting for them. Only one thread may call `run`.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._most = threads
        self._threads = 0
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def run(self, work: Work) -> None:
        """Run `work`, which must not raise, as soon as a thread is free."""
        self._queue.put(work)
        if self._threads < self._most and not self._idle.acquire(blocking=False):
            self._threads += 1
            threading.Thread(target=self._work, name=f"personalize-emu-{self._name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._queue.get()()
            if self._threads < self._most:
                self._idle.release()
