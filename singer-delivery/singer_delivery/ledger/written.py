"""Which facts cannot be on disk, where a run began with none: nothing need be asked about them.

The first run to a project meets each person as a stranger, and asks about them under several names.
"""

from __future__ import annotations

from singer_delivery.model import Key

SMALLEST = 1 << 20
"""Bits of the first part: 128 KB."""

BITS_A_KEY = 12
"""With two bits set for each key, one stranger in forty is taken for known, and asked about."""


class WrittenKeys:
    """The keys that a run has written: a Bloom filter, which grows by parts of twice the size.

    A key that was added is in it, always. One that was not may seem to be, now and then.
    """

    def __init__(self) -> None:
        self._parts = [_Part(SMALLEST)]

    def add(self, key: Key) -> None:
        """Add a key. One thread at a time may; others may ask meanwhile."""
        if self._parts[-1].room <= 0:
            self._parts.append(_Part(self._parts[-1].bits * 2))
        self._parts[-1].add(hash(key))

    def __contains__(self, key: Key) -> bool:
        """Tell whether a key may have been added."""
        hashed = hash(key)
        for part in self._parts:  # noqa: SIM110 - faster than a generator
            if part.may_hold(hashed):
                return True
        return False


class _Part:
    """A filter of a fixed number of bits, a power of two."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.room = bits // BITS_A_KEY
        self._last = bits - 1
        self._bytes = bytearray(bits // 8)

    def add(self, hashed: int) -> None:
        self.room -= 1
        for half in (hashed, hashed >> 32):
            at = half & self._last
            self._bytes[at >> 3] |= 1 << (at & 7)

    def may_hold(self, hashed: int) -> bool:
        first, second = hashed & self._last, hashed >> 32 & self._last
        found = self._bytes[first >> 3] >> (first & 7) & self._bytes[second >> 3] >> (second & 7)
        return bool(found & 1)
