"""Singer tap for Amplitude's Export API and exported archives."""
