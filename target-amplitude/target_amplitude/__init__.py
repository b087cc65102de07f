"""Singer target for Amplitude."""
