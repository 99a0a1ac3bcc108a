"""The in-process mock: Personalize for the clients of this process, beside moto's other services.

Imports nothing heavy: what an active mock needs is in `mocked_emulator`, imported when a mock is first entered.
"""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, overload

from personalize_emu.settings import Auth, Capacity, Pace, Settings

if TYPE_CHECKING:
    from personalize_emu.emulator import Emulator
    from personalize_emu.state.clock import Clock

ATTRIBUTE = "personalize_emu"
"""Of instances of a decorated class: the emulator of the test."""
Target = TypeVar("Target", bound=Callable[..., Any])


@overload
def mock_personalize(target: Target) -> Target: ...


@overload
def mock_personalize(
    *,
    seed: int = 0,
    pace: Pace = "instant",
    clock: Clock | None = None,
    quotas: str = "default",
    nonconforming_rows: float = 0.05,
    check_roles: bool = False,
    auth: Auth = "off",
    capacity: Capacity = "off",
    service_metrics: bool = True,
    strict_answers: bool = False,
    init: str = "",
    state: str = "",
) -> MockPersonalize: ...


def mock_personalize(
    target: Target | None = None,
    *,
    seed: int = 0,
    pace: Pace = "instant",
    clock: Clock | None = None,
    quotas: str = "default",
    nonconforming_rows: float = 0.05,
    check_roles: bool = False,
    auth: Auth = "off",
    capacity: Capacity = "off",
    service_metrics: bool = True,
    strict_answers: bool = False,
    init: str = "",
    state: str = "",
) -> Target | MockPersonalize:
    """Answer every Personalize call of this process from a fresh emulator.

    Use it as `@mock_personalize` or `@mock_personalize(...)` on functions, coroutine functions, generators and test
    classes, whose tests find the emulator at `self.personalize_emu`; as `with mock_personalize() as emulator:`; or with
    `start()` and `stop()`. Clients may be created before or after. Other AWS services are provided by moto, with or
    without an explicit `mock_aws()` outside or inside. No request leaves the process, except of clients with
    AWS_ENDPOINT_URL or `endpoint_url`, which causes a warning. Each use has its own emulator; of nested ones the
    innermost handles requests.

    Args:
        seed: of all random choices; equal seeds and calls give equal responses.
        pace: `instant` (work is done inside the call), `fast` or `real`.
        clock: the emulator's clock, moved by `emulator.advance`; by default the system clock.
        quotas: `default`, `off`, or changes such as `campaigns=10,schemas=20`.
        nonconforming_rows: largest share of the rows of an import that may be left out without failing the job.
        check_roles: refuse roles and buckets whose policies deny access to the service.
        auth: `off`, `sigv4` (only requests signed with a key of moto's IAM or STS, or with the key and the secret
            `personalize-emu`), or `iam` (of those, what the policies of user or role allow).
        capacity: `on` throttles requests above the provisioned capacity and the quotas per second.
        service_metrics: send the metrics of the service to moto's CloudWatch.
        strict_answers: refuse requests for recommendations that no answer is declared for.
        init: start files (docs/infrastructure.md), applied whenever the mock is entered: paths, separated by commas.
        state: a file of `personalize-emu export` (docs/state.md), whose resources are there whenever the mock is
            entered; the file does not change.
    """
    settings = Settings(
        seed=seed,
        pace=pace,
        quotas=quotas,
        nonconforming_rows=nonconforming_rows,
        check_roles=check_roles,
        auth=auth,
        capacity=capacity,
        service_metrics=service_metrics,
        strict_answers=strict_answers,
        init=init,
        # Processes import the main module again, which a script need not expect.
        batch_workers=0,
    )
    mock = MockPersonalize(settings, clock, state)
    return mock if target is None else mock(target)


ARGUMENTS = tuple(name for name in inspect.signature(mock_personalize).parameters if name != "target")
"""Names of the arguments, which the marker of the pytest plugin has as well."""


class MockPersonalize:
    """A reusable mock: context manager, and decorator of functions and classes."""

    def __init__(self, settings: Settings, clock: Clock | None, state: str = "") -> None:
        self._state = state
        self._settings = settings
        self._clock = clock
        self._entered: list[ExitStack] = []

    def __enter__(self) -> Emulator:
        with ExitStack() as stack:
            emulator = stack.enter_context(self.new_emulator())
            self._entered.append(stack.pop_all())
        return emulator

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)

    def start(self) -> Emulator:
        """Enter the mock without a `with` block, for `setUp` and the like; `stop` leaves it."""
        return self.__enter__()

    def stop(self) -> None:
        """End the most recent `start`.

        Raises:
            RuntimeError: the mock has not been started.
        """
        if not self._entered:
            raise RuntimeError("stop() without start(): this mock_personalize is not active")
        self.__exit__(None, None, None)

    def __call__(self, target: Target) -> Target:
        if inspect.isclass(target):
            _decorate_class(target, self)
            return target
        decorated: Target = _decorated_function(target, self)
        return decorated

    @contextmanager
    def new_emulator(self) -> Iterator[Emulator]:
        """One use of the mock, with a new emulator."""
        # Here because it imports moto and pyarrow, which a test that is only collected does not need.
        from personalize_emu.edge.testing.mocked_emulator import import_state, mocked_emulator

        with ExitStack() as stack:
            settings = self._settings
            if self._state:
                folder = stack.enter_context(TemporaryDirectory(prefix="personalize-emu-state-"))
                import_state(self._state, folder)
                settings = replace(settings, data_dir=folder)
            yield stack.enter_context(mocked_emulator(settings, self._clock))


def _decorated_function(function: Any, mock: MockPersonalize, *, method: bool = False) -> Any:
    """The same kind of function, with the mock around each call or whole iteration.

    method: the first argument is a test instance, which gets the emulator as its attribute `personalize_emu`.
    """

    @contextmanager
    def mocked(args: tuple[Any, ...]) -> Iterator[None]:
        with mock.new_emulator() as emulator:
            before = vars(args[0]).get(ATTRIBUTE) if method else None
            if method:
                setattr(args[0], ATTRIBUTE, emulator)
            try:
                yield
            finally:
                # One decorated method may call another.
                if method:
                    setattr(args[0], ATTRIBUTE, before)

    async def awaited(*args: Any, **named: Any) -> Any:
        with mocked(args):
            return await function(*args, **named)

    def iterated(*args: Any, **named: Any) -> Any:
        with mocked(args):
            return (yield from function(*args, **named))

    def called(*args: Any, **named: Any) -> Any:
        with mocked(args):
            return function(*args, **named)

    wrapper: Any = called
    if inspect.iscoroutinefunction(function):
        wrapper = awaited
    elif inspect.isgeneratorfunction(function):
        wrapper = iterated
    return functools.update_wrapper(wrapper, function)


def _decorate_class(target: Any, mock: MockPersonalize) -> None:
    """Wrap each test of a class in a mock, including set-up and tear-down; `self.personalize_emu` is its emulator."""
    if issubclass(target, unittest.TestCase):
        # Not a plain function: mock_aws around the class would decorate it as one that is no test, and would so be
        # active, with what earlier tests have created, before the mock is entered.
        target.run = functools.partialmethod(_decorated_function(target.run, mock, method=True))
    elif hasattr(target, "setup_method"):
        _decorate_setup(target, mock)
    else:
        for name, member in list(vars(target).items()):
            if inspect.isfunction(member) and not name.startswith("_"):
                setattr(target, name, _decorated_function(member, mock, method=True))


def _decorate_setup(target: Any, mock: MockPersonalize) -> None:
    set_up, tear_down = target.setup_method, getattr(target, "teardown_method", None)

    # pytest passes the test method to set-up methods with a parameter for it, which these two always have.
    def setup_method(self: Any, method: Any = None) -> None:
        with ExitStack() as stack:
            setattr(self, ATTRIBUTE, stack.enter_context(mock))
            _call_with_method(set_up, self, method)
            stack.pop_all()

    def teardown_method(self: Any, method: Any = None) -> None:
        try:
            if tear_down is not None:
                _call_with_method(tear_down, self, method)
        finally:
            mock.__exit__(None, None, None)

    target.setup_method = setup_method
    target.teardown_method = teardown_method


def _call_with_method(function: Any, self: Any, method: Any) -> None:
    takes_method = len(inspect.signature(function).parameters) > 1
    function(self, method) if takes_method else function(self)
