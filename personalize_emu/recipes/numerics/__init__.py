"""Linear algebra and probabilities that several recipes use."""
