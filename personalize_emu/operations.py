"""The table of operations: name -> function. The coverage page is computed from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from personalize_emu.batch.inference_jobs import begin_batch_inference_job, create_batch_inference_job
from personalize_emu.batch.segment_jobs import create_batch_segment_job, resume_batch_segment_job
from personalize_emu.runtime.actions import get_action_recommendations
from personalize_emu.runtime.events.put_action_interactions import put_action_interactions
from personalize_emu.runtime.events.put_events import put_events
from personalize_emu.runtime.events.put_records import put_actions, put_items, put_users
from personalize_emu.runtime.rank import get_personalized_ranking
from personalize_emu.runtime.recommend import get_recommendations
from personalize_emu.service import batch_jobs, dataset_groups, filters, recipes
from personalize_emu.service.attribution import metric_attributions
from personalize_emu.service.core import tags
from personalize_emu.service.core.context import Context
from personalize_emu.service.dataset_jobs import deletions, exports, imports
from personalize_emu.service.datasets import datasets, event_trackers, schemas
from personalize_emu.service.deployments import campaigns, recommenders
from personalize_emu.service.solutions import solution_versions, solutions
from personalize_emu.state.resources import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
    DatasetImportJob,
    Resource,
)

Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any] | None]

CONTROL_PLANE: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateBatchInferenceJob": create_batch_inference_job,
        "CreateBatchSegmentJob": create_batch_segment_job,
        "CreateCampaign": campaigns.create_campaign,
        "CreateDataDeletionJob": deletions.create_data_deletion_job,
        "CreateDataset": datasets.create_dataset,
        "CreateDatasetExportJob": exports.create_dataset_export_job,
        "CreateDatasetGroup": dataset_groups.create_dataset_group,
        "CreateDatasetImportJob": imports.create_dataset_import_job,
        "CreateEventTracker": event_trackers.create_event_tracker,
        "CreateFilter": filters.create_filter,
        "CreateMetricAttribution": metric_attributions.create_metric_attribution,
        "CreateRecommender": recommenders.create_recommender,
        "CreateSchema": schemas.create_schema,
        "CreateSolution": solutions.create_solution,
        "CreateSolutionVersion": solution_versions.create_solution_version,
        "DeleteCampaign": campaigns.delete_campaign,
        "DeleteDataset": datasets.delete_dataset,
        "DeleteDatasetGroup": dataset_groups.delete_dataset_group,
        "DeleteEventTracker": event_trackers.delete_event_tracker,
        "DeleteFilter": filters.delete_filter,
        "DeleteMetricAttribution": metric_attributions.delete_metric_attribution,
        "DeleteRecommender": recommenders.delete_recommender,
        "DeleteSchema": schemas.delete_schema,
        "DeleteSolution": solutions.delete_solution,
        "DescribeAlgorithm": recipes.describe_algorithm,
        "DescribeBatchInferenceJob": batch_jobs.describe_batch_inference_job,
        "DescribeBatchSegmentJob": batch_jobs.describe_batch_segment_job,
        "DescribeCampaign": campaigns.describe_campaign,
        "DescribeDataDeletionJob": deletions.describe_data_deletion_job,
        "DescribeDataset": datasets.describe_dataset,
        "DescribeDatasetExportJob": exports.describe_dataset_export_job,
        "DescribeDatasetGroup": dataset_groups.describe_dataset_group,
        "DescribeDatasetImportJob": imports.describe_dataset_import_job,
        "DescribeEventTracker": event_trackers.describe_event_tracker,
        "DescribeFeatureTransformation": recipes.describe_feature_transformation,
        "DescribeFilter": filters.describe_filter,
        "DescribeMetricAttribution": metric_attributions.describe_metric_attribution,
        "DescribeRecipe": recipes.describe_recipe,
        "DescribeRecommender": recommenders.describe_recommender,
        "DescribeSchema": schemas.describe_schema,
        "DescribeSolution": solutions.describe_solution,
        "DescribeSolutionVersion": solution_versions.describe_solution_version,
        "GetSolutionMetrics": solution_versions.get_solution_metrics,
        "ListBatchInferenceJobs": batch_jobs.list_batch_inference_jobs,
        "ListBatchSegmentJobs": batch_jobs.list_batch_segment_jobs,
        "ListCampaigns": campaigns.list_campaigns,
        "ListDataDeletionJobs": deletions.list_data_deletion_jobs,
        "ListDatasetExportJobs": exports.list_dataset_export_jobs,
        "ListDatasetGroups": dataset_groups.list_dataset_groups,
        "ListDatasetImportJobs": imports.list_dataset_import_jobs,
        "ListDatasets": datasets.list_datasets,
        "ListEventTrackers": event_trackers.list_event_trackers,
        "ListFilters": filters.list_filters,
        "ListMetricAttributionMetrics": metric_attributions.list_metric_attribution_metrics,
        "ListMetricAttributions": metric_attributions.list_metric_attributions,
        "ListRecipes": recipes.list_recipes,
        "ListRecommenders": recommenders.list_recommenders,
        "ListSchemas": schemas.list_schemas,
        "ListSolutionVersions": solution_versions.list_solution_versions,
        "ListSolutions": solutions.list_solutions,
        "ListTagsForResource": tags.list_tags_for_resource,
        "StartRecommender": recommenders.start_recommender,
        "StopRecommender": recommenders.stop_recommender,
        "StopSolutionVersionCreation": solution_versions.stop_solution_version_creation,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "UpdateCampaign": campaigns.update_campaign,
        "UpdateMetricAttribution": metric_attributions.update_metric_attribution,
        "UpdateRecommender": recommenders.update_recommender,
        "UpdateSolution": solutions.update_solution,
        "UpdateDataset": datasets.update_dataset,
    }
)
"""Called under the store's lock, so that a check and the change that depends on it are atomic."""

LIVE: Mapping[str, Handler] = MappingProxyType(
    {
        "GetActionRecommendations": get_action_recommendations,
        "GetPersonalizedRanking": get_personalized_ranking,
        "GetRecommendations": get_recommendations,
        "PutActionInteractions": put_action_interactions,
        "PutActions": put_actions,
        "PutEvents": put_events,
        "PutItems": put_items,
        "PutUsers": put_users,
    }
)
"""Runtime and events operations: called without the lock; rare ones may acquire it."""

HANDLERS: Mapping[str, Handler] = MappingProxyType({**CONTROL_PLANE, **LIVE})

RESUMED: Mapping[type[Resource], Callable[[Context, Any], None]] = MappingProxyType(
    {
        BatchInferenceJob: begin_batch_inference_job,
        BatchSegmentJob: resume_batch_segment_job,
        DataDeletionJob: deletions.begin_data_deletion_job,
        DatasetExportJob: exports.resume_dataset_export_job,
        DatasetImportJob: imports.resume_dataset_import_job,
    }
)
"""Kind of job to what begins it again after a restart has interrupted it. These jobs read S3 and take effect as a
whole, or write the same objects again. Trainings are not begun again: they can take hours, and more memory than the
next start has.
"""

READ_ONLY = frozenset(name for name in CONTROL_PLANE if name.startswith(("Describe", "Get", "List")))
"""Operations of the control plane that change nothing."""

AT_ONCE = READ_ONLY | {"GetPersonalizedRanking", "GetRecommendations", "PutEvents"}
"""Operations that take less time than the hand-over to another thread, unless they raise MustWait."""
