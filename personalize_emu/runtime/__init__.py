"""Live operations: recommendations, rankings, events and individual records."""
