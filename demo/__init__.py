"""The demonstration: a bundled export travels into a local stand-in for PostHog."""
