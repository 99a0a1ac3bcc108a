"""The recipes of the service: names, hyperparameters, use cases, inputs and operations (spec 06)."""
