"""Records of all resource kinds: frozen dataclasses that the store replaces on changes.

Fields are the AWS members in snake case; `members` converts a record to wire members, and the output shape of an
operation selects from them, so one record serves Describe and List. Documents that clients pass and get back unchanged
(configurations, data sources) are stored as received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

Document = Mapping[str, Any]

# Members whose name is not the plain camel case of the field.
_IRREGULAR = {
    "perform_hpo": "performHPO",
    "perform_auto_ml": "performAutoML",
    "auto_ml_result": "autoMLResult",
    "min_provisioned_tps": "minProvisionedTPS",
    "tuned_hpo_params": "tunedHPOParams",
    "publish_attribution_metrics_to_s3": "publishAttributionMetricsToS3",
}


@cache
def member_name(field_name: str) -> str:
    """`creation_date_time` is `creationDateTime` on the wire."""
    if field_name in _IRREGULAR:
        return _IRREGULAR[field_name]
    first, *rest = field_name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Common fields of all kinds. Times are seconds since the epoch (R-GEN-12).

    `type_word` is the word before the slash in the ARN, `kind` names the resource in messages and settings, `arn_field`
    is the field with the ARN.
    """

    type_word: ClassVar[str]
    kind: ClassVar[str]
    arn_field: ClassVar[str]
    taggable: ClassVar[bool] = True

    creation_date_time: float
    last_updated_date_time: float

    @property
    def arn(self) -> str:
        arn: str = getattr(self, self.arn_field)
        return arn

    def members(self) -> dict[str, Any]:
        """All members with a value, by wire name (P-27: absent members are left out)."""
        pairs = ((member_name(field.name), getattr(self, field.name)) for field in fields(self))
        return {member: value for member, value in pairs if value is not None}


@dataclass(frozen=True, kw_only=True)
class Stateful(Resource):
    """A resource with a status (R-GEN-8) and a failure reason (R-GEN-11)."""

    status: str
    failure_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetGroup(Stateful):
    """R-DSG-4."""

    type_word = kind = "dataset-group"
    arn_field = "dataset_group_arn"

    name: str
    dataset_group_arn: str
    domain: str | None = None
    role_arn: str | None = None
    kms_key_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class Schema(Resource):
    """R-SCH-3. Has no status; `schema` is the text as received."""

    type_word = kind = "schema"
    arn_field = "schema_arn"
    taggable = False

    name: str
    schema_arn: str
    schema: str
    domain: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset(Stateful):
    """R-DS-6. `dataset_type` is upper case (R-DS-3). `latest_dataset_update` records the last UpdateDataset."""

    type_word = kind = "dataset"
    arn_field = "dataset_arn"

    name: str
    dataset_arn: str
    dataset_group_arn: str
    dataset_type: str
    schema_arn: str
    tracking_id: str | None = None
    latest_dataset_update: Document | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetImportJob(Stateful):
    """R-DIJ-2."""

    type_word = kind = "dataset-import-job"
    arn_field = "dataset_import_job_arn"

    job_name: str
    dataset_import_job_arn: str
    dataset_arn: str
    data_source: Document
    role_arn: str | None
    import_mode: str
    publish_attribution_metrics_to_s3: bool | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetExportJob(Stateful):
    """R-DEJ-2."""

    type_word = kind = "dataset-export-job"
    arn_field = "dataset_export_job_arn"

    job_name: str
    dataset_export_job_arn: str
    dataset_arn: str
    ingestion_mode: str
    role_arn: str
    job_output: Document


@dataclass(frozen=True, kw_only=True)
class DataDeletionJob(Stateful):
    """R-DDJ-2."""

    type_word = kind = "data-deletion-job"
    arn_field = "data_deletion_job_arn"

    job_name: str
    data_deletion_job_arn: str
    dataset_group_arn: str
    data_source: Document
    role_arn: str
    num_deleted: int | None = None


@dataclass(frozen=True, kw_only=True)
class EventTracker(Stateful):
    """R-ET-3."""

    type_word = kind = "event-tracker"
    arn_field = "event_tracker_arn"

    name: str
    event_tracker_arn: str
    account_id: str
    tracking_id: str
    dataset_group_arn: str


@dataclass(frozen=True, kw_only=True)
class Filter(Stateful):
    """R-FLT-2. `filter_expression` is the text as received."""

    type_word = kind = "filter"
    arn_field = "filter_arn"

    name: str
    filter_arn: str
    dataset_group_arn: str
    filter_expression: str


@dataclass(frozen=True, kw_only=True)
class Solution(Stateful):
    """R-SOL-3. `latestSolutionVersion` is computed by Describe; `latest_solution_update` is the
    record of the last UpdateSolution (R-SOL-14).
    """

    type_word = kind = "solution"
    arn_field = "solution_arn"

    name: str
    solution_arn: str
    dataset_group_arn: str
    perform_hpo: bool
    perform_auto_ml: bool
    perform_auto_training: bool
    perform_incremental_update: bool | None = None
    recipe_arn: str | None = None
    event_type: str | None = None
    solution_config: Document | None = None
    auto_ml_result: Document | None = None
    latest_solution_update: Document | None = None


@dataclass(frozen=True, kw_only=True)
class SolutionVersion(Stateful):
    """R-SV-4. The configuration is a copy of the solution's at creation (R-SV-11)."""

    type_word = "solution"
    kind = "solution-version"
    arn_field = "solution_version_arn"

    name: str
    solution_version_arn: str
    solution_arn: str
    dataset_group_arn: str
    perform_hpo: bool
    perform_auto_ml: bool
    perform_incremental_update: bool | None = None
    recipe_arn: str | None = None
    event_type: str | None = None
    solution_config: Document | None = None
    training_mode: str
    training_type: str
    training_hours: float | None = None
    tuned_hpo_params: Document | None = None


@dataclass(frozen=True, kw_only=True)
class Campaign(Stateful):
    """R-CMP-3. `latest_campaign_update` is the record of the last UpdateCampaign (R-CMP-10)."""

    type_word = kind = "campaign"
    arn_field = "campaign_arn"

    name: str
    campaign_arn: str
    solution_version_arn: str
    min_provisioned_tps: int
    campaign_config: Document | None = None
    latest_campaign_update: Document | None = None


@dataclass(frozen=True, kw_only=True)
class Recommender(Stateful):
    """R-REC-3. `latest_recommender_update` is the record of the last UpdateRecommender (R-REC-8)."""

    type_word = kind = "recommender"
    arn_field = "recommender_arn"

    name: str
    recommender_arn: str
    dataset_group_arn: str
    recipe_arn: str
    recommender_config: Document
    latest_recommender_update: Document | None = None
    model_metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class BatchJob(Stateful):
    """Common fields of batch jobs. `num_results`: items per line, or users per segment."""

    job_name: str
    solution_version_arn: str
    job_input: Document
    job_output: Document
    role_arn: str
    num_results: int
    filter_arn: str | None = None


@dataclass(frozen=True, kw_only=True)
class BatchInferenceJob(BatchJob):
    """R-BIJ-2."""

    type_word = kind = "batch-inference-job"
    arn_field = "batch_inference_job_arn"

    batch_inference_job_arn: str
    batch_inference_job_mode: str
    batch_inference_job_config: Document | None = None
    theme_generation_config: Document | None = None


@dataclass(frozen=True, kw_only=True)
class BatchSegmentJob(BatchJob):
    """R-BSJ-1."""

    type_word = kind = "batch-segment-job"
    arn_field = "batch_segment_job_arn"

    batch_segment_job_arn: str


@dataclass(frozen=True, kw_only=True)
class MetricAttribution(Stateful):
    """R-MA-2. `metrics` are returned by ListMetricAttributionMetrics only."""

    type_word = kind = "metric-attribution"
    arn_field = "metric_attribution_arn"
    taggable = False

    name: str
    metric_attribution_arn: str
    dataset_group_arn: str
    metrics: tuple[Document, ...]
    metrics_output_config: Document


RESOURCE_TYPES: tuple[type[Resource], ...] = (
    DatasetGroup,
    Schema,
    Dataset,
    DatasetImportJob,
    DatasetExportJob,
    DataDeletionJob,
    EventTracker,
    Filter,
    Solution,
    SolutionVersion,
    Campaign,
    Recommender,
    MetricAttribution,
    BatchInferenceJob,
    BatchSegmentJob,
)

OWNED_KINDS: Mapping[type[Resource], tuple[tuple[type[Resource], str], ...]] = MappingProxyType(
    {
        DatasetGroup: ((DataDeletionJob, "dataset_group_arn"),),
        Dataset: ((DatasetImportJob, "dataset_arn"), (DatasetExportJob, "dataset_arn")),
        Solution: ((SolutionVersion, "solution_arn"),),
    }
)
"""Kind to the kinds whose records are removed with it, and their field with its ARN (R-DSG-18, R-DS-23, R-SOL-17)."""
