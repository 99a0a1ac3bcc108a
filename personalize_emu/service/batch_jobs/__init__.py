"""Batch inference and segment jobs as resources (spec 11)."""
