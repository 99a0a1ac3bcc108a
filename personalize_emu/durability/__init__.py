"""State on disk: records and events in SQLite, rows and models in files, and their way back after a restart."""
