"""`personalize-emu kinesis`: reads a Kinesis stream into the events service."""
