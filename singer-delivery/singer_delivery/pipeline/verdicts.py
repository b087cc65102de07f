"""Which events of a request a reply decides, and which it leaves open. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from singer_delivery.endpoint import Judgement, Verdict

T = TypeVar("T")
Judged = list[tuple[T, Judgement]]


def halves(events: list[T]) -> tuple[list[T], list[T]]:
    """Cut a list of two events or more in the middle, keeping the order."""
    middle = len(events) // 2
    return events[:middle], events[middle:]


def sorted_out(events: Sequence[T], judgement: Judgement) -> tuple[Judged[T], Judged[T]]:
    """Part the events that a reply decides from those it leaves open, keeping the order.

    A rejection is a decision only where it can mean but one event.
    """
    judged = [
        (event, judgement.exceptions.get(index, judgement)) for index, event in enumerate(events)
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
