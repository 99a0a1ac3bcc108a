"""A GRU4Rec-style sequential model in numpy."""
