"""Recommenders in numpy: splits, metrics, one file a recipe. No AWS words."""
