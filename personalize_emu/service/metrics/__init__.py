"""The metrics that the service itself has in CloudWatch (CW-1 to CW-22)."""
