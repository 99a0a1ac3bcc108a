"""A whole state to a file, and parts of a state away."""
