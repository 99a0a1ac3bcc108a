"""Declared answers: recommendations, rankings and actions that a test states instead of training a model."""
