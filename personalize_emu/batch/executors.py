"""Where batch jobs are worked on: in the server, or by a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from personalize_emu.batch.workers import Workers
from personalize_emu.settings import DASK_SCHEME
from personalize_emu.state.jobs import JobFailed

CONNECT_SECONDS = 10
PIECES_A_THREAD = 3
"""Of a worker: one at work, others on their way to and from it."""


@contextmanager
def workers_at(executor: str, *, alone: bool) -> Iterator[Workers]:
    """Who answers the lines of one job. executor: the option of that name.

    alone: the work needs what only the server has, so nobody else can do it.

    Raises:
        JobFailed: there is no such cluster.
    """
    if alone or not executor:
        yield Workers()
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise JobFailed("Install personalize-emu[dask] to work on batch jobs in a Dask cluster.") from error
    connect: Any = Client
    address = f"tcp://{executor.removeprefix(DASK_SCHEME)}"
    try:
        client = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise JobFailed(f"No Dask scheduler answers at {executor}.") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise JobFailed(f"The Dask cluster at {executor} has no workers.")
        carry = partial(client.scatter, broadcast=True, hash=False)
        yield Workers(client.get_executor(pure=False), PIECES_A_THREAD * threads, carry)
