"""Updates that wait, on disk, for the end of a run: the newest of each person or group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from singer_delivery.ledger.store import Store
from singer_delivery.ledger.update import Update
from singer_delivery.model import Key


class Unsaved(NamedTuple):
    """Updates that are to be written, and updates that are to be deleted."""

    kept: dict[Key, Update]
    sent: list[Update]


class Outbox:
    """Keeps the newest update of each endpoint and name. The ledger's lock guards it.

    Args:
        store: the disk.
        keep: whether anything is ever written.
    """

    def __init__(self, store: Store, *, keep: bool) -> None:
        self._store = store
        self._keep = keep
        self._updates: dict[Key, Update] = {}
        self._sent: list[Update] = []
        self._under_way: dict[Key, int] = {}
        self._endpoints = store.endpoints()

    @property
    def to_save(self) -> int:
        """How many updates may be written now, and how many deleted, whichever is more."""
        return max(len(self._updates), len(self._sent))

    def put(self, update: Update) -> None:
        """Keep an update, in place of an older one of the same name."""
        self._endpoints.add(update.endpoint)
        key = (update.endpoint, update.name)
        if key not in self._updates or self._updates[key].at <= update.at:
            self._updates[key] = update

    def may_hold(self, endpoint: str) -> bool:
        """Tell whether any update of this endpoint may wait."""
        return endpoint in self._endpoints

    def take(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name that waits, to be sent now; None if it is under way."""
        key = (endpoint, name)
        if not self._keep:
            return self._updates.pop(key, None)
        update = self._updates.get(key) or self._store.update(endpoint, name)
        if update is None or self._under_way.get(key) == update.at:
            return None
        self._under_way[key] = update.at
        return update

    def all(self) -> Iterator[Update]:
        """Yield every update that waits, from this run or an earlier one. Save before."""
        yield from self._store.updates() if self._keep else list(self._updates.values())

    def sent(self, update: Update) -> None:
        """Say that an update needs no more sending; the next save deletes it."""
        done = update._replace(encoded=b"", message=b"", facts="")  # thousands wait for the save
        self._sent.append(done)
        self._under_way.pop((update.endpoint, update.name), None)

    def unsaved(self) -> Unsaved:
        """Return what is to be written and deleted now."""
        return Unsaved(dict(self._updates), list(self._sent))

    def saved(self, unsaved: Mapping[Key, Update], sent: int) -> None:
        """Take note that these updates are on disk, and so many sent ones deleted."""
        for key, update in unsaved.items():
            if self._updates.get(key) is update:
                del self._updates[key]
        del self._sent[:sent]
