"""The console: web pages below /_emu/console about what one emulator holds and answers (docs/console.md)."""
