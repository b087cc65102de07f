"""What vendors' rows say, for taps and targets. Pure: no destination and no I/O."""
