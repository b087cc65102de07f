"""What travels in one request, and what of it is sent again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from singer_delivery.endpoint import Endpoint, Judgement, Request, Verdict
from singer_delivery.pipeline.pieces import (
    Piece,
    Single,
    body_of_pieces,
    body_of_singles,
    singles_of,
)
from singer_delivery.pipeline.verdicts import halves

ROUNDS = 20
"""Times that events are sent again at once, without those that a reply names. A service that names
but the first at fault is then asked in halves."""


@dataclass(frozen=True)
class Part:
    """Events that travel in one request: pieces as they were packed, or single events.

    `request` is the one they travelled in last, `origin` the one whose reply left them open among
    others. `attempts` counts the requests they travelled in, `failures` those in a row that decided
    none of them; `pause` is the wait in seconds before the next, and `rounds` counts those in which
    others were taken out and the rest was sent again at once.
    """

    pieces: Sequence[Piece] = ()
    singles: Sequence[Single] = ()
    request: Request | None = None
    origin: Request | None = None
    attempts: int = 0
    failures: int = 0
    pause: float = 0.0
    rounds: int = 0

    @property
    def count(self) -> int:
        """How many events."""
        return len(self.singles) + sum(piece.count for piece in self.pieces)


def is_parked(judgement: Judgement) -> bool:
    """Tell whether an event must wait in the ledger."""
    return judgement.verdict is Verdict.PARKED


def singles_in(endpoint: Endpoint, part: Part) -> list[Single]:
    """Return the events of a part one by one."""
    of_pieces = (single for piece in part.pieces for single in singles_of(piece, endpoint))
    return [*part.singles, *of_pieces]


def next_round(part: Part, rest: Sequence[Single]) -> list[Part]:
    """Return what is sent at once of the events beside those that were named; the first at the end.

    After too many rounds it goes in halves, so that each finds the next at fault.
    """
    if part.rounds < ROUNDS or len(rest) == 1:
        return [Part((), rest, attempts=part.attempts, rounds=part.rounds + 1)]
    left, right = halves(list(rest))
    return [Part((), each, attempts=part.attempts) for each in (right, left)]


def body_of(endpoint: Endpoint, part: Part) -> bytes:
    """Return the body of the request that carries a part."""
    if part.pieces:
        return body_of_pieces(endpoint, list(part.pieces))
    return body_of_singles(endpoint, list(part.singles))


def request_of(endpoint: Endpoint, part: Part) -> Request:
    """Return the request that carries a part: a new one, or that of the last try again."""
    if part.request is not None:
        return part.request.again()
    new = endpoint.request(body_of(endpoint, part))
    return new if part.origin is None else part.origin.continued(new)


def by_index(endpoint: Endpoint, part: Part, judgement: Judgement) -> tuple[Part, Judgement]:
    """Return a part, and what a reply says of it, with its events told apart by their index."""
    if judgement.named is None:
        return part, judgement
    singles = singles_in(endpoint, part)
    part = replace(part, pieces=(), singles=singles)
    return part, judgement.named([single.encoded for single in singles])


def notes_in(judgement: Judgement) -> Iterator[str]:
    """Yield what a reply is noted for, and each of the events that it tells apart."""
    for each in (judgement, *judgement.exceptions.values()):
        if each.note:
            yield each.note


def first_retriable(judgement: Judgement) -> Judgement | None:
    """Return the first judgement of a reply that asks for another try; None for none."""
    each = (judgement, *judgement.exceptions.values())
    return next((one for one in each if one.verdict is Verdict.RETRIABLE), None)
