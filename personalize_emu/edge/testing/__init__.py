"""What tests use: the in-process mock, servers for tests, trained campaigns."""
