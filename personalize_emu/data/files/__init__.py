"""CSV and Parquet files: reading under a schema, and writing."""
