"""Which source field becomes which PostHog field. Pure: no memory, no clock, no random."""
