"""The HTTP/1.1 server: connections, dispatch to threads, error responses."""
