"""Updates that wait, on disk, for the end of a run: the newest of each person or group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from singer_delivery.ledger.store import Store
from singer_delivery.ledger.update import Update
from singer_delivery.model import Key


class Outbox:
    """Keeps the newest update of each endpoint and name. The ledger's lock guards it.

    Args:
        store: the disk.
        keep: whether anything is ever written.
    """

    def __init__(self, store: Store, *, keep: bool) -> None:
        self._store = store
        self._keep = keep
        self._updates: dict[Key, Update] = {}  # not on disk
        self._sent: dict[Key, Update] = {}  # perhaps on disk still
        self._under_way: dict[Key, Update] = {}
        self._overtaken: set[Key] = set()  # a later one of the same time took its place
        self._endpoints = store.endpoints()

    @property
    def to_save(self) -> int:
        """How many updates may be written now, or deleted, whichever is more."""
        return max(len(self._updates), len(self._sent))

    def put(self, update: Update) -> None:
        """Keep an update, in place of an older one of the same name."""
        self._endpoints.add(update.endpoint)
        key = (update.endpoint, update.name)
        if key not in self._updates or self._updates[key].at <= update.at:
            self._updates[key] = update
        under_way = self._under_way.get(key)
        if under_way is not None and under_way.at == update.at:
            self._overtaken.add(key)

    def may_hold(self, endpoint: str) -> bool:
        """Tell whether any update of this endpoint may wait."""
        return endpoint in self._endpoints

    def take(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name that waits, to be sent now; None if it is under way.

        Raises:
            StorageError: the disk cannot be read.
        """
        key = (endpoint, name)
        if not self._keep:
            return self._updates.pop(key, None)
        update = self._updates.get(key) or self._on_disk(key)
        if update is None or self._under_way.get(key) == update:
            return None
        self._under_way[key] = update
        return update

    def all(self) -> Iterator[Update]:
        """Yield every update that waits, from this run or an earlier one. Save before."""
        yield from self._store.updates() if self._keep else list(self._updates.values())

    def sent(self, update: Update) -> None:
        """Say that an update needs no more sending; the next save deletes it."""
        key = (update.endpoint, update.name)
        if self._updates.get(key) == update:
            del self._updates[key]
        if self._under_way.get(key) == update:
            del self._under_way[key]
        at = update.at - (key in self._overtaken)  # what took its place stays
        self._overtaken.discard(key)
        if self._keep and (key not in self._sent or self._sent[key].at <= at):
            # Thousands wait for the save: without what takes room.
            self._sent[key] = update._replace(at=at, encoded=b"", message=b"", facts="")

    def unsaved(self) -> tuple[dict[Key, Update], dict[Key, Update]]:
        """Return what is to be written now, and what was sent."""
        return dict(self._updates), dict(self._sent)

    def saved(self, kept: Mapping[Key, Update], sent: Mapping[Key, Update]) -> None:
        """Take note that these are on disk, and that those that were sent are there no more."""
        for waiting, done in ((self._updates, kept), (self._sent, sent)):
            for key, update in done.items():
                if waiting.get(key) is update:
                    del waiting[key]

    def _on_disk(self, key: Key) -> Update | None:
        update, sent = self._store.update(*key), self._sent.get(key)
        is_left = update is not None and (sent is None or update.at > sent.at)
        return update if is_left else None
