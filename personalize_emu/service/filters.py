"""Filters as resources: expressions that restrict recommendations (R-FLT, spec 08)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from personalize_emu.filters.check import CheckedFilter, check
from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.filters.expressions import DATASETS
from personalize_emu.filters.grammar import parse
from personalize_emu.service.core.context import Context, Params, already_exists
from personalize_emu.service.datasets.datasets import dataset_of_type, records_of_group
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.lifecycle.creation import begin_plain_creation, create
from personalize_emu.service.lifecycle.deletion import begin_deletion, refuse_while_in_use, require_deletable
from personalize_emu.state.lifecycle import ACTIVE, CREATE_FAILED, CREATING, DELETING
from personalize_emu.state.resources import BatchInferenceJob, BatchSegmentJob, DatasetGroup, Filter, Resource, Schema
from personalize_emu.wire.errors import InvalidInputException, LimitExceededException

MOST_FIELDS = 10
"""Distinct dataset fields in one filter (Q-14)."""
MOST_FIELDS_OF_GROUP = 20
"""Distinct dataset fields in all filters of a dataset group (Q-13)."""


def create_filter(context: Context, params: Params) -> dict[str, Any]:
    """Raises InvalidInputException for invalid expressions, or ones that do not fit the schemas (F-2, R-FLT-5)."""
    group = context.get(DatasetGroup, params["datasetGroupArn"])
    _require_ready(group)
    try:
        checked = checked_filter(context, group.arn, params["filterExpression"])
    except InvalidExpression as error:
        raise InvalidInputException(str(error)) from error
    filter_arn = context.arn("filter", params["name"])
    if context.state.store.get(Filter, filter_arn) is not None:
        raise already_exists(filter_arn)
    _refuse_too_many_fields(context, group, checked)
    expression = params["filterExpression"]
    record = create(context, Filter, params, dataset_group_arn=group.arn, filter_expression=expression)
    begin_plain_creation(context, record)
    return {"filterArn": record.arn}


def _require_ready(group: DatasetGroup) -> None:
    """As require_active; but CreateFilter declares no ResourceInUseException (P-43)."""
    if group.status != ACTIVE:
        raise InvalidInputException(f"Resource {group.arn} is in {group.status} state.")


def describe_filter(context: Context, params: Params) -> dict[str, Any]:
    return {"filter": context.get(Filter, params["filterArn"]).members()}


def list_filters(context: Context, params: Params) -> dict[str, Any]:
    return context.list_page(records_of_group(context, Filter, params), params, "Filters", query="ListFilters")


def delete_filter(context: Context, params: Params) -> None:
    """Not while a batch job uses it (R-FLT-6)."""
    record = context.get(Filter, params["filterArn"])
    require_deletable(record)
    refuse_while_in_use(record, next(_unfinished_jobs_with(context, record), None))
    begin_deletion(context, record)


def checked_filter(context: Context, group_arn: str, expression: str) -> CheckedFilter:
    """An expression, checked against the datasets of a group except those in deletion.

    Raises:
        InvalidExpression: it does not fit them (F-90).
    """
    texts = []
    for name in DATASETS:
        dataset = dataset_of_type(context, group_arn, name.upper())
        if dataset is not None and dataset.status not in DELETING:
            texts.append((dataset.dataset_type, context.get(Schema, dataset.schema_arn).schema))
    return _checked(expression, tuple(texts))


@lru_cache(maxsize=256)
def _checked(expression: str, schema_texts: tuple[tuple[str, str], ...]) -> CheckedFilter:
    return check(parse(expression), {name: parsed_schema(text) for name, text in schema_texts})


def _refuse_too_many_fields(context: Context, group: DatasetGroup, checked: CheckedFilter) -> None:
    """F-4, F-92, F-92a; a filter that failed does not count (Q-66)."""
    if len(checked.fields) > MOST_FIELDS:
        raise LimitExceededException(f"More than {MOST_FIELDS} distinct dataset fields in one filter.")
    fields = set(checked.fields)
    for other in records_of_group(context, Filter, {"datasetGroupArn": group.arn}):
        if other.status != CREATE_FAILED:
            fields |= checked_filter(context, group.arn, other.filter_expression).fields
    if len(fields) > MOST_FIELDS_OF_GROUP:
        raise LimitExceededException(
            f"More than {MOST_FIELDS_OF_GROUP} distinct dataset fields in the filters of a dataset group."
        )


def _unfinished_jobs_with(context: Context, record: Filter) -> Iterator[Resource]:
    """Unfinished batch jobs that use the filter."""
    for kind in (BatchInferenceJob, BatchSegmentJob):
        for job in context.state.store.all(kind):
            if job.filter_arn == record.arn and job.status in CREATING:
                yield job
