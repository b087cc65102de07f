"""Measures what the README claims, each figure beside a floor or a limit of the same run."""
