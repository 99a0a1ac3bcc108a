"""Bytes to values and back, driven by the botocore service models. Knows no resource."""
