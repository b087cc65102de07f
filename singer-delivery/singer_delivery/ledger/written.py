"""Which facts cannot be on disk, where a run began with none: nothing need be asked about them.

The first run to a project meets each person as a stranger, and asks about them under several names.
"""

from __future__ import annotations

from singer_delivery.model import Key

SMALLEST = 1 << 20
"""Bits of the first part: 128 KB."""

LARGEST = 1 << 26
"""Bits of the last part: 8 MB, 16 MB with all before it. It takes all further keys, from eleven
million on, and more and more strangers are asked about."""

BITS_A_KEY = 12
"""With two bits set for each key, one stranger in forty is taken for known, and asked about."""


class WrittenKeys:
    """The keys that a run has written: a Bloom filter, which grows by parts of twice the size.

    A key that was added is in it, always. One that was not may seem to be, now and then.
    """

    def __init__(self) -> None:
        self._parts = [bytearray(SMALLEST >> 3)]  # of bits, a power of two
        self._room = SMALLEST // BITS_A_KEY

    def add(self, key: Key) -> None:
        """Add a key. One thread at a time may; others may ask meanwhile."""
        if self._room <= 0 and len(self._parts[-1]) < LARGEST >> 3:
            self._parts.append(bytearray(2 * len(self._parts[-1])))
            self._room = (len(self._parts[-1]) << 3) // BITS_A_KEY
        self._room -= 1
        hashed, bits = hash(key), self._parts[-1]
        for half in (hashed, hashed >> 32):
            at = half & (len(bits) << 3) - 1
            bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, key: Key) -> bool:
        """Tell whether a key may have been added."""
        hashed = hash(key)
        for bits in self._parts:
            last = (len(bits) << 3) - 1
            first, second = hashed & last, hashed >> 32 & last
            if bits[first >> 3] >> (first & 7) & bits[second >> 3] >> (second & 7) & 1:
                return True
        return False
