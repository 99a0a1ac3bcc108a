"""What embedded services have, in the data directory of a server."""
