"""What the records of a source say, for the mappings of every destination. Pure.

This part of the library knows sources, such as Amplitude, and no destination; nothing else of the
library imports it.
"""
