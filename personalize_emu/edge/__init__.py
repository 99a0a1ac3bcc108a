"""Entry points: HTTP server, one-port dispatch, in-process mock, pytest plugin, admin routes."""
