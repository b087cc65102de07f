"""How far a run is, for people and for health checks: what taps and targets say alike."""
