"""A reset of one region: its resources are removed, with their data, models and figures. Others are not touched."""

from __future__ import annotations

from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.state.identifiers import region_in
from personalize_emu.state.resources import Dataset, EventTracker, Resource


def remove_region(state: EmulatorState, region: str) -> list[Resource]:
    """Remove all that there is in a region, of all accounts; returns the records. Called under the store's lock.

    Jobs that are at work end without effect, since their resources are gone; trainings end before their next stage.
    """
    gone = [record for record in state.store.records() if region_in(record.arn) == region]
    tracking_ids = {record.tracking_id for record in gone if isinstance(record, EventTracker | Dataset)}
    for record in gone:
        entry = state.job_entry(record.arn)
        if entry is not None:
            entry.stop.set()
    state.store.remove_all(gone)
    state.usage.forget(lambda source: region_in(source) == region or source in tracking_ids)
    state.answers.forget(lambda arn: region_in(arn) == region)
    for key in [key for key in state.account_rates if region in key.split()]:
        del state.account_rates[key]
    return gone
