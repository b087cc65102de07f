"""The command `singer-delivery`: what people ask beside a run."""
