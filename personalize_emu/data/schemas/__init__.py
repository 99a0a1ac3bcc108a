"""Avro schemas, dataset types, and the rules for columns and values."""
