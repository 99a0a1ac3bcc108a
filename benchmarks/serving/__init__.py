"""Throughput, latency and processor time over HTTP."""
