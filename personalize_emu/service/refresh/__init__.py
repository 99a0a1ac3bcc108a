"""Models kept up with the data between trainings (R-72h, R-76a, R-103, R-110 to R-114)."""
