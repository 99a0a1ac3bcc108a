"""Routes below /_emu."""
