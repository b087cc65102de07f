"""The way of a record from its line to STATE."""
