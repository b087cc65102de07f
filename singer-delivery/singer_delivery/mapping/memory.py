"""Remembers results that are asked for again and again, in bounded memory.

What an event says of its person, device and groups it mostly says in the words of an event before.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

LONGEST = 2_000
"""Bytes of content; what is longer is rare, and its result is not kept."""


class Memory(dict[bytes, T]):
    """What a pure function made of contents, for `get` to find; each content is some value's JSON.

    JSON, because it tells `true`, `1` and `1.0` apart, which are one key to Python. Whoever gets a
    result shares it with others, and must not change it.

    Args:
        most: results that are kept; one more, and all are forgotten.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, content: bytes, result: T) -> T:
        """Remember a result, and return it."""
        if len(content) <= LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[compact(content)] = result
        return result


def compact(content: bytes) -> bytes:
    """Return the same bytes in a buffer of their length: orjson's is several times as long."""
    return bytes(memoryview(content))
