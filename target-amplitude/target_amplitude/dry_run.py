"""What a dry run wrote, in sentences for the log. No id stands in them. Pure but for the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from target_amplitude.amplitude import GROUP_IDENTIFY, IDENTIFY

MOST_A_DAY = 500_000
"""Events of one id that Amplitude takes within 24 hours (docs, "Batch Event Upload API")."""

_SHOWN = 10
"""Names of events whose revenue is said one by one."""

_DAY = 86_400_000
_NO_EVENTS = (IDENTIFY, GROUP_IDENTIFY)


def told(path: Path) -> list[str]:
    """Return what is to be said of the file that a dry run wrote: see `summary`.

    It takes some 200 bytes of memory for each id and day of an id.
    """
    if not path.is_file():  # a pipe, which somebody else reads
        return []
    with path.open("rb") as lines:
        return summary(_events(lines))


def summary(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return ids by class, the busiest id, and the sum of revenue by event.

    Args:
        events: as they would be sent.
    """
    classes, days = Counter[str](), Counter[tuple[str, int]]()
    revenue = dict[str, float]()
    ids: dict[str, set[str]] = {"users": set(), "devices": set()}
    for event in events:
        user, device = event.get("user_id"), event.get("device_id")
        classes[_class_of(user, device)] += 1
        ids["users"] |= {user} if user else set()
        ids["devices"] |= {device} if device else set()
        days[str(user or device), event.get("time", 0) // _DAY] += 1
        amount, name = _revenue_of(event), str(event.get("event_type"))
        if amount is not None:
            revenue[name] = revenue.get(name, 0.0) + amount
    if not classes:
        return []
    return [_of_ids(classes, ids), _of_busy(days), *_of_revenue(revenue)]


def _events(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        event = orjson.loads(line)["event"]
        if event.get("event_type") not in (None, *_NO_EVENTS):
            yield event


def _class_of(user: str | None, device: str | None) -> str:
    if user and device:
        return "a user and a device"
    return "a user alone" if user else "a device alone"


def _revenue_of(event: Mapping[str, Any]) -> float | None:
    """Return the amount of an event: price times quantity wins, as at Amplitude; else None."""
    price, quantity, revenue = (event.get(name) for name in ("price", "quantity", "revenue"))
    if isinstance(price, (int, float)):
        return float(price) * (quantity if isinstance(quantity, int) else 1)
    return float(revenue) if isinstance(revenue, (int, float)) else None


def _of_ids(classes: Mapping[str, int], ids: Mapping[str, set[str]]) -> str:
    parts = ", ".join(f"{count:,} with {name}" for name, count in sorted(classes.items()))
    return (
        f"Events by their ids: {parts}; in all {len(ids['users']):,} users and "
        f"{len(ids['devices']):,} devices."
    )


def _of_busy(days: Mapping[tuple[str, int], int]) -> str:
    most = max(days.values())
    over = len({id_ for (id_, _), count in days.items() if count > MOST_A_DAY})
    sentence = f"The busiest id has {most:,} events of one day."
    if not over:
        return sentence
    return (
        f"{sentence} {over:,} ids have more than {MOST_A_DAY:,}, which is all that Amplitude takes "
        "of an id within 24 hours: their events wait in the ledger, and need several runs."
    )


def _of_revenue(revenue: Mapping[str, float]) -> list[str]:
    if not revenue:
        return []
    largest = sorted(revenue.items(), key=lambda item: -abs(item[1]))
    parts = ", ".join(f"{amount:,.2f} of `{name}`" for name, amount in largest[:_SHOWN])
    rest = sum(amount for _, amount in largest[_SHOWN:])
    more = f", {rest:,.2f} of {len(largest) - _SHOWN:,} others" if len(largest) > _SHOWN else ""
    return [f"Revenue, whatever its currency: {parts}{more}."]
