"""What a fake service stored, kept packed: an import holds many events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, overload


class Packed(Protocol):
    """One event as it arrived."""

    def as_stored(self) -> dict[str, Any]:
        """Unpack it for its reader."""


class Arrivals(Sequence[dict[str, Any]]):
    """Events as stored, a list to its reader; each is unpacked when it is looked at."""

    def __init__(self, packed: Sequence[Packed]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [arrival.as_stored() for arrival in self._packed[index]]
        return self._packed[index].as_stored()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"<{len(self)} events>"
