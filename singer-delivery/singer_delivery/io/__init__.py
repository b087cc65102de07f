"""Files, lines and HTTP. Imports nothing else of this library."""
