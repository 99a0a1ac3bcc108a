"""The building blocks recipes blend: one model a file."""
