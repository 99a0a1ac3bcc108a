"""The contract between recipes and the rest: training data, models, splits, metrics, saving."""
