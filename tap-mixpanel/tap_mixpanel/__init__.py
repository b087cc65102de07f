"""Singer tap for Mixpanel's raw export and its profiles, and for exported files."""
