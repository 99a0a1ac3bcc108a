"""Stacking: weights of the base scorers, learned on the newest slice in time."""
