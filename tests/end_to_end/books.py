"""Holds a ledger's books against what the destination keeps after deduplication."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from singer_delivery.ledger.books import Books
from singer_delivery.ledger.coverage import Covered

from tests.destinations import Destination
from tests.destinations.destination import Fake

Counts = Counter[tuple[int, str]]
"""Events by day and name."""


def booked(destination: Destination, settings: Mapping[str, Any]) -> Counts:
    """Return what the books of a target with these settings count."""
    target = destination.plugin(config=dict(settings))
    counts = Counts()
    with closing(Books(settings["ledger_url"], target.scope)) as books:
        for cell in books.cells():
            counts[cell.day, cell.name] += cell.count
        for day in {day for day, _ in counts}:
            keys = books.keys_of(day)
            of_day = sum(count for (each, _), count in counts.items() if each == day)
            assert len(keys) == of_day, "the list of deliveries is not what the books count"
            assert sum(books.hours_of(day, keys).values()) == of_day
    return counts


def covered(destination: Destination, settings: Mapping[str, Any]) -> list[Covered]:
    """Return which ranges of the source are covered, by what the tap said in STATE."""
    target = destination.plugin(config=dict(settings))
    with closing(Books(settings["ledger_url"], target.scope)) as books:
        return books.coverage()


def held(destination: Destination, fake: Fake, besides: Iterable[str] = ()) -> Counts:
    """Return the same of what the destination has, but for events of some names."""
    sent, others = destination.events(fake), frozenset(besides)
    return Counts((each.day, each.name) for each in sent if each.name not in others)
