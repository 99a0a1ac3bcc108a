"""Base scorers of the personal recipes, one file each."""
