"""Models around models: repeats, cold items, exploration, objectives, catalog extension."""
