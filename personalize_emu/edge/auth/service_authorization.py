"""AWS's service authorization reference for Amazon Personalize: what a caller needs for each operation.

    operation ─▶ access level, resources that are checked, tags, role that is passed

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Personalize", state of 2026
(its machine-readable form is servicereference.us-east-1.amazonaws.com/v1/personalize/personalize.json). Its actions
for data insights belong to the console alone and are left out (P-12). Where the reference does not list a resource
that a request names, `Row.also` says so and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from personalize_emu.state.identifiers import parse_arn, partition_of

SERVICE = "personalize"
PASS_ROLE = "iam:PassRole"
TAG_RESOURCE = "TagResource"
ANY = "*"
"""The resource of operations that have none."""


@dataclass(frozen=True)
class ResourceType:
    """arn: with ${Partition}, ${Region}, ${Account} and ${ResourceId}. has_tags: whether aws:ResourceTag is known."""

    arn: str
    has_tags: bool


def _owned(word: str, *, has_tags: bool = True) -> ResourceType:
    return ResourceType(f"arn:${{Partition}}:personalize:${{Region}}:${{Account}}:{word}/${{ResourceId}}", has_tags)


def _of_aws(word: str) -> ResourceType:
    return ResourceType(f"arn:${{Partition}}:personalize:::{word}/${{ResourceId}}", has_tags=False)


RESOURCE_TYPES: Mapping[str, ResourceType] = MappingProxyType(
    {
        "algorithm": _of_aws("algorithm"),
        "batchInferenceJob": _owned("batch-inference-job"),
        "batchSegmentJob": _owned("batch-segment-job"),
        "campaign": _owned("campaign"),
        "dataDeletionJob": _owned("data-deletion-job"),
        "dataset": _owned("dataset"),
        "datasetExportJob": _owned("dataset-export-job"),
        "datasetGroup": _owned("dataset-group"),
        "datasetImportJob": _owned("dataset-import-job"),
        "eventTracker": _owned("event-tracker"),
        "featureTransformation": _of_aws("feature-transformation"),
        "filter": _owned("filter"),
        "metricAttribution": _owned("metric-attribution", has_tags=False),
        "recipe": _of_aws("recipe"),
        "recommender": _owned("recommender"),
        "schema": _owned("schema", has_tags=False),
        "solution": _owned("solution"),
    }
)
"""By the names of the reference. Versions of solutions have the type of solutions: their ARNs begin with one's."""

_TAGGED = tuple(name for name, kind in RESOURCE_TYPES.items() if kind.has_tags)


@dataclass(frozen=True)
class Checked:
    """A resource that an operation is checked for.

    types: names of resource types, of which it has one. member: path in the request to its ARN, such as
    `promotions[].filterArn`; empty for the resource that the operation creates.
    """

    types: tuple[str, ...]
    member: str = ""


@dataclass(frozen=True)
class Row:
    """What an operation needs.

    resources: of the reference; without any, and where a request names none, policies must allow all (`*`). also:
    ARNs that the reference does not list. tags: whether the operation can tag, which needs TagResource (S-32).
    role: path to the role that is passed (S-5).
    """

    level: str
    resources: tuple[Checked, ...] = ()
    also: tuple[Checked, ...] = ()
    tags: bool = False
    role: str | None = None


def _named(kind: str, member: str = "") -> Checked:
    return Checked((kind,), member or f"{kind}Arn")


def _new(kind: str) -> Checked:
    return Checked((kind,))


def _creates(kind: str, *named: Checked, also: tuple[Checked, ...] = (), tags: bool = True, role: str = "") -> Row:
    return Row("Write", (_new(kind), *named), also, tags, role or None)


def _reads(kind: str, member: str = "", also: tuple[Checked, ...] = ()) -> Row:
    return Row("Read", (_named(kind, member),), also)


def _writes(kind: str, member: str = "", also: tuple[Checked, ...] = (), role: str | None = None) -> Row:
    return Row("Write", (_named(kind, member),), also, role=role)


_GROUP, _DATASET = _named("datasetGroup"), _named("dataset")
_VERSION = _named("solution", "solutionVersionArn")
_TAGGABLE = (Checked(_TAGGED, "resourceArn"),)
_FILTER = (_named("filter"),)
"""Decided: as for recipes, since the service refuses what a request names and a policy does not allow."""
_RECIPE = (_named("recipe"),)
"""Recorded: a policy without recipes is refused (S-33)."""
_SCHEMA = (_named("schema"),)
"""Decided, as for filters."""
_ROLE = "roleArn"

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "CreateBatchInferenceJob": _creates("batchInferenceJob", _VERSION, also=_FILTER, role=_ROLE),
        "CreateBatchSegmentJob": _creates("batchSegmentJob", also=(_VERSION, *_FILTER), role=_ROLE),
        "CreateCampaign": _creates("campaign", _VERSION),
        "CreateDataDeletionJob": _creates("dataDeletionJob", _GROUP, role=_ROLE),
        "CreateDataset": _creates("dataset", _GROUP, also=_SCHEMA),
        "CreateDatasetExportJob": _creates("datasetExportJob", _DATASET, role=_ROLE),
        "CreateDatasetGroup": _creates("datasetGroup", role=_ROLE),
        "CreateDatasetImportJob": _creates("datasetImportJob", _DATASET, role=_ROLE),
        "CreateEventTracker": _creates("eventTracker", _GROUP),
        "CreateFilter": _creates("filter", _GROUP),
        "CreateMetricAttribution": _creates(
            "metricAttribution", _GROUP, tags=False, role="metricsOutputConfig.roleArn"
        ),
        "CreateRecommender": _creates("recommender", _GROUP, also=_RECIPE),
        "CreateSchema": _creates("schema", tags=False),
        "CreateSolution": _creates("solution", _GROUP, also=_RECIPE),
        "CreateSolutionVersion": Row("Write", (_named("solution"),), tags=True),
        "DeleteCampaign": _writes("campaign"),
        "DeleteDataset": _writes("dataset"),
        "DeleteDatasetGroup": _writes("datasetGroup"),
        "DeleteEventTracker": _writes("eventTracker"),
        "DeleteFilter": _writes("filter"),
        "DeleteMetricAttribution": _writes("metricAttribution"),
        "DeleteRecommender": _writes("recommender"),
        "DeleteSchema": _writes("schema"),
        "DeleteSolution": _writes("solution"),
        "DescribeAlgorithm": _reads("algorithm"),
        "DescribeBatchInferenceJob": _reads("batchInferenceJob"),
        "DescribeBatchSegmentJob": _reads("batchSegmentJob"),
        "DescribeCampaign": _reads("campaign"),
        "DescribeDataDeletionJob": _reads("dataDeletionJob"),
        "DescribeDataset": _reads("dataset"),
        "DescribeDatasetExportJob": _reads("datasetExportJob"),
        "DescribeDatasetGroup": _reads("datasetGroup"),
        "DescribeDatasetImportJob": _reads("datasetImportJob"),
        "DescribeEventTracker": _reads("eventTracker"),
        "DescribeFeatureTransformation": _reads("featureTransformation"),
        "DescribeFilter": _reads("filter"),
        "DescribeMetricAttribution": _reads("metricAttribution"),
        "DescribeRecipe": _reads("recipe"),
        "DescribeRecommender": _reads("recommender"),
        "DescribeSchema": _reads("schema"),
        "DescribeSolution": _reads("solution"),
        "DescribeSolutionVersion": _reads("solution", "solutionVersionArn"),
        "GetActionRecommendations": _reads("campaign", also=_FILTER),
        "GetPersonalizedRanking": _reads("campaign", also=_FILTER),
        "GetRecommendations": _reads(
            "campaign", also=(_named("recommender"), *_FILTER, _named("filter", "promotions[].filterArn"))
        ),
        "GetSolutionMetrics": _reads("solution", "solutionVersionArn"),
        "ListBatchInferenceJobs": Row("List"),
        "ListBatchSegmentJobs": Row("List"),
        "ListCampaigns": Row("List"),
        "ListDataDeletionJobs": Row("List"),
        "ListDatasetExportJobs": Row("List"),
        "ListDatasetGroups": Row("List"),
        "ListDatasetImportJobs": Row("List"),
        "ListDatasets": Row("List"),
        "ListEventTrackers": Row("List"),
        "ListFilters": Row("List"),
        "ListMetricAttributionMetrics": Row("List"),
        "ListMetricAttributions": Row("List"),
        "ListRecipes": Row("List"),
        "ListRecommenders": Row("List"),
        "ListSchemas": Row("List"),
        "ListSolutionVersions": Row("List"),
        "ListSolutions": Row("List"),
        "ListTagsForResource": Row("List", _TAGGABLE),
        "PutActionInteractions": Row("Write"),
        "PutActions": _writes("dataset"),
        "PutEvents": Row("Write"),
        "PutItems": _writes("dataset"),
        "PutUsers": _writes("dataset"),
        "StartRecommender": _writes("recommender"),
        "StopRecommender": _writes("recommender"),
        "StopSolutionVersionCreation": _writes("solution", "solutionVersionArn"),
        "TagResource": Row("Tagging", _TAGGABLE),
        "UntagResource": Row("Tagging", _TAGGABLE),
        "UpdateCampaign": _writes("campaign", also=(_VERSION,)),
        "UpdateDataset": _writes("dataset", also=_SCHEMA),
        "UpdateMetricAttribution": _writes("metricAttribution", role="metricsOutputConfig.roleArn"),
        "UpdateRecommender": _writes("recommender"),
        "UpdateSolution": _writes("solution"),
    }
)
"""By operation, which is the name of the action, too (S-28)."""


@dataclass(frozen=True)
class Permission:
    """An action on a resource. passes_role: whether it is a role that is handed to the service."""

    action: str
    resource: str
    passes_role: bool = False


def permissions_of(operation: str, params: Mapping[str, Any], region: str, account: str) -> Iterator[Permission]:
    """All permissions that a call needs. params: parsed and not validated. region, account: of the call."""
    row = ROWS[operation]
    resources = [arn for each in (*row.resources, *row.also) for arn in _arns(each, params, region, account)]
    resources = list(dict.fromkeys(resources)) or [ANY]
    for resource in resources:
        yield Permission(f"{SERVICE}:{operation}", resource)
    if row.tags and "tags" in params:
        yield Permission(f"{SERVICE}:{TAG_RESOURCE}", resources[0])
    for role in _at(params, row.role) if row.role else ():
        yield Permission(PASS_ROLE, role, passes_role=True)


def _arns(checked: Checked, params: Mapping[str, Any], region: str, account: str) -> Iterator[str]:
    if checked.member:
        yield from _at(params, checked.member)
        return
    parts = {"Partition": partition_of(region), "Region": region, "Account": account}
    parts["ResourceId"] = _id_of_new(checked.types[0], params)
    arn = RESOURCE_TYPES[checked.types[0]].arn
    for name, value in parts.items():
        arn = arn.replace(f"${{{name}}}", value)
    yield arn


def _id_of_new(kind: str, params: Mapping[str, Any]) -> str:
    """As in the ARN that the resource will have (R-GEN-1); `*` where the service chooses it."""
    if kind == "eventTracker":
        return ANY
    if kind == "dataset":
        group = parse_arn(params.get("datasetGroupArn", ""))
        return f"{group.resource_name if group else ANY}/{params.get('datasetType', ANY).upper()}"
    return str(params.get("name", params.get("jobName", ANY)))


def _at(value: Any, path: str) -> Iterator[str]:
    """The strings at a path, such as `promotions[].filterArn`; none where the request does not have it."""
    first, _, rest = path.partition(".")
    found = value.get(first.removesuffix("[]")) if isinstance(value, Mapping) else None
    for each in found if first.endswith("[]") and isinstance(found, list) else [found]:
        if rest:
            yield from _at(each, rest)
        elif isinstance(each, str):
            yield each
