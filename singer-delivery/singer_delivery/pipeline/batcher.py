"""Which of the waiting events travel in one request, and which do again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from singer_delivery.endpoint import Judgement, Limits, Verdict

PER_EVENT = 1
"""Bytes that joining costs for each event: the comma between two."""


class Sized(Protocol):
    """Anything whose encoded size is known."""

    @property
    def size(self) -> int:
        """Bytes as encoded, before compression."""


T = TypeVar("T", bound=Sized)
Judged = list[tuple[T, Judgement]]


def first_batch(waiting: Iterable[T], limits: Limits) -> list[T]:
    """Return the leading events that fit one request, in their order; at least one if any waits.

    An event larger than a whole request travels alone: the endpoint, not the batcher, says what is
    too large for it.
    """
    batch: list[T] = []
    size = 0
    for event in waiting:
        size += event.size + PER_EVENT
        if batch and (len(batch) >= limits.max_events or size > limits.max_bytes):
            break
        batch.append(event)
    return batch


def halves(batch: list[T]) -> tuple[list[T], list[T]]:
    """Cut a batch of two events or more in the middle, keeping the order."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


def sorted_out(batch: Sequence[T], judgement: Judgement) -> tuple[Judged[T], Judged[T]]:
    """Part the events that a reply decides from those it leaves open, keeping the order.

    A rejection is a decision only where it can mean but one event.
    """
    judged = [
        (event, judgement.exceptions.get(index, judgement)) for index, event in enumerate(batch)
    ]
    is_search = sum(each is judgement for _, each in judged) > 1
    decided: Judged[T] = []
    open_still: Judged[T] = []
    for event, each in judged:
        is_suspect = is_search and each is judgement
        is_decided = each.verdict is Verdict.DELIVERED or (
            each.verdict is Verdict.REJECTED and not is_suspect
        )
        (decided if is_decided else open_still).append((event, each))
    return decided, open_still
