"""Amplitude's export records: whose they are, when they were, what they tell. Pure."""
