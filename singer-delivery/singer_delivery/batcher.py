"""Which of the waiting events travel in one request. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from singer_delivery.endpoint import Limits

PER_EVENT = 1
"""Bytes that joining costs for each event: the comma between two."""


class Sized(Protocol):
    """Anything whose encoded size is known."""

    @property
    def size(self) -> int:
        """Bytes as encoded, before compression."""


T = TypeVar("T", bound=Sized)


def first_batch(waiting: Iterable[T], limits: Limits) -> list[T]:
    """Return the leading events that fit one request, in their order; at least one if any waits.

    An event larger than a whole request travels alone: the endpoint, not the batcher, says what is
    too large for it.
    """
    batch: list[T] = []
    size = 0
    for event in waiting:
        size += event.size + PER_EVENT
        if batch and (len(batch) == limits.max_events or size > limits.max_bytes):
            break
        batch.append(event)
    return batch


def halves(batch: list[T]) -> tuple[list[T], list[T]]:
    """Cut a batch of two events or more in the middle, keeping the order."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
