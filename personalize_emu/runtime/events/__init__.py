"""PutEvents, PutUsers, PutItems, PutActions and PutActionInteractions."""
