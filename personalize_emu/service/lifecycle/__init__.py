"""How resources are created, changed and deleted; one mechanism for every kind (spec 04)."""
