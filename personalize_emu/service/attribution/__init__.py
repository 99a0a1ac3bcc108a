"""Metric attributions: metrics of events, published to CloudWatch and to reports in S3 (spec 12)."""
