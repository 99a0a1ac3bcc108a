"""From the data of a group to a trained version: inputs, search, schedule."""
