"""What must be remembered between runs: rows per person, device and group, never per event.

Facts come in two kinds. A *claim* (such as who owns a device) is on disk before the first request
that relies on it leaves: a run that is killed and started again then decides the same. A fact
that is *expected* (such as the newest properties sent for a person) becomes lasting only once the
event that carries it was delivered; when it is rejected, it is forgotten.

Within a run, `recall` answers with everything said so far, lasting or not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping

from singer_delivery.ledger.in_the_air import InTheAir
from singer_delivery.ledger.store import Database
from singer_delivery.ledger.updates import Update
from singer_delivery.model import Fact, Key

CACHED = 20_000
"""Facts kept in memory besides those not yet on disk, at least; at most twice as many: 16 MB."""

SAVE_AFTER = 5_000
"""Delivered facts that may wait in memory for the next save."""

UPDATES_SAVE_AFTER = 1_000
"""Updates that may wait in memory for the next save: each may hold tens of kilobytes."""

UNREAD = Fact("", "", "", 0)
"""Stands for what has not been looked up: unlike None, which says that there is nothing."""


class Ledger:
    """The memory of one destination project, named by `scope`, in the database at `url`.

    `recall`, `claim`, `expect`, `renew` and `defer` are called from one thread; everything else
    from any. With `keep=False` nothing is ever written: what a dry run says is known to that run
    alone.

    Raises:
        SettingsError: the url is no database address, or the ledger is of another version.
        StorageError: the database cannot be opened, read or written.
    """

    def __init__(self, url: str, scope: str, *, keep: bool = True) -> None:
        self._database = Database(url, scope, keep=keep)
        self._keep = keep
        self._fresh: dict[Key, Fact] = {}  # said by this run, not yet on disk
        self._claims: dict[Key, Fact] = {}
        self._confirmed: dict[Key, Fact] = {}
        self._updates: dict[Key, Update] = {}
        self._sent: list[Update] = []
        self._untrue: list[Fact] = []
        self._on_their_way: dict[Key, int] = {}
        self._deferring = self._database.endpoints()
        self._in_the_air = InTheAir()
        # As on disk, those used last: when the younger is full it becomes the older.
        self._cache: dict[Key, Fact | None] = {}
        self._older_cache: dict[Key, Fact | None] = {}
        self._taken_back: set[Key] = set()
        self._lock = threading.Lock()
        self._saving = threading.Lock()

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known of `name`, counting what this run said before; else None."""
        key = (kind, name)
        # Without the lock, in this order: a save fills the cache before it empties `_fresh`.
        fact = self._fresh.get(key)
        if fact is not None:
            return fact
        cached = self._cache.get(key, UNREAD)
        return cached if cached is not UNREAD else self._look_up(key)

    def in_memory(self) -> Mapping[Key, Fact | None]:
        """Return what is known without looking on disk: all that may not be there yet, and more."""
        with self._lock:
            return {**self._older_cache, **self._cache, **self._fresh}

    def agrees(self, key: Key, on_disk: Fact | None) -> bool:
        """Tell whether what was on disk a moment ago is what is known.

        It is not read again: what was saved since, or is not saved yet, is in memory.
        """
        with self._lock:
            fact = self._fresh.get(key) or self._cache.get(key, UNREAD)
            if fact is UNREAD:
                fact = self._older_cache.get(key, on_disk)
                self._put_in_cache(key, fact)
        return fact == on_disk

    def taken_back(self) -> set[Key]:
        """Return what proved untrue since the last call, or may have, by kind and name."""
        with self._lock:
            taken_back, self._taken_back = self._taken_back, set()
        return taken_back

    def _look_up(self, key: Key) -> Fact | None:
        fact = self._read(key)
        with self._lock:
            # Another thread may have saved a newer one since.
            if key not in self._cache:
                self._put_in_cache(key, fact)
            return self._fresh.get(key) or self._cache[key]

    def _read(self, key: Key) -> Fact | None:
        cached = self._older_cache.get(key, UNREAD)
        return self._database.read(*key) if cached is UNREAD else cached

    def claim(self, facts: Iterable[Fact]) -> None:
        """Say what holds from now on; `save_claims` puts it on disk."""
        with self._lock:
            for fact in facts:
                self._fresh[fact[:2]] = self._claims[fact[:2]] = fact

    def expect(self, facts: Iterable[Fact]) -> None:
        """Say what will hold once the event that carries it is delivered."""
        with self._lock:
            for fact in facts:
                self._fresh[fact[:2]] = fact
                self._in_the_air.add(fact)

    def renew(self, facts: Iterable[Fact]) -> None:
        """Say that what was said before holds at a later time too.

        It lasts as soon as what it renews does: while that is in the air, no sooner. What is known
        to hold at a later time already is not renewed, nor is what is not known any more.
        """
        with self._lock:
            for fact in facts:
                key = fact[:2]
                known = self._fresh.get(key) or self._cache.get(key) or self._read(key)
                if known is None or known.value != fact.value or known.at >= fact.at:
                    continue
                self._fresh[key] = fact
                if self._in_the_air.newest(key) is known:
                    self._in_the_air.renew(fact)
                else:
                    self._confirmed[key] = fact

    def defer(self, update: Update, facts: Iterable[Fact]) -> None:
        """Keep an update for the end of the run, in place of an older one of the same person.

        Its facts hold from now on. Both reach the disk together, with a later save, so that a run
        that is cut off leaves the update for the next one.
        """
        with self._lock:
            for fact in facts:
                self._fresh[fact[:2]] = self._confirmed[fact[:2]] = fact
            self._deferring.add(update.endpoint)
            key = (update.endpoint, update.name)
            if key not in self._updates or self._updates[key].at <= update.at:
                self._updates[key] = update
            full = self._keep and len(self._updates) >= UPDATES_SAVE_AFTER
        if full:
            self.save()

    def updates(self) -> Iterator[Update]:
        """Yield every update that waits, from this run or one that was cut off."""
        self.save()
        yield from self._database.updates() if self._keep else list(self._updates.values())

    def is_deferring(self, endpoint: str) -> bool:
        """Tell whether any update of this endpoint may wait."""
        return endpoint in self._deferring

    def waiting(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name that waits and is not on its way: it may be sent now."""
        key = (endpoint, name)
        if not self._keep:
            return self._updates.pop(key, None)
        with self._lock:
            update = self._updates.get(key)
        update = update or self._database.update(endpoint, name)
        with self._lock:
            if update is None or self._on_their_way.get(key) == update.at:
                return None
            self._on_their_way[key] = update.at
        return update

    def refused(self, update: Update) -> None:
        """Say that an update was rejected: neither it nor what it would have made true is kept."""
        with self._lock:
            for fact in (Fact(*of) for of in json.loads(update.facts)):
                self._forget(fact)
        self.sent(update)

    def sent(self, update: Update) -> None:
        """Say that an update needs no more sending; the next save forgets it."""
        done = update._replace(encoded=b"", message=b"", facts="")  # thousands wait for the save
        with self._lock:
            self._sent.append(done)
            self._on_their_way.pop((update.endpoint, update.name), None)
            full = len(self._sent) >= SAVE_AFTER
        if full:
            self.save()

    def confirm(self, facts: Iterable[Fact]) -> None:
        """Say that the event was delivered: its facts last, and a later save puts them on disk."""
        with self._lock:
            for fact in facts:
                self._confirm(fact[:2], fact)
            full = len(self._confirmed) >= SAVE_AFTER
        if full:
            self.save()

    def retract(self, facts: Iterable[Fact]) -> None:
        """Say that the event was rejected: what it would have made true is forgotten."""
        with self._lock:
            for fact in facts:
                self._retract(fact[:2], fact)

    def save_claims(self) -> None:
        """Return when every claim made before this call is on disk."""
        self._save(self._claims)

    def save(self) -> None:
        """Return when every claim, every confirmed fact and every update is on disk."""
        self._save(self._claims, self._confirmed, whole=True)

    def close(self) -> None:
        """Close the database. What was not saved is forgotten."""
        self._database.close()

    def _save(self, *waiting: dict[Key, Fact], whole: bool = False) -> None:
        """Write what waits. It goes on waiting when that fails: nobody may rely on it."""
        with self._saving:
            with self._lock:
                facts = {key: fact for each in waiting for key, fact in each.items()}
                updates = dict(self._updates) if whole else {}
                sent = list(self._sent) if whole else []
                untrue = list(self._untrue) if whole else []
            if self._keep and (facts or updates or sent or untrue):
                self._database.write(facts.values(), updates.values(), sent, untrue)
            with self._lock:
                for key, fact in facts.items():
                    self._saved(key, fact, waiting)
                if len(facts) > CACHED // 2:  # see `agrees`: the cache may soon lack some of them
                    self._taken_back.update(facts)
                if self._keep:
                    self._forget_updates(updates, len(sent))
                    del self._untrue[: len(untrue)]

    def _confirm(self, key: Key, fact: Fact) -> None:
        word, before = self._in_the_air.land(fact), self._lasting(key)
        if before is not None and (before.at, before.value) > (word.at, word.value):
            return  # a newer word was deferred, or delivered, since; see `sources.news.is_news`
        self._confirmed[key] = word
        self._fresh.setdefault(key, word)

    def _retract(self, key: Key, fact: Fact) -> None:
        if self._fresh.get(key) is not self._in_the_air.land(fact):
            return
        self._taken_back.add(key)
        said, lasting = self._in_the_air.newest(key), self._lasting(key)
        if said is not None and (lasting is None or said.at > lasting.at):
            self._fresh[key] = said
        elif key in self._confirmed:
            self._fresh[key] = self._confirmed[key]
        else:
            del self._fresh[key]

    def _lasting(self, key: Key) -> Fact | None:
        """Return what lasts, as far as memory knows: of what is in the air, it does."""
        return self._confirmed.get(key) or self._cache.get(key) or self._older_cache.get(key)

    def _forget(self, fact: Fact) -> None:
        key = fact[:2]
        for said in (self._fresh, self._confirmed, self._cache, self._older_cache):
            known = said.get(key)
            if known is not None and known.value == fact.value:
                del said[key]
        self._untrue.append(fact)
        self._taken_back.add(key)

    def _forget_updates(self, saved: Mapping[Key, Update], sent: int) -> None:
        for key, update in saved.items():
            if self._updates.get(key) is update:
                del self._updates[key]
        del self._sent[:sent]

    def _saved(self, key: Key, fact: Fact, waiting: Iterable[dict[Key, Fact]]) -> None:
        for each in waiting:
            if each.get(key) is fact:
                del each[key]
        if self._keep:
            self._put_in_cache(key, fact)
            if self._fresh.get(key) is fact:
                del self._fresh[key]

    def _put_in_cache(self, key: Key, fact: Fact | None) -> None:
        if len(self._cache) >= CACHED:
            # What is in the air may be confirmed after a newer word: that must still be known.
            younger, older = self._cache, self._older_cache
            kept = {k: older[k] for k in self._in_the_air.keys if k in older and k not in younger}
            self._cache, self._older_cache = kept, younger
        self._cache[key] = fact
