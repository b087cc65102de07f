"""What mappings are made of. Pure: no ledger, no clock, no I/O."""
