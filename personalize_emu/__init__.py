"""Amazon Personalize, emulated: real data in, real models trained, real answers out."""
