"""Records in memory: bulk and individually put rows, the event log, and interactions as arrays."""
