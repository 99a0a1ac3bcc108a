"""The HTTP/1.1 server: connections, messages, origin check, error responses."""
