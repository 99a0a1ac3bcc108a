"""The Emulator object: state, clock, identifiers and settings. A process can have many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from personalize_emu.aws_services import AwsServices, remote_aws_services
from personalize_emu.doubles import Doubles
from personalize_emu.doubles.answers.declared_answers import AnswerHandle
from personalize_emu.doubles.fault_files import read_fault_file
from personalize_emu.doubles.in_process import InProcessControls
from personalize_emu.durability.copying.controls import StateControls
from personalize_emu.operations import AT_ONCE, CONTROL_PLANE, HANDLERS, RESUMED
from personalize_emu.recipes.training.training_process import TrainingProcesses
from personalize_emu.runtime.explanations.explaining import Explaining
from personalize_emu.service.core.aws_reads import AwsReads
from personalize_emu.service.core.context import Context, MustWait, handled, read_at_once
from personalize_emu.service.core.group_keys import open_groups, opens_groups
from personalize_emu.service.dataset_jobs.imports import import_reports
from personalize_emu.service.deployments.capacity import require_capacity, shown_capacity
from personalize_emu.service.service_metrics import CALL_METRICS, AnsweredCall, record_call
from personalize_emu.service.state.emulator_state import EmulatorState, new_state
from personalize_emu.service.usage import bundled_prices, checked_prices, cost_report, quantities
from personalize_emu.settings import DOCUMENTATION_URL, Settings, changed_quotas
from personalize_emu.state.clock import Clock, SystemClock
from personalize_emu.state.durations import parse_duration
from personalize_emu.state.identifiers import Identifiers
from personalize_emu.wire.errors import NotImplementedException
from personalize_emu.wire.models import operations

if TYPE_CHECKING:
    from personalize_emu.durability.durable_state import DurableState
    from personalize_emu.durability.service_rows import ServiceRows

OK = 200
BY_DEPLOYMENT = ""
METERED: Mapping[str, str] = MappingProxyType(
    {
        "GetRecommendations": BY_DEPLOYMENT,
        "GetPersonalizedRanking": BY_DEPLOYMENT,
        "GetActionRecommendations": BY_DEPLOYMENT,
        "PutEvents": "trackingId",
        "PutActionInteractions": "trackingId",
        "PutItems": "datasetArn",
        "PutUsers": "datasetArn",
        "PutActions": "datasetArn",
    }
)
"""Operations that are billed: requests by their deployment, data by the named member of the request."""


class Emulator(InProcessControls, Explaining, StateControls):
    """The service without a transport: operations are called by name with parsed and validated input."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        aws_services: AwsServices | None = None,
        training_processes: TrainingProcesses | None = None,
        resumes_jobs: bool = False,
    ) -> None:
        """training_processes: without any, only long trainings run in a process of their own.

        resumes_jobs: jobs that a restart has interrupted wait for `resume_jobs`; otherwise they have failed.
        """
        self.settings = settings or Settings()
        self._quotas = self.settings.quotas
        self.is_starting = False
        self.clock: Clock = clock or SystemClock()
        self.aws_services = aws_services or remote_aws_services(
            self.settings.aws_endpoint, timeout=self.settings.aws_timeout
        )
        self._training_processes = training_processes or TrainingProcesses()
        # Without an endpoint the metrics would go to AWS itself, which does not accept them from others.
        elsewhere = aws_services is not None or bool(self.settings.aws_endpoint)
        self._publishes_metrics = self.settings.service_metrics and elsewhere
        self._durable = _data_directory(self.settings)
        self._raised_quotas = {} if self._durable is None else self._durable.quotas
        for name, number in self._raised_quotas.items():
            self.settings = replace(self.settings, quotas=changed_quotas(self.settings.quotas, name, number))
        self._identifiers = Identifiers(self.settings.seed, 0 if self._durable is None else self._durable.start)
        # The same after each start, so that pages of lists go on.
        self._page_secret = Identifiers(self.settings.seed).secret()
        self._fault_file = read_fault_file(self.settings.faults)
        self.doubles = Doubles(self.settings, self._fault_file)
        self._state = self._new_state()
        resumed = RESUMED if resumes_jobs else {}
        load = None if self._durable is None else self._durable.load
        self.loaded = None if load is None else load(self._state, self.clock, self._context, resumed)
        """What was read from the data directory, for people to read."""

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def state(self) -> EmulatorState:
        return self._state

    @property
    def service_rows(self) -> ServiceRows | None:
        """Where the embedded AWS services are kept; None without a data directory."""
        return None if self._durable is None else self._durable.services

    def open_groups(self) -> None:
        """Read encrypted data of dataset groups from the data directory, if their KMS keys can be used now."""
        open_groups(self._state, self.aws_services.keys)

    def resume_jobs(self) -> None:
        """Begin jobs again that a restart has interrupted, now that the services that they read are there."""
        self.open_groups()
        if self.loaded is not None:
            self.loaded.resume_jobs()

    def call(
        self,
        operation_name: str,
        params: Mapping[str, Any],
        *,
        region: str | None = None,
        account: str | None = None,
        patience: float | None = None,
        may_wait: bool = True,
    ) -> dict[str, Any] | None:
        """Run one operation and return the members of its response.

        Args:
            patience: with pace `instant`, seconds after which the call returns although work it has started continues;
                None waits until the work is done.
            may_wait: False in an event loop.

        Raises:
            MustWait: only if `may_wait` is false, and before anything is changed.
            AwsError: an error of the service; NotImplementedException if the operation is not implemented.
        """
        handler = HANDLERS.get(operation_name)
        if handler is None:
            raise NotImplementedException(
                f"personalize-emu knows {operation_name} but does not implement it yet; "
                f"{DOCUMENTATION_URL}/coverage.md lists what is implemented."
            )
        if not may_wait and operation_name not in AT_ONCE:
            raise MustWait
        if self._state.group_keys.locked:
            if not may_wait and opens_groups(self._state, self.aws_services.keys):
                raise MustWait
            open_groups(self._state, self.aws_services.keys)
        context = self._context(region or self.settings.region, account or self.settings.account, may_wait=may_wait)
        if operation_name not in CONTROL_PLANE:
            context.aws_services.release()
            if self.settings.capacity == "on":
                # A request that had to wait after all would be metered twice.
                if not may_wait:
                    raise MustWait
                require_capacity(context, operation_name, params)
            answers = self.doubles.answers
            declared = answers.answer(context, operation_name, params) if answers.in_use else None
            return handler(context, params) if declared is None else declared
        if not may_wait:
            return read_at_once(handler, context, params)
        started = time.monotonic()
        answer = handled(handler, context, params)
        # With the other paces the call only starts the work.
        if patience is not None and self.settings.pace == "instant":
            context.run_deferred(max(0.0, patience - (time.monotonic() - started)))
        else:
            context.run_deferred()
        return answer

    def measure(self, call: AnsweredCall) -> None:
        """Count one request for the metrics; takes a few microseconds."""
        self._state.counters.request(call.operation, call.status, call.seconds, call.params)
        if call.status == OK:
            self._meter(call)
        if self._publishes_metrics and call.operation in CALL_METRICS:
            record_call(call, self._state.metrics, lambda: self._context(call.region, call.account))

    def _meter(self, call: AnsweredCall) -> None:
        member = METERED.get(call.operation)
        if member == BY_DEPLOYMENT:
            arn = call.params.get("campaignArn") or call.params.get("recommenderArn") or ""
            self._state.usage.request(arn, self.clock.now())
        elif member is not None:
            self._state.usage.ingest(call.params[member], call.size)

    def new_request_id(self) -> str:
        return self._identifiers.request_id()

    def reset(self, region: str | None = None) -> None:
        """Delete all resources and reset the clock. Identifiers start again from the seed.

        region: delete the resources of this region only, of all accounts, with their data and figures. Everything else
        stays, also clock, declarations and faults.

        Raises:
            NotWritten: the data directory cannot be written to; of a whole reset nothing has changed then.
        """
        if region is not None:
            self._reset_region(region)
            return
        if self._durable is not None:
            self._durable.reset()
        self.settings, self._raised_quotas = replace(self.settings, quotas=self._quotas), {}
        old, self._identifiers = self._state, Identifiers(self.settings.seed)
        self._page_secret = self._identifiers.secret()
        # First, because this cancels the callbacks of the old state and not those of the new one.
        self.clock.start_over()
        doubles, self.doubles = self.doubles, Doubles(self.settings, self._fault_file)
        self._state = self._new_state()
        if self._durable is not None:
            self._durable.follow(self._state)
        old.jobs.close()
        doubles.close()

    def raise_quota(self, name: str, number: int) -> None:
        """Change a quota until the next reset. name: as in the option `quotas`. Raises NotWritten."""
        if self._durable is not None:
            self._durable.save_quota(name, number)
        self._raised_quotas[name] = number
        self.settings = replace(self.settings, quotas=changed_quotas(self.settings.quotas, name, number))

    def close(self) -> None:
        """Stop background threads; the emulator must not be used afterwards."""
        self._state.jobs.close()
        self.doubles.close()
        self._training_processes.close()
        self.clock.close()
        if self._durable is not None:
            self._durable.close()

    def _declare(self, document: Mapping[str, Any]) -> AnswerHandle:
        return self.doubles.answers.declare(self._state.store, document)

    def _declare_deployment(self, document: Mapping[str, Any]) -> str:
        region = document.get("region") or self.settings.region
        context = self._context(str(region), self.settings.account)
        return self.doubles.answers.declare_deployment(context, document)

    def advance(self, duration: float | str) -> None:
        """Advance the clock by seconds or a text such as `2h`; work that becomes due is done on return."""
        self.clock.advance(parse_duration(duration))
        self._state.jobs.wait_for_work()
        self.clock.advance(0)
        if self._durable is not None:
            self._durable.save_clock(self.clock)

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until every job is finished; False after `timeout` seconds of real time, or if faults hold the rest."""
        return self._state.jobs.wait_idle(timeout)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Inside the block health says `starting`, and work is done inside the calls, whatever the pace."""
        pace, self.is_starting = self.settings.pace, True
        self.settings = replace(self.settings, pace="instant")
        try:
            yield
        finally:
            self.settings, self.is_starting = replace(self.settings, pace=pace), False

    def health(self) -> dict[str, Any]:
        """The content of GET /_emu/health. Takes no lock, so it never waits."""
        counts = Counter(record.kind for record in self._state.store.records())
        # Health is open to everybody, and names are of an account.
        names = self.settings.auth == "off"
        return {
            "status": "starting" if self.is_starting else "ok",
            "version": _version(),
            "pace": self.settings.pace,
            "operations": {"implemented": len(HANDLERS), "modelled": len(operations())},
            "resources": dict(sorted(counts.items())),
            "running": [
                {**({"arn": arn} if names else {}), "stage": progress.stage, "percent": round(100 * progress.share)}
                for arn, progress in sorted(self._state.running().items())
            ],
        }

    def shown_state(self) -> dict[str, Any]:
        """The content of GET /_emu/state: details that no operation of the service returns."""
        shown = {"importJobs": import_reports(self._state)}
        metered = self.settings.capacity == "on"
        return shown | {"capacity": shown_capacity(self._state, self.clock.now())} if metered else shown

    def job_log(self, arn: str) -> dict[str, Any] | None:
        """The content of GET /_emu/logs: what the jobs of a resource with a status have done; None if there is none."""
        lines, record = self._state.logs.of(arn), self._state.store.find(arn)
        if lines is None or record is None:
            return None
        return {
            "arn": arn,
            "kind": record.kind,
            "status": getattr(record, "status", None),
            "failureReason": getattr(record, "failure_reason", None),
            "lines": [{"time": line.time, "level": line.level, "text": line.text} for line in lines],
        }

    def usage(self, prices: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The content of GET /_emu/usage: what this run would have cost on AWS. prices: of another price file.

        Raises:
            WrongPrices: the price file has another form.
        """
        found = list(quantities(self._state.usage.usage(), self.clock.now()))
        return cost_report(found, bundled_prices() if prices is None else checked_prices(prices))

    def _new_state(self) -> EmulatorState:
        keeping = None if self._durable is None else self._durable.keeping
        return new_state(self.clock, self.settings.remembered_bytes, self.doubles.job_faults.outcome_of, keeping)

    def _context(self, region: str, account: str, *, may_wait: bool = True) -> Context:
        return Context(
            state=self._state,
            settings=self.settings,
            clock=self.clock,
            identifiers=self._identifiers,
            aws_services=AwsReads(self.aws_services),
            page_secret=self._page_secret,
            account=account,
            region=region,
            publishes_metrics=self._publishes_metrics,
            training_processes=self._training_processes,
            may_wait=may_wait,
        )


def _data_directory(settings: Settings) -> DurableState | None:
    """Raises UnusableDirectory."""
    if not settings.data_dir:
        return None
    # SQLite and file formats, which few emulators need.
    from personalize_emu.durability.durable_state import DurableState

    return DurableState(Path(settings.data_dir), _version(), full=settings.durability == "full")


@cache
def _version() -> str:
    return version("personalize-emu")
