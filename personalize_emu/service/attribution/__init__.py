"""Metric attributions: what is counted, and where reports go (spec 12)."""
