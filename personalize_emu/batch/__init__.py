"""Batch jobs: queries stream in from S3, answers stream out to it."""
