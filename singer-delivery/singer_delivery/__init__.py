"""Exactly-decided delivery for Singer targets. See `docs/delivery.md` for the promise it keeps."""
