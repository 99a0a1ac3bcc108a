"""KMS keys of dataset groups: the data of a group can be used while its key can (S-16, S-17).

A group that is made with a key gets a data key, which KMS has encrypted with it. What needs the data asks for the state
of the KMS key: requests are refused and jobs fail while it is disabled, about to be deleted, or gone. A key that KMS
does not know when the group is made counts as none, unless `check_roles` refuses it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import TypeVar

from personalize_emu.kms_keys import ENABLED, REMEMBERED_SECONDS, EncryptionContext, KeyService, KeyUnavailable
from personalize_emu.service.core.context import Context, MustWait, Params
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import GroupKey
from personalize_emu.state.jobs import JobFailed, unquoted
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchSegmentJob,
    Campaign,
    DataDeletionJob,
    Dataset,
    DatasetExportJob,
    DatasetGroup,
    DatasetImportJob,
    Recommender,
    Resource,
    SolutionVersion,
)
from personalize_emu.state.store import Store
from personalize_emu.wire.errors import InvalidInputException

T = TypeVar("T")
log = logging.getLogger(__name__)
_NEEDS_DATA = (
    DatasetImportJob, DatasetExportJob, DataDeletionJob, SolutionVersion, Recommender, Campaign, BatchInferenceJob,
    BatchSegmentJob,
)  # fmt: skip
"""Kinds whose creation and updates read or write data of their group."""

_FAULT = re.compile(r"The KMS key \S+ of dataset group \S+ cannot be used: [\w ]+\.")


def tells_of_key_only(text: str) -> bool:
    """Whether a reason or log line is about a KMS key, see `key_fault`, and so quotes no data."""
    return _FAULT.fullmatch(text) is not None


def encryption_context(group_arn: str) -> EncryptionContext:
    """What the data key of a group is bound to."""
    return {"datasetGroupArn": group_arn}


def new_group_key(context: Context, group_arn: str, key_arn: str) -> GroupKey | None:
    """For a group to be made; None if KMS has no such key. Raises InvalidInputException: it cannot be used."""
    try:
        made = context.aws_services.new_data_key(key_arn, encryption_context(group_arn))
    except KeyUnavailable as error:
        raise InvalidInputException(f"Key {key_arn} cannot be used: {error}") from error
    return None if made is None else GroupKey(key_arn, made.wrapped, made.plain)


def give_key(state: EmulatorState, group_arn: str, key: GroupKey) -> None:
    """Called under the store's lock."""
    state.groups[group_arn].key = key
    state.group_keys.in_use = True
    state.store.touch(group_arn)


def open_groups(state: EmulatorState, keys: KeyService) -> None:
    """Read the data of groups that are encrypted, if their KMS keys can be used now."""
    for group_arn, open_group in list(state.group_keys.locked.items()):
        if not _may_be_opened(state, keys, group_arn):
            continue
        try:
            open_group()
        except KeyUnavailable as error:
            log.warning("the data of %s cannot be decrypted: %s", group_arn, error)
            state.group_keys.retry_at[group_arn] = time.monotonic() + REMEMBERED_SECONDS


def opens_groups(state: EmulatorState, keys: KeyService) -> bool:
    """Whether `open_groups` has something to do, or cannot say without waiting."""
    for group_arn in list(state.group_keys.locked):
        entry = state.groups.get(group_arn)
        waits = entry is not None and entry.key is not None and not keys.answers_at_once(entry.key.key_arn)
        if waits or _may_be_opened(state, keys, group_arn):
            return True
    return False


def _may_be_opened(state: EmulatorState, keys: KeyService, group_arn: str) -> bool:
    entry, now = state.groups.get(group_arn), time.monotonic()
    if now < state.group_keys.retry_at.get(group_arn, now):
        return False
    return entry is None or entry.key is None or keys.state(entry.key.key_arn) == ENABLED


def group_arn_of(store: Store, record: Resource) -> str | None:
    """The dataset group that a resource belongs to; None for schemas, and where the way to it has been deleted."""
    if isinstance(record, DatasetGroup):
        return record.arn
    parent: Resource | None = record
    if isinstance(record, DatasetImportJob | DatasetExportJob):
        parent = store.get(Dataset, record.dataset_arn)
    elif isinstance(record, Campaign | BatchInferenceJob | BatchSegmentJob):
        parent = store.get(SolutionVersion, record.solution_version_arn)
    return getattr(parent, "dataset_group_arn", None)


def is_encrypted(state: EmulatorState, record: Resource | None) -> bool:
    """Whether the group of a resource has a key, so that its data are quoted in no log."""
    group_arn = None if record is None or not state.group_keys.in_use else group_arn_of(state.store, record)
    entry = state.groups.get(group_arn) if group_arn else None
    return entry is not None and entry.key is not None


def names_encrypted(state: EmulatorState, params: Params) -> bool:
    """Whether a request names a resource of a group with a key, by its ARN or a tracking id."""
    if not state.group_keys.in_use:
        return False
    arns = {value for name, value in params.items() if name.endswith("Arn") and isinstance(value, str)}
    tracker = state.trackers.get(str(params.get("trackingId", "")))
    return any(is_encrypted(state, state.store.find(arn)) for arn in arns | ({tracker} if tracker else set()))


def key_fault(context: Context, record: Resource) -> str | None:
    """Why the data that a resource belongs to cannot be used now; None if they can. Takes no lock. Raises MustWait."""
    if not context.state.group_keys.in_use:
        return None
    return _fault_of_group(context, group_arn_of(context.state.store, record))


def _fault_of_group(context: Context, group_arn: str | None) -> str | None:
    entry = context.state.groups.get(group_arn) if group_arn else None
    if entry is None or entry.key is None:
        return None
    if not context.may_wait and not context.aws_services.knows_key_state(entry.key.key_arn):
        raise MustWait
    key_state = context.aws_services.key_state(entry.key.key_arn)
    if key_state == ENABLED and entry.key.plain is not None:
        return None
    what = "it does not exist" if key_state is None else f"its state is {key_state}"
    if key_state == ENABLED:
        what = "it could not decrypt the data"
    return f"The KMS key {entry.key.key_arn} of dataset group {group_arn} cannot be used: {what}."


def require_usable_key(context: Context, record: Resource) -> None:
    """Raises InvalidInputException."""
    fault = key_fault(context, record)
    if fault is not None:
        raise InvalidInputException(fault)


def require_readable_data(context: Context, record: Resource) -> None:
    """For jobs. Raises JobFailed."""
    fault = key_fault(context, record)
    if fault is not None:
        raise JobFailed(fault)


def require_loaded_data(context: Context, group_arn: str) -> None:
    """For requests whose checks read data, which are not in memory if the key could not be used since a restart.

    In all other cases the job that is asked for fails. Raises InvalidInputException.
    """
    if group_arn in context.state.group_keys.locked:
        fault = _fault_of_group(context, group_arn)
        if fault is not None:
            raise InvalidInputException(fault)


def with_usable_key(context: Context, record: Resource, work: Callable[[], T]) -> Callable[[], T]:
    """The work of a job on a resource, which fails if the key cannot be used at its beginning or at its end."""
    if not (context.state.group_keys.in_use and isinstance(record, _NEEDS_DATA)):
        return work

    def guarded() -> T:
        require_readable_data(context, record)
        result = unquoted(record.arn, work) if is_encrypted(context.state, record) else work()
        require_readable_data(context, record)
        return result

    return guarded
