"""Whom the ids of a row name, as far as the row alone tells. Pure.

A project with Simplified ID Merge writes `$device:` before the id of a device; a project with
Original ID Merge does not, and there `distinct_id` may be either's (Mixpanel docs, Identifying
Users). Mixpanel changes `distinct_id` when people merge, and keeps the id under which the event
came beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from singer_delivery.mapping.ids import IdRules, known_id
from singer_delivery.mapping.values import clean_id
from singer_delivery.model import Note

from analytics_records.person import person_of

DEVICE_PREFIX = "$device:"

PAIRS = 8192
"""Sets of ids that are remembered, since they come with many rows: about 6 MB."""

_GENERATED = re.compile(r"[0-9a-f]+(?:-[0-9a-f]+){4}", re.IGNORECASE)
"""What SDKs make: a UUID, and the five hexadecimal groups of older web SDKs (mixpanel-js)."""


class RowIds(NamedTuple):
    """The ids of a row as a destination takes them: trimmed, legal, fitted; None for no id.

    Attributes:
        user: its `$user_id`.
        device: its `$device_id`, else what stands behind `$device:`; never with that prefix.
        bare: its other ids, the exported `distinct_id` before the one under which the event came:
            each may be a user's or a device's.
        ingested: under which the event came, with neither merges of people nor a prefix: the user
            unless it came of a device alone, else the device, else the bare id; empty for none.
    """

    user: str | None
    device: str | None
    bare: tuple[str, ...]
    ingested: str


NO_IDS = RowIds(None, None, (), "")


class Ids:
    """Reads the ids of rows, by what a destination makes of ids.

    Args:
        rules: of the destination.
    """

    def __init__(self, rules: IdRules) -> None:
        self._rules = rules
        self._remembered = lru_cache(PAIRS)(self._read)

    def of(
        self,
        user: str | None,
        device: str | None,
        distinct: str | None,
        before: str | None,
        notes: list[Note],
    ) -> RowIds:
        """Return the ids of a row.

        Args:
            user: its `$user_id`.
            device: its `$device_id`.
            distinct: its `distinct_id`.
            before: under which the event came, where that is another.
            notes: gets what happened to ids.
        """
        found, said = self._remembered(user, device, distinct, before)
        if said:
            notes += said
        return found

    def one(self, value: Any) -> str | None:
        """Return a single id, without the prefix of devices."""
        return known_id(without_prefix(clean_id(value)), "distinct_id", [], self._rules)

    def _read(
        self, user: str | None, device: str | None, distinct: str | None, before: str | None
    ) -> tuple[RowIds, tuple[Note, ...]]:
        notes: list[Note] = []
        if is_device(user):  # no user has such an id
            user, device = None, device or user
        own = known_id(user, "user_id", notes, self._rules)
        of_device = known_id(without_prefix(device), "device_id", notes, self._rules)
        if of_device is None:
            prefixed = next((one for one in (before, distinct) if is_device(one)), None)
            of_device = known_id(without_prefix(prefixed), "device_id", notes, self._rules)
        bare = self._bare((distinct, before), own, of_device, notes)
        ingested = of_device or (bare[-1] if bare else "")
        if own is not None and not is_device(before):
            ingested = own
        return RowIds(own, of_device, bare, ingested), tuple(dict.fromkeys(notes) if notes else ())

    def _bare(
        self, ids: tuple[str | None, ...], user: str | None, device: str | None, notes: list[Note]
    ) -> tuple[str, ...]:
        bare: list[str] = []
        for one in ids:
            if one is None or is_device(one):
                continue
            known = one if one == user else known_id(one, "distinct_id", notes, self._rules)
            if known is not None and known != device and known not in bare:
                bare.append(known)
        return tuple(bare)


def people_of(
    user: str | None, distinct: str | None, device: str | None, joins: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return by which id Mixpanel knows the person of a row, without the prefix of devices.

    It is the user; else `distinct_id` as exported, where Mixpanel writes the user on what came
    before a login, if it knows by then ("Identifying Users"); else the device. A row that joins ids
    has those.

    Args:
        user: its `$user_id`.
        distinct: its `distinct_id`.
        device: its `$device_id`.
        joins: ids that it joins.
    """
    joined = chain.from_iterable(person_of(without_prefix(each)) for each in joins)
    found = tuple(dict.fromkeys(joined))
    return found or person_of(*map(without_prefix, (user, distinct, device)))


def is_device(text: str | None) -> bool:
    """Tell whether an id has the prefix that Simplified ID Merge gives devices."""
    return text is not None and text.lstrip().startswith(DEVICE_PREFIX)


def without_prefix(text: str | None) -> str | None:
    """Return an id without one leading `$device:`."""
    return None if text is None else text.strip().removeprefix(DEVICE_PREFIX)


def looks_generated(text: str) -> bool:
    """Tell whether an id looks as an SDK makes them for devices, and no person's does."""
    return _GENERATED.fullmatch(text) is not None
