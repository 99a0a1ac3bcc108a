"""Parts of Next-Best-Action: offers, propensities, metrics."""
