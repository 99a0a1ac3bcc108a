"""Configurations of solutions and campaigns: checks, defaults and resolved values (spec 07)."""
