"""Exit codes of programs that end before they are done, as shells count them: 128 and the number of the signal."""

INTERRUPTED = 130
"""By SIGINT, which Ctrl-C sends."""
BROKEN_PIPE = 141
"""Whoever read the output has gone, as `head` does."""
