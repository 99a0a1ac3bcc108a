"""Configurations of solutions and campaigns: what is accepted and what it means (spec 07)."""
