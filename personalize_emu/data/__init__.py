"""Untrusted input and columns: Avro schemas, CSV and Parquet files, histories."""
