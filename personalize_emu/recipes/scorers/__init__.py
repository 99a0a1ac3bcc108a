"""Base scorers: each is fitted on interactions and scores every item for a batch of histories."""
