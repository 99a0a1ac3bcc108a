"""Data of dataset groups with a KMS key, encrypted in the data directory."""
