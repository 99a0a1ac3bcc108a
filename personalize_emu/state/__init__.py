"""Resource records, lifecycle, store, clock, identifiers and jobs."""
