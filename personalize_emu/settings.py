"""All options with name, environment variable, default and help text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

Pace = Literal["instant", "fast", "real"]
Auth = Literal["off", "sigv4", "iam"]
Capacity = Literal["off", "on"]
Durability = Literal["normal", "full"]
REPOSITORY_URL = "https://github.com/personalize-emu/personalize-emu"
DOCUMENTATION_URL = f"{REPOSITORY_URL}/blob/main/docs"
"""Messages and help texts lead here: who installed the wheel has no pages. The same as in pyproject.toml."""

DASK_SCHEME = "dask://"
_CLUSTER = re.compile(rf"{DASK_SCHEME}[^/:\s]+:\d+")
ENVIRONMENT_PREFIX = "PERSONALIZE_EMU_"
_SERVICE_LINK = re.compile(r"SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+")
"""Suffixes of variables that Kubernetes and Docker set for a service named personalize-emu."""

QUOTA_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "schemas": 500,
        "dataset-groups": 5,
        "dataset-import-jobs": 5,
        "data-deletion-jobs": 5,
        "batch-inference-jobs": 5,
        "batch-segment-jobs": 5,
        "solution-versions": 20,
        "solutions": 10,
        "campaigns": 5,
        "recommenders": 5,
        "filters": 30,
        "metric-attributions": 1,
    }
)
"""Quota name -> default of the service, the newest where sources differ (spec 04 Q-1 to Q-19)."""

DATA_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "full-import-bytes": 100 * 2**30,
        "incremental-import-bytes": 2**30,
    }
)
"""Quotas for the amount of data of one job (Q-26, Q-27, Q-41)."""

RATE_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "runtime-tps": 2500,
        "campaign-tps": 500,
        "put-events-tps": 1000,
        "put-action-interactions-tps": 1000,
        "put-records-tps": 10,
    }
)
"""Requests a second, with the option `capacity` (Q-43 to Q-45, Q-48, Q-49)."""

_NUMBERS: Mapping[str, int] = MappingProxyType({**QUOTA_LIMITS, **DATA_LIMITS, **RATE_LIMITS})
_POSITIVE = ("body_timeout", "instant_timeout", "real_pace_scale", "aws_timeout", "export_file_bytes")
_NOT_NEGATIVE = ("network_from", "batch_workers", "remembered_bytes", "training_workers", "recorded_calls")
_TRUTH = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


def _option(default: Any, help_text: str, *, repeatable: bool = False) -> Any:
    """repeatable: the option may be given several times; its values are joined with commas."""
    return field(default=default, metadata={"help": help_text, "repeatable": repeatable})


@dataclass(frozen=True)
class Settings:
    """Options of one emulator. The order of the fields is the order in `--help` and in the documentation."""

    host: str = _option("127.0.0.1", "address to listen on")
    port: int = _option(4577, "port to listen on; 0 selects a free port and prints it")
    tls: bool = _option(
        False,
        "answer HTTPS as well as HTTP on the port, with a certificate of a generated authority for localhost, the name "
        "of this machine, 127.0.0.1, ::1 and host",
    )
    tls_dir: str = _option(
        "",
        "folder of the generated authority; empty is tls in data_dir, and without that personalize-emu/tls in the "
        "user's data folder",
    )
    tls_cert: str = _option("", "PEM file of a certificate, with its chain, to use instead of a generated one")
    tls_key: str = _option("", "PEM file of the key of tls_cert")
    body_timeout: float = _option(
        30.0,
        "seconds in which a request must be received, plus one second per MB; otherwise it is refused",
    )
    pace: Pace = _option(
        "fast",
        "how long states last: instant (work is done inside the call), fast (work in the background, visible states), "
        "real (a multiple of the real service's durations)",
    )
    instant_timeout: float = _option(
        45.0,
        "with pace instant: seconds after which a call over HTTP returns although its work continues; keep it below "
        "the time-out of clients, which repeat the call then (boto3 after 60)",
    )
    real_pace_scale: float = _option(1.0, "with pace real: multiple of the real service's durations")
    seed: int = _option(0, "seed of all random choices: the same seed and calls give the same responses")
    account: str = _option("123456789012", "the 12-digit account that owns all resources")
    region: str = _option("us-east-1", "region of requests without credential scope")
    aws_endpoint: str = _option("", "endpoint of S3 and the other AWS services; empty embeds them")
    aws_timeout: float = _option(
        10.0,
        "with aws_endpoint: time-out in seconds without a byte of requests to other services; they are attempted three "
        "times",
    )
    http_deliveries: bool = _option(
        False,
        "let the embedded services send HTTP requests to addresses given by clients, such as HTTP subscribers of SNS "
        "topics; otherwise such subscriptions are refused",
    )
    quotas: str = _option(
        "default",
        "maximum numbers of resources, bytes of an import and, with capacity, requests per second: default (those of "
        "the service), off (unlimited), or changes of the defaults such as campaigns=10,put-events-tps=20",
    )
    capacity: Capacity = _option(
        "off",
        "on throttles requests above the provisioned capacity of campaigns and recommenders, which follows the use on "
        "the emulator's clock, and above the quotas of requests per second",
    )
    check_roles: bool = _option(
        False, "refuse roles and buckets whose IAM and bucket policies deny access to the service"
    )
    auth: Auth = _option(
        "off",
        "authentication: off (none), sigv4 (requests must be signed with a known key), iam (the policies of the user "
        "or role must also allow the call)",
    )
    credentials: str = _option(
        "personalize-emu:personalize-emu",
        "access keys of the account itself, with all permissions, as KEY:SECRET,KEY:SECRET; the embedded IAM and STS "
        "issue further keys",
    )
    auto_training: bool = _option(
        True,
        "train solutions and recommenders automatically on the emulator's clock: solutions an hour after their "
        "creation and then at their configured interval, recommenders every seven days",
    )
    network_from: int = _option(
        200_000,
        "number of interactions from which on User-Personalization and Personalized-Ranking also train a sequential "
        "model (GRU), about five minutes of one core per million; a tenth of it where users are short sessions; 0 for "
        "never",
    )
    training_workers: int = _option(
        1,
        "processes that the server keeps ready for trainings, so that these do not delay responses; more are started "
        "while there are more trainings; several share the trials of HPO and the candidates of AutoML; 0 trains in the "
        "server's own process unless there are 250,000 interactions",
    )
    legacy_recipes: bool = _option(
        False, "allow new solutions with the HRNN recipes, which the service no longer allows"
    )
    nonconforming_rows: float = _option(
        0.05,
        "largest share, from 0 to 1, of the rows of an import that may be nonconforming; these rows are left out and "
        "logged; with more of them, or without a conforming row, the import fails",
    )
    page_size: int = _option(
        100, "maximum number of entries per page of a list; a small number finds clients that read the first page only"
    )
    service_metrics: bool = _option(
        True, "send the service metrics (calls, errors, latencies, jobs) to the embedded or configured CloudWatch"
    )
    data_dir: str = _option(
        "",
        "directory in which the state is kept, for one process at a time; answered changes are "
        "there after the process has been killed; empty keeps nothing",
    )
    durability: Durability = _option(
        "normal",
        "with data_dir, what the last changes survive: normal (the end of the process, however it comes), full (a loss "
        "of power too; every change then waits for the disk)",
    )
    executor: str = _option(
        "",
        "where batch jobs run, and trainings of HPO and AutoML to choose by: empty for this machine, or "
        "dask://HOST:PORT, the scheduler of a Dask cluster whose workers have personalize-emu[dask] installed",
    )
    batch_workers: int = _option(
        1,
        "without executor: processes that answer the lines of each batch job, from 4,096 lines on, so that these do "
        "not delay responses; 0 answers them in the server's own process",
    )
    remembered_bytes: int = _option(
        1 << 26,
        "memory in bytes for remembered scores and answers, which are used again while they would come out the same; "
        "0 computes every answer anew",
    )
    export_file_bytes: int = _option(1 << 28, "maximum size of an exported file; larger datasets are split")
    faults: str = _option("", "YAML or JSON file with faults of requests and jobs, declared at start and by each reset")
    strict_answers: bool = _option(
        False, "refuse requests for recommendations, rankings and actions that no answer is declared for"
    )
    recorded_calls: int = _option(
        10_000, "number of newest calls that are kept for GET /_emu/calls, within 64 MB; 0 keeps none"
    )
    init: str = _option(
        "",
        "start files, or folders of them, that create resources before the server is ready: programs (.py), with the "
        "environment pointed at the server, and declarative files (.yaml); may be repeated, or separated by commas",
        repeatable=True,
    )
    log_level: str = _option("INFO", "DEBUG, INFO, WARNING or ERROR")

    def __post_init__(self) -> None:
        _check_types(self)
        for option, values in (("pace", Pace), ("auth", Auth), ("capacity", Capacity), ("durability", Durability)):
            if getattr(self, option) not in get_args(values):
                allowed = ", ".join(get_args(values))
                raise ValueError(f"{option} must be one of {allowed}, not {getattr(self, option)!r}")
        account_keys(self.credentials)
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, not {self.port}")
        if not (len(self.account) == 12 and self.account.isdecimal()):
            raise ValueError(f"account must be 12 digits, not {self.account!r}")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError(f"log_level must be DEBUG, INFO, WARNING or ERROR, not {self.log_level!r}")
        check_endpoint(self.aws_endpoint)
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than 0, not {getattr(self, name)}")
        quota_limits(self.quotas)
        if self.executor and not _CLUSTER.fullmatch(self.executor):
            raise ValueError(f"executor must be empty or {DASK_SCHEME}HOST:PORT, not {self.executor!r}")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not 1 <= self.page_size <= 100:
            raise ValueError(f"page_size must be between 1 and 100, not {self.page_size}")
        if not 0 <= self.nonconforming_rows <= 1:
            raise ValueError(f"nonconforming_rows must be between 0 and 1, not {self.nonconforming_rows}")


@cache
def _kinds() -> Mapping[str, Any]:
    """Option -> its type."""
    return MappingProxyType(get_type_hints(Settings))


def _check_types(settings: Settings) -> None:
    """Raises ValueError: an option has a value of another type."""
    for option, kind in _kinds().items():
        if get_origin(kind) is not Literal:
            _check_type(option, kind, getattr(settings, option))


def _check_type(option: str, kind: Any, value: object) -> None:
    """Whole numbers count as numbers, and those of NumPy as any others; True and False do not."""
    if kind is bool:
        fits, wanted = isinstance(value, bool), "True or False"
    elif kind is int:
        fits, wanted = isinstance(value, Integral) and not isinstance(value, bool), "a whole number"
    elif kind is float:
        fits, wanted = isinstance(value, Real) and not isinstance(value, bool), "a number"
    else:
        fits, wanted = isinstance(value, str), "a text"
    if not fits:
        # The value of a text may be a secret.
        shown = type(value).__name__ if kind is str else repr(value)
        raise ValueError(f"{option} must be {wanted}, not {shown}")


def check_endpoint(option: str) -> None:
    """Raises ValueError: the value of the `aws_endpoint` option is neither empty nor a URL."""
    try:
        parts = urlsplit(option)
        # Reading the port validates it.
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if option and not is_url:
        raise ValueError(f"aws_endpoint must be empty or a URL such as http://127.0.0.1:4566, not {option!r}")


@cache
def quota_limits(option: str) -> Mapping[str, int]:
    """Quota name -> number for a value of the `quotas` option; quotas without an entry are unlimited.

    Raises:
        ValueError: the option is malformed, or names an unknown quota.
    """
    if option == "off":
        return MappingProxyType({})
    changes = {} if option == "default" else dict(_quota_change(part) for part in option.split(","))
    return MappingProxyType({**_NUMBERS, **changes})


def changed_quotas(option: str, name: str, number: int) -> str:
    """A value of the `quotas` option with one quota changed; quotas that are off stay so."""
    if option == "off":
        return option
    return f"{name}={number}" if option == "default" else f"{option},{name}={number}"


@cache
def account_keys(option: str) -> Mapping[str, str]:
    """Access key -> secret for a value of the `credentials` option.

    Raises:
        ValueError: the option is malformed. The message does not contain secrets.
    """
    pairs = [part.strip().partition(":") for part in option.split(",")] if option else []
    if not all(key and secret for key, _, secret in pairs):
        raise ValueError("credentials must be KEY:SECRET pairs, separated by commas")
    return MappingProxyType({key: secret for key, _, secret in pairs})


def _quota_change(part: str) -> tuple[str, int]:
    name, _, number = part.strip().partition("=")
    if name not in _NUMBERS:
        raise ValueError(f"quotas must be default, off, or numbers for {', '.join(_NUMBERS)}; not {name!r}")
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(f"the quota {name} must be a whole number, not {number!r}")
    return name, int(number)


SETTING_NAMES = tuple(option.name for option in fields(Settings))


def environment_name(option: str) -> str:
    """The environment variable of an option, e.g. `PERSONALIZE_EMU_AWS_ENDPOINT` for `aws_endpoint`."""
    return ENVIRONMENT_PREFIX + option.upper()


def settings_from_environment(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from `PERSONALIZE_EMU_*` variables, with `overrides` (None means not given) on top.

    Raises:
        ValueError: a value is malformed, or the option does not exist; the message names the variable.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    given = {name: value for name, value in overrides.items() if value is not None}
    values: dict[str, Any] = {}
    for option in fields(Settings):
        variable = environment_name(option.name)
        if option.name not in given and variable in environ and not _is_link(environ[variable]):
            value = _parsed(option.name, _kinds()[option.name], environ[variable])
            # Validated one by one, so that the message can name the source of the value.
            try:
                Settings(**{option.name: value})
            except ValueError as error:
                raise ValueError(f"{variable}: {error}") from None
            values[option.name] = value
    return Settings(**values, **given)


def _is_link(text: str) -> bool:
    """Kubernetes sets the variable of our option `port` to the address of a service named personalize-emu."""
    return text.startswith(("tcp://", "udp://"))


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = [option.name.upper() for option in fields(Settings)]
    for variable in sorted(environ):
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name in (variable, *known) or _SERVICE_LINK.fullmatch(name):
            continue
        hints = [f"did you mean {environment_name(match)}?" for match in get_close_matches(name, known, 1)]
        raise ValueError(f"there is no option {variable}; {(*hints, 'personalize-emu serve --help lists them')[0]}")


def _parsed(name: str, kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal or kind is str:
        return text
    if kind is bool:
        return _truth(name, text)
    try:
        return kind(text)
    except ValueError:
        wanted = "whole number" if kind is int else "number"
        raise ValueError(f"{environment_name(name)} must be a {wanted}, not {text!r}") from None


def _truth(name: str, text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(f"{environment_name(name)} must be true or false, not {text!r}")
    return _TRUTH[text.lower()]
