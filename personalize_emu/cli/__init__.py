"""The command line interface, one module a command (main.py lists them); imports nothing heavy until a command runs."""

from __future__ import annotations

from personalize_emu.cli.main import main

__all__ = ["main"]
