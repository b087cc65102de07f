"""Writes what is generated from the code: definitions, settings tables, the mapping page."""
