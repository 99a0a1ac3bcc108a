"""Contextual recommendation: context and user features shift the scores."""
