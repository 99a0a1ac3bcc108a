"""Benchmarks: `make bench`, or a single one with `python -m benchmarks.NAME`. They use the loopback interface only."""
