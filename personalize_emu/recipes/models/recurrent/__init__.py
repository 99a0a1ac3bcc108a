"""A recurrent network over histories, trained by hand-written back-propagation through time."""
