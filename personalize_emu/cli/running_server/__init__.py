"""Commands that talk to a running server through its admin routes (`--endpoint`)."""
