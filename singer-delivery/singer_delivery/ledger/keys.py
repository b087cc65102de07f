"""Many numbers of 64 bits, in memory and as the ledger keeps them. Pure."""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

SLICES = 64
"""Into which lists are cut while they are merged, so that few numbers are objects at once."""

FEW = 1 << 12
"""Numbers that are sorted at once instead."""

BITS_A_KEY = 16
"""At least; one key in sixteen or fewer that is not there is looked for in vain."""

FEWEST_BITS = 1 << 13


class Keys:
    """Numbers that are digests: told apart in a microsecond, in 10 to 16 bytes each.

    A bit for the first bits of each says of most others at once that they are not there.
    """

    def __init__(self, lists: Iterable[array[int]] = ()) -> None:
        self._lists: list[array[int]] = []  # sorted; each longer than the next
        merged = merged_lists([*lists])
        if merged:
            self._lists.append(merged)
        self._lay_bits()

    def __len__(self) -> int:
        return sum(map(len, self._lists))

    def __contains__(self, key: int) -> bool:
        place = key >> self._shift
        return bool(self._bits[place >> 3] >> (place & 7) & 1) and self._holds(key)

    def new_among(self, keys: Sequence[int]) -> Sequence[int]:
        """Return those of some keys that are not there, in their order; `add` may follow."""
        known = {key for key in self._mark(keys) if self._holds(key)}
        return [key for key in keys if key not in known] if known else keys

    def add(self, keys: Sequence[int], *, are_marked: bool = False) -> None:
        """Add sorted numbers that are not there. `are_marked`: `new_among` was asked for them."""
        newest = array("Q", keys)
        while self._lists and len(self._lists[-1]) <= len(newest):
            newest = merged_lists([self._lists.pop(), newest])
        self._lists.append(newest)
        if len(self) * BITS_A_KEY > len(self._bits) * 8:
            self._lay_bits()
        elif not are_marked:
            self._mark(keys)

    def _holds(self, key: int) -> bool:
        return any(_is_in(each, key) for each in self._lists)

    def _lay_bits(self) -> None:
        """Mark all keys anew, in room for twice as many."""
        size = max(FEWEST_BITS, 1 << (2 * BITS_A_KEY * len(self) - 1).bit_length())
        self._bits = bytearray(size >> 3)
        self._shift = 64 - (size.bit_length() - 1)
        for each in self._lists:
            self._mark(each)

    def _mark(self, keys: Iterable[int]) -> list[int]:
        """Set the bits of keys; return those whose bit was set: they may be there."""
        bits, shift, perhaps = self._bits, self._shift, list[int]()
        for key in keys:
            place = key >> shift
            before, bit = bits[place >> 3], 1 << (place & 7)
            if before & bit:
                perhaps.append(key)
            else:
                bits[place >> 3] = before | bit
        return perhaps


def merged_lists(lists: list[array[int]]) -> array[int]:
    """Return sorted lists as one."""
    if len(lists) == 1:
        return lists[0]
    if sum(map(len, lists)) <= FEW:
        return array("Q", sorted(chain.from_iterable(lists)))
    merged = array("Q")
    places = [0] * len(lists)
    for number in range(1, SLICES + 1):
        border = number << 58 if number < SLICES else 1 << 64
        some: list[int] = []
        for which, each in enumerate(lists):
            end = bisect_left(each, border, places[which])
            some += each[places[which] : end]
            places[which] = end
        some.sort()
        merged.extend(some)
    return merged


def found_among(keys: Sequence[int], there: array[int]) -> list[int]:
    """Return those of a few keys that a sorted list has."""
    return [key for key in keys if _is_in(there, key)]


def packed(keys: array[int]) -> bytes:
    """Return numbers as the ledger keeps them."""
    return _little(keys).tobytes()


def unpacked(content: bytes) -> array[int]:
    """Return what `packed` was given."""
    return _little(array("Q", bytes(content)))


class Cells(NamedTuple):
    """What the list of deliveries says of its keys.

    Attributes:
        of: number of the names and hour of the source, of each kind of key that there is.
        kinds: of each key, in the order of the keys.
    """

    of: Sequence[tuple[int, int]]
    kinds: Sequence[int]


def packed_cells(cells: Cells) -> bytes:
    """Return it as the ledger keeps it: a byte a key, about."""
    numbers = array("I", [len(cells.of)])
    for number, hour in cells.of:
        numbers.extend((number, hour))
    numbers.extend(cells.kinds)
    return zlib.compress(_little(numbers).tobytes(), 1)


def unpacked_cells(content: bytes) -> Cells:
    """Return what `packed_cells` was given."""
    numbers = _little(array("I", zlib.decompress(bytes(content))))
    end = 1 + 2 * numbers[0]
    return Cells([*zip(numbers[1:end:2], numbers[2:end:2], strict=True)], numbers[end:])


def _is_in(keys: array[int], key: int) -> bool:
    place = bisect_left(keys, key)
    return place < len(keys) and keys[place] == key


def _little(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
