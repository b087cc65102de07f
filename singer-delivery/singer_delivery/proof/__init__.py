"""Proof that the numbers match: what is asked before a run, and compared after it."""
