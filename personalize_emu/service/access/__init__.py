"""Roles, buckets and IAM policies that requests name, and input in S3 (spec 05)."""
