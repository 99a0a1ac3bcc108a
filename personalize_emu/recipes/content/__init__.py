"""Item similarity from metadata and texts."""
