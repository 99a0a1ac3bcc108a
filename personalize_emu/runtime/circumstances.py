"""The context of a request, as models read it (spec 09 section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from personalize_emu.service.catalog.parameter_values import decimal_value
from personalize_emu.service.state.trained_version import TrainedVersion


def told_context(trained: TrainedVersion, given: Mapping[str, str]) -> dict[str, str]:
    """Column to value, of the columns that were trained on as context; what else is given is ignored (RT-60).

    So is what is no number where the column is numeric (RT-61).
    """
    told = {}
    named = {name.upper(): value for name, value in given.items()} if trained.context_fields else {}
    for field in trained.context_fields:
        value = named.get(field.name.upper())
        if value is not None and (not field.numeric or decimal_value(value) is not None):
            told[field.name] = value
    return told
