"""Solutions and their versions (spec 07)."""
