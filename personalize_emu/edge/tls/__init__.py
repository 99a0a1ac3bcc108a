"""HTTPS: a generated certificate authority, and the certificates that the server uses."""
