"""What a caller sees below /_emu with the option `auth`: resources, usage, calls and logs of its own account only.

Of the emulator itself (clock, reset, export, faults, declared answers) there is one for all accounts: callers of the
account of the server may change it. Without `auth` there are no callers, and everything is shown.

Data of a dataset group whose KMS key cannot be used are shown to nobody.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, cast

from flask import g, request

from personalize_emu.edge.admin.locked_data import without_calls, without_data
from personalize_emu.edge.admin.routes import PREFIX
from personalize_emu.emulator import Emulator
from personalize_emu.kms_keys import ENABLED
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.usage_ledger import UsageLedger
from personalize_emu.state.identifiers import account_in
from personalize_emu.state.resources import Dataset
from personalize_emu.state.store import Store

READS = frozenset({"GET", "HEAD"})
READS_WITH_A_BODY = frozenset({"usage", "explanations", "console/try"})
"""Routes whose POST changes nothing of other accounts."""
OF_THE_SERVER = frozenset({"faults", "job-faults", "answers"})
"""Routes that show what belongs to no account."""


def restrict(account: str, server_account: str, method: str, route: str) -> str | None:
    """Have the routes of this request show one account; returns why the caller may not use the route, None if it may.

    route: the path below /_emu.
    """
    if (method in READS and route.partition("/")[0] not in OF_THE_SERVER) or route in READS_WITH_A_BODY:
        g.visible_account = account
        return None
    if account != server_account:
        return f"this is for all accounts, so only callers of account {server_account} may do it, not of {account}"
    return None


def visible(emulator: Emulator) -> Emulator:
    """The emulator as routes use it: each access is to what the current request may see."""
    return cast(Emulator, _Visible(emulator))


class _Visible:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __getattr__(self, name: str) -> Any:
        account = g.get("visible_account")
        route = request.path.removeprefix(PREFIX).strip("/")
        if account is None and request.method not in READS and route not in READS_WITH_A_BODY:
            return getattr(self._emulator, name)
        if "shown_emulator" not in g:
            g.shown_emulator = _shown(self._emulator, account)
        return getattr(g.shown_emulator, name)


def _shown(emulator: Emulator, account: str | None) -> Emulator:
    """The emulator, or a copy for reading and for requests to deployments of the account."""
    unreadable = _unreadable_groups(emulator)
    if account is None and not unreadable:
        return emulator
    view, state = copy.copy(emulator), emulator.state
    view.doubles = copy.copy(emulator.doubles)
    if unreadable:
        view._state = without_data(state, unreadable)
        view.doubles.calls = without_calls(view.doubles.calls, state, unreadable)
    if account is not None:
        view._state = _state_of(view._state, account)
        view.doubles.calls = view.doubles.calls.of_account(account)
    return view


def _unreadable_groups(emulator: Emulator) -> frozenset[str]:
    """Dataset groups whose KMS key cannot be used now."""
    state, keys = emulator.state, emulator.aws_services.keys
    if not state.group_keys.in_use:
        return frozenset()
    with_key = [(arn, entry.key) for arn, entry in state.groups.items() if entry.key is not None]
    return frozenset(arn for arn, key in with_key if key.plain is None or keys.state(key.key_arn) != ENABLED)


def _state_of(state: EmulatorState, account: str) -> EmulatorState:
    store = state.store.copy_of(lambda record: account_in(record.arn) == account)
    return replace(state, store=store, usage=_usage_of(state, store, account))


def _usage_of(state: EmulatorState, store: Store, account: str) -> UsageLedger:
    tracked = {dataset.tracking_id for dataset in store.all(Dataset)}

    def is_of_others(source: str) -> bool:
        """source: an ARN or a tracking id."""
        arn = source if source.startswith("arn:") else state.trackers.get(source)
        return account_in(arn) != account if arn else source not in tracked

    ledger = UsageLedger()
    ledger.restore(state.usage.usage())
    ledger.forget(is_of_others)
    return ledger
