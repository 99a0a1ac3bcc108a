"""Says what the service would refuse in data files, or warn about, before anything is imported.

file + schema ──▶ schema fits? ──▶ rows conform? ──▶ columns ──▶ interactions, items ──▶ minima of a recipe
"""
