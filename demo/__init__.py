"""The demonstration: a bundled export travels into local stand-ins for PostHog and Mixpanel."""
