"""Batch jobs: stream queries from S3 and write results to S3."""
