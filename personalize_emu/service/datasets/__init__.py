"""Schemas, datasets and event trackers (spec 03)."""
