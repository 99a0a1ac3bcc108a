"""Training as the service does it: evaluation, search for hyperparameters, processes."""
