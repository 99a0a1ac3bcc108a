"""What one emulator remembers beside the records of its resources: data, models, counters."""
