"""Updates that wait, on disk, for the end of a run: one of each person or group.

An update that comes later is laid over the one that waits. When one must be sent before the run
ends, it is taken: it stays on disk until it was sent, and what comes meanwhile waits apart from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from singer_delivery.ledger.store import Store
from singer_delivery.ledger.update import Update, laid_over
from singer_delivery.model import Key


class Unsaved(NamedTuple):
    """What the disk does not have.

    Attributes:
        parts: of each key the updates to write, one over the other and all over what is there.
        gone: keys to delete before.
    """

    parts: Mapping[Key, tuple[Update, ...]]
    gone: Mapping[Key, object]

    def kept(self) -> list[Update]:
        """Return the updates to write."""
        return [laid_over(parts) for parts in self.parts.values()]


class Outbox:
    """Keeps one update of each endpoint and name. The ledger's lock guards it.

    Args:
        store: the disk.
        keep: whether anything is ever written.
    """

    def __init__(self, store: Store, *, keep: bool) -> None:
        self._store = store
        self._keep = keep
        self._waiting: dict[Key, Update] = {}
        self._taken: dict[Key, list[Update]] = {}  # not sent
        self._unsaved: set[Key] = set()
        self._gone: dict[Key, object] = {}  # perhaps on disk still; the values tell times apart
        self._endpoints = store.endpoints()

    @property
    def to_save(self) -> int:
        """How many updates may be written now, or deleted, whichever is more."""
        return max(len(self._unsaved), len(self._gone))

    def put(self, update: Update) -> None:
        """Keep an update, over the one of the same name that waits."""
        self._endpoints.add(update.endpoint)
        self._waiting[update.key] = update.over(self._waiting.get(update.key))
        if self._keep:
            self._unsaved.add(update.key)

    def may_hold(self, endpoint: str) -> bool:
        """Tell whether any update of this endpoint may wait."""
        return endpoint in self._endpoints

    def take(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name that waits, to be sent now; None if there is none.

        Raises:
            StorageError: the disk cannot be read.
        """
        key = (endpoint, name)
        waiting = self._waiting.pop(key, None)
        if not self._keep:
            return waiting
        is_on_disk = key not in self._taken and key not in self._gone
        below = self._store.update(*key) if is_on_disk else None
        update = below if waiting is None else waiting.over(below)
        if update is not None:
            self._taken.setdefault(key, []).append(update)
        return update

    def all(self) -> Iterator[Update]:
        """Yield every update that waits, from this run or an earlier one. Save before."""
        yield from self._store.updates() if self._keep else list(self._waiting.values())

    def sent(self, update: Update) -> None:
        """Say that an update needs no more sending; the next save deletes it."""
        key, taken = update.key, self._taken.get(update.key, [])
        if update in taken:
            taken.remove(update)
        elif self._waiting.get(key) == update:
            del self._waiting[key]
        if taken or not self._keep:
            return
        self._taken.pop(key, None)
        self._gone[key] = object()
        if key in self._waiting:  # on disk it may lie over the one that was sent
            self._unsaved.add(key)

    def unsaved(self) -> Unsaved:
        """Return what is to be written now, and what is to be deleted before."""
        parts = {key: self._parts(key) for key in self._unsaved}
        # What is taken has all that is on disk, and less than that is left when it was sent.
        gone = {**dict.fromkeys(key for key in parts if key in self._taken), **self._gone}
        return Unsaved({key: of for key, of in parts.items() if of}, gone)

    def saved(self, done: Unsaved) -> None:
        """Take note that this is on disk."""
        for key, time in done.gone.items():
            if time is not None and self._gone.get(key) is time:
                del self._gone[key]
        for key, parts in done.parts.items():
            if self._parts(key) != parts:
                continue
            self._unsaved.discard(key)
            if key not in self._taken:
                del self._waiting[key]
        self._unsaved = {key for key in self._unsaved if self._parts(key)}

    def _parts(self, key: Key) -> tuple[Update, ...]:
        """Return what the disk must have of a key, the newest last."""
        waiting = self._waiting.get(key)
        return (*self._taken.get(key, ()), *(() if waiting is None else (waiting,)))
