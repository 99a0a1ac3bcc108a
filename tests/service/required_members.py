"""Members that an answer never lacks, by the structure that holds them (spec 02): Describe, then entries of lists."""

from __future__ import annotations

from collections.abc import Mapping

DATES = "creationDateTime lastUpdatedDateTime"

DESCRIBED: Mapping[str, str] = {
    "datasetGroup": "name datasetGroupArn status",  # R-DSG-4
    "schema": "name schemaArn schema",  # R-SCH-3
    "dataset": "name datasetArn datasetGroupArn datasetType schemaArn status",  # R-DS-6
    "datasetImportJob": "jobName datasetImportJobArn datasetArn dataSource status importMode",  # R-DIJ-2, R-DIJ-5
    "datasetExportJob": (
        "jobName datasetExportJobArn datasetArn ingestionMode roleArn status jobOutput"  # R-DEJ-2, R-DEJ-4
    ),
    "dataDeletionJob": "jobName dataDeletionJobArn datasetGroupArn dataSource roleArn status",  # R-DDJ-2
    "eventTracker": "name eventTrackerArn accountId trackingId datasetGroupArn status",  # R-ET-3
    "filter": "name filterArn datasetGroupArn filterExpression status",  # R-FLT-2
    "recipe": "name recipeArn algorithmArn featureTransformationArn status description recipeType",  # R-RCP-1
    "algorithm": "name algorithmArn algorithmImage defaultHyperParameters defaultHyperParameterRanges",  # R-ALG-1
    "featureTransformation": "name featureTransformationArn defaultParameters status",  # R-FT-1
    "solution": (
        "name solutionArn performHPO performAutoML performAutoTraining recipeArn datasetGroupArn status"  # R-SOL-24
    ),
    "solutionVersion": (
        "name solutionVersionArn solutionArn performHPO performAutoML recipeArn datasetGroupArn trainingMode "
        "trainingType status"  # R-SV-4, R-SV-8, R-SV-9
    ),
    "campaign": "name campaignArn solutionVersionArn minProvisionedTPS status",  # R-CMP-3, R-CMP-23
    "recommender": "name recommenderArn datasetGroupArn recipeArn recommenderConfig status",  # R-REC-3, R-REC-7
    "batchInferenceJob": (
        "jobName batchInferenceJobArn solutionVersionArn jobInput jobOutput roleArn numResults "
        "batchInferenceJobMode status"  # R-BIJ-7
    ),
    "batchSegmentJob": (
        "jobName batchSegmentJobArn solutionVersionArn jobInput jobOutput roleArn numResults status"  # R-BSJ-1
    ),
    "metricAttribution": "name metricAttributionArn datasetGroupArn metricsOutputConfig status",  # R-MA-2
}

LISTED: Mapping[str, str] = {
    "datasetGroups": "name datasetGroupArn status",  # R-DSG-4
    "schemas": "name schemaArn",  # R-SCH-4
    "datasets": "name datasetArn datasetType status",  # R-DS-7
    "datasetImportJobs": "datasetImportJobArn jobName status importMode",  # R-DIJ-3
    "datasetExportJobs": "datasetExportJobArn jobName status",  # R-DEJ-2
    "dataDeletionJobs": "dataDeletionJobArn datasetGroupArn jobName status",  # R-DDJ-2
    "eventTrackers": "name eventTrackerArn status",  # R-ET-3
    "Filters": "name filterArn datasetGroupArn status",  # R-FLT-2
    "recipes": "name recipeArn status",  # R-RCP-1
    "solutions": "name solutionArn status recipeArn",  # R-SOL-4
    "solutionVersions": "solutionVersionArn status trainingMode trainingType",  # R-SV-5
    "campaigns": "name campaignArn status",  # R-CMP-3
    "recommenders": "name recommenderArn datasetGroupArn recipeArn recommenderConfig status",  # R-REC-4
    "batchInferenceJobs": (
        "batchInferenceJobArn jobName status solutionVersionArn batchInferenceJobMode"  # R-BIJ-2
    ),
    "batchSegmentJobs": "batchSegmentJobArn jobName status solutionVersionArn",  # R-BSJ-1
    "metricAttributions": "name metricAttributionArn status",  # R-MA-2
}

BESIDE: Mapping[str, str] = {
    "latestDatasetUpdate": "schemaArn status",  # R-DS-11
    "latestSolutionUpdate": "status",  # R-SOL-14
    "latestCampaignUpdate": "solutionVersionArn minProvisionedTPS status",  # R-CMP-10
    "latestRecommenderUpdate": "recommenderConfig status",  # R-REC-8
    "latestSolutionVersion": "solutionVersionArn status trainingMode trainingType",  # R-SOL-7
}
"""Records inside a Describe, where there is one."""


def required(structures: Mapping[str, str], name: str) -> set[str]:
    return set(f"{structures[name]} {DATES}".split())
