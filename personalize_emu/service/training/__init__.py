"""Trainings of solution versions and recommenders: the job, the choice of recipe and hyperparameters, the schedule."""
