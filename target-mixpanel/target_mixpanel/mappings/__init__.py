"""Which source field becomes which Mixpanel field. Pure: no memory, no clock, no random."""
