"""Served models follow their data between trainings: the schedule (refresh.py) and what is done (kinds.py)."""
