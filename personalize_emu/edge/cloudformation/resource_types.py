"""The resource types AWS::Personalize::*: properties, attributes, and what an update of them replaces.

From the resource schemas that CloudFormation publishes for the types (registry, us-east-1, November 2026): `required`,
`createOnlyProperties`, `readOnlyProperties` and `replacementStrategy`. Properties have the names of the API members in
another case; properties.py converts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PREFIX = "AWS::Personalize::"
IMPORT_JOB = "DatasetImportJob"
"""Property of a dataset, which another operation creates."""


@dataclass(frozen=True)
class ResourceType:
    """One type. word: its name in CloudFormation and in the names of operations.

    required, optional: names of properties. updatable: those that change in place; a change of any other one replaces
    the resource. attributes: name for Fn::GetAtt -> member of the Describe operation. withheld: paths of members that
    the API has and the type lacks. delete_first: whether a replaced resource is deleted before the new one is created.
    """

    word: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    updatable: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    has_status: bool = True
    delete_first: bool = False

    @property
    def name(self) -> str:
        return PREFIX + self.word

    @property
    def member(self) -> str:
        """The member of the Describe operation that holds the resource."""
        return self.word[0].lower() + self.word[1:]

    @property
    def arn_member(self) -> str:
        return f"{self.member}Arn"

    @property
    def arn_attribute(self) -> str:
        return f"{self.word}Arn"

    @property
    def properties(self) -> frozenset[str]:
        return frozenset(self.required + self.optional)

    @property
    def readable(self) -> Mapping[str, str]:
        """All attributes, with the ARN."""
        return {self.arn_attribute: self.arn_member, **self.attributes}

    def is_replaced_by(self, changed: frozenset[str]) -> bool:
        """Whether a change of these properties replaces the resource."""
        return not changed <= self.updatable


_DATES = {"CreationDateTime": "creationDateTime", "LastUpdatedDateTime": "lastUpdatedDateTime"}

_TYPES = (
    ResourceType("Schema", ("Name", "Schema"), ("Domain", "Tags"), has_status=False),
    ResourceType("DatasetGroup", ("Name",), ("Domain", "KmsKeyArn", "RoleArn", "Tags")),
    ResourceType(
        "Dataset",
        ("Name", "DatasetType", "DatasetGroupArn", "SchemaArn"),
        (IMPORT_JOB, "Tags"),
        updatable=frozenset({IMPORT_JOB}),
        delete_first=True,
    ),
    ResourceType(
        "Solution",
        ("Name", "DatasetGroupArn"),
        ("EventType", "PerformAutoML", "PerformHPO", "RecipeArn", "SolutionConfig", "Tags"),
        withheld=frozenset(
            f"SolutionConfig/{name}"
            for name in ("AutoTrainingConfig", "EventsConfig", "OptimizationObjective", "TrainingDataConfig")
        ),
    ),
    ResourceType(
        "Campaign",
        ("Name", "SolutionVersionArn"),
        ("CampaignConfig", "MinProvisionedTPS", "Tags"),
        updatable=frozenset({"SolutionVersionArn", "CampaignConfig", "MinProvisionedTPS", "Tags"}),
        attributes={"Status": "status", **_DATES},
    ),
    ResourceType(
        "EventTracker",
        ("Name", "DatasetGroupArn"),
        ("Tags",),
        updatable=frozenset({"Tags"}),
        attributes={"TrackingId": "trackingId"},
    ),
    ResourceType(
        "Filter",
        ("Name", "DatasetGroupArn", "FilterExpression"),
        ("Tags",),
        updatable=frozenset({"Tags"}),
        attributes={"Status": "status", **_DATES},
    ),
    ResourceType(
        "MetricAttribution",
        ("Name", "DatasetGroupArn", "Metrics", "MetricsOutputConfig"),
        updatable=frozenset({"MetricsOutputConfig"}),
        attributes={"Status": "status"},
    ),
)

RESOURCE_TYPES: Mapping[str, ResourceType] = MappingProxyType({each.name: each for each in _TYPES})
