"""Why an item was recommended to a user; no operation of the service returns this."""
