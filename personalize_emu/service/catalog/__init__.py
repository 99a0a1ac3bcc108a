"""What recipes there are: names, hyperparameters, use cases, and what each may be asked for (spec 06)."""
