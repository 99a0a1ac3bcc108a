"""The ensemble of the base scorers and how its weights are learned."""
