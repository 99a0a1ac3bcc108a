"""Jobs on datasets: imports, exports, deletions of users (spec 03)."""
