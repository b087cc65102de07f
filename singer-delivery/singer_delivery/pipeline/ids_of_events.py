"""By which ids events wait, and where they stand in the input. Pure.

These are the ids by which the service counts an event, and the person whose order it keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.model import EVENTS_A_RECORD, Decision
from singer_delivery.pipeline.pieces import Piece, Place, Single
from singer_delivery.pipeline.queues import ALWAYS, Position

ORDER = "order:"
"""Before the person whose order an event keeps, where ids of the service stand beside it."""


def ids_of(single: Single) -> tuple[str, ...]:
    """Return the ids of an event; last stands whose order it keeps."""
    origin = single.origin
    if isinstance(origin, Place):
        return ids_of_decision(origin.block.decisions[origin.record])
    return origin.ids if isinstance(origin, ParkedEvent) else ()


def ids_of_decision(decision: Decision) -> tuple[str, ...]:
    """Return the ids of the events of a record; last stands whose order they keep."""
    return (*decision.ids, ORDER + decision.person) if decision.person else decision.ids


def position_of(single: Single) -> Position:
    """Return where an event stands in the input of this run; before all if it was parked."""
    origin = single.origin
    return (origin.block.number, origin.record) if isinstance(origin, Place) else ALWAYS


def decisions_of(pieces: Iterable[Piece]) -> Iterator[Decision]:
    """Yield the decision of each event that is packed."""
    for piece in pieces:
        if piece.block is not None:
            decisions = piece.block.decisions
            yield from [decisions[place // EVENTS_A_RECORD] for place in piece.places]


def decisions_of_singles(singles: Iterable[Single]) -> Iterator[Decision]:
    """Yield the decision of each event that comes from a record of this run."""
    for single in singles:
        if isinstance(single.origin, Place):
            yield single.origin.block.decisions[single.origin.record]
