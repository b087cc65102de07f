"""The facts of a run: what its records say, and what is on disk.

A fact holds from the moment its record is decided. It is written to disk when every event of its
block, and of all blocks before, is delivered or dead. So the disk says what a run knew when it had
decided all that ended there, and a run that is killed and started again decides as the first one
did. A *claim* is written earlier, before anything of its record is sent.

When an event is refused, the facts of its record are forgotten: the next record says them again.
To forget a fact is always safe, since what is said again is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from singer_delivery.ledger.store import Store, is_disowned
from singer_delivery.model import Fact, Key

CACHED = 20_000
"""Facts of the disk kept in memory, at least; at most twice as many: 16 MB."""

UNREAD = Fact("", "", "", 0)
"""Stands for a fact that was not looked up: unlike None, which says that there is none."""

Record = tuple[int, int]
"""A record of this run: the number of its block, and its place there."""

OF_AN_EARLIER_RUN: Record = (-1, -1)


@dataclass(slots=True, eq=False)
class Saying:
    """A fact that a record says.

    Attributes:
        fact: what holds.
        record: says it. Where it renews a fact, the record that said that one.
        block: whose end lets it last; -1 if it lasts already.
        is_kept: whether a deferred update carries it, as far as this run knows.
        since: the time of the fact that it renews, or its own; None if this run does not know.
        before: what was said before it and holds again if it is forgotten.
        is_over: whether it never holds again: it is forgotten, or the disk has it.
    """

    fact: Fact
    record: Record
    block: int
    is_kept: bool
    since: int | None
    before: Saying | None = None
    is_over: bool = False


class Facts:
    """Answers `recall`, and keeps what is not on disk.

    Args:
        store: the disk.
        lock: of the ledger; who calls anything but `recall` has it.
        keep: whether anything is ever written.
    """

    def __init__(self, store: Store, lock: threading.RLock, *, keep: bool) -> None:
        self._store, self._written = store, store.written
        self._lock = lock
        self._keep = keep
        self._newest: dict[Key, Saying] = {}  # of this run, not on disk
        self._by_block: dict[int, list[Saying]] = {}  # not settled
        # What may be written. No key is in both, so that the later of two is what is written.
        self._claims: dict[Key, Saying] = {}
        self._lasting: dict[Key, Saying] = {}
        self._disowned: dict[Key, Fact] = {}  # perhaps on disk still
        self._times_disowned = 0
        # As on disk, those used last: when the younger is full it becomes the older.
        self._cache: dict[Key, Fact | None] = {}
        self._older_cache: dict[Key, Fact | None] = {}

    @property
    def has_claims(self) -> bool:
        """Whether any claim is not on disk."""
        return bool(self._claims)

    @property
    def to_save(self) -> int:
        """How many other facts may be written now."""
        return len(self._lasting)

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known of `name`, including what this run said before; else None.

        Raises:
            StorageError: the disk cannot be read.
        """
        key = (kind, name)
        # Without the lock, in this order: a save fills the cache before it empties `_newest`.
        saying = self._newest.get(key)
        if saying is not None:
            return saying.fact
        cached = self._cache.get(key, UNREAD)
        return self._look_up(key) if cached is UNREAD else cached

    def claim(self, facts: Iterable[Fact]) -> None:
        """Say what holds from now on, whatever becomes of the record."""
        for fact in facts:
            key = fact[:2]
            _end(self._newest.get(key))
            self._lasting.pop(key, None)
            saying = Saying(fact, OF_AN_EARLIER_RUN, -1, is_kept=False, since=fact.at)
            self._claims[key] = self._newest[key] = saying

    def say(self, facts: Iterable[Fact], record: Record, *, is_kept: bool) -> None:
        """Say what holds unless the event, or the deferred update, that carries it is refused."""
        for fact in facts:
            self._add(Saying(fact, record, record[0], is_kept, fact.at))

    def renew(self, facts: Iterable[Fact], block: int) -> None:
        """Say that known facts hold at a later time too: as long as their own records stand.

        What is not known any more is not renewed: it may have been forgotten since it was recalled.
        """
        for fact in facts:
            of = self._newest.get(fact[:2])
            known = of.fact if of is not None else self.recall(fact.kind, fact.name)
            if known is None or known.value != fact.value or not fact.is_after(known):
                continue
            if of is None:  # an update that an earlier run left behind may carry it
                self._add(Saying(fact, OF_AN_EARLIER_RUN, block, is_kept=True, since=None))
            elif of.block == block:
                of.fact = fact
            else:
                self._add(Saying(fact, of.record, block, of.is_kept, of.since))

    def settle(self, block: int) -> None:
        """Let the facts of a block last: all before it are settled, and its events decided."""
        for saying in self._by_block.pop(block, ()):
            if not saying.is_over:
                key = saying.fact[:2]
                waiting = self._claims if key in self._claims else self._lasting
                waiting[key] = saying
                saying.before = None  # it is never forgotten without what was before it

    def forget(self, record: Record, *, kept: bool) -> None:
        """Forget the facts of a record whose event was refused.

        Args:
            record: which. Its block is not settled.
            kept: whether those that a deferred update carries are forgotten too.
        """
        said = self._by_block.get(record[0], ())
        for key in {saying.fact[:2] for saying in said if saying.record == record}:
            saying = self._newest.get(key)
            while saying is not None:
                if saying.record == record and (kept or not saying.is_kept):
                    saying.is_over = True
                saying = saying.before
            self._go_back(key)

    def said(self, record: Record) -> list[Fact]:
        """Return the facts that go when an event of the record is refused; it is not settled."""
        said = self._by_block.get(record[0], ())
        return [each.fact for each in said if each.record == record and not each.is_kept]

    def disown(self, facts: Iterable[Fact]) -> None:
        """Forget facts, on disk too, whose deferred update was refused.

        What was known before them is forgotten with them: an update takes the place of those that
        waited before it, so that what they said may never have been sent.
        """
        for fact in facts:
            key = fact[:2]
            _end(self._refused(fact))
            self._go_back(key)
            lasting = self._lasting.get(key)
            if lasting is not None and lasting.is_over:
                del self._lasting[key]
            for cache in (self._cache, self._older_cache):
                if is_disowned(cache.get(key), fact):
                    del cache[key]
            self._disowned[key] = fact
            self._times_disowned += 1

    def unsaved(self, *, claims_only: bool) -> tuple[dict[Key, Saying], dict[Key, Fact]]:
        """Return what is to be written now, and what is disowned."""
        if claims_only:
            return dict(self._claims), {}
        return {**self._claims, **self._lasting}, dict(self._disowned)

    def saved(self, sayings: Mapping[Key, Saying], disowned: Mapping[Key, Fact]) -> None:
        """Take note that these are on disk, and that what was disowned is there no more."""
        for key, fact in disowned.items():
            if self._disowned.get(key) is fact:
                del self._disowned[key]
        for key, saying in sayings.items():
            for waiting in (self._claims, self._lasting):
                if waiting.get(key) is saying:
                    del waiting[key]
            if self._keep:
                self._is_on_disk(key, saying)

    def _add(self, saying: Saying) -> None:
        key = saying.fact[:2]
        saying.before = self._newest.get(key)
        self._by_block.setdefault(saying.block, []).append(saying)
        self._newest[key] = saying

    def _refused(self, fact: Fact) -> Saying | None:
        """Return the last saying of a fact whose update was refused."""
        saying = self._newest.get(fact[:2])
        while saying is not None:
            is_it = saying.fact.value == fact.value and saying.since in (None, fact.at)
            if saying.is_kept and is_it:
                break
            saying = saying.before
        return saying

    def _go_back(self, key: Key) -> None:
        """Let the last hold that is not over; where there is none, the disk says what holds."""
        saying = self._newest.get(key)
        while saying is not None and saying.is_over:
            saying = saying.before
        if saying is None:
            self._newest.pop(key, None)
        else:
            self._newest[key] = saying

    def _is_on_disk(self, key: Key, saying: Saying) -> None:
        # It may have been disowned while it was written.
        if not is_disowned(saying.fact, self._disowned.get(key)):
            self._put_in_cache(key, saying.fact)
        saying.is_over = True
        if self._newest.get(key) is saying:
            del self._newest[key]

    def _look_up(self, key: Key) -> Fact | None:
        if self._written is not None and key not in self._written:
            return None
        while True:
            times = self._times_disowned
            fact = self._older_cache.get(key, UNREAD)
            if fact is UNREAD:
                fact = self._store.fact(*key)
            with self._lock:
                if times != self._times_disowned:
                    continue  # what was read may be untrue by now
                # Another thread may have saved a newer one since: that one stays.
                if key not in self._cache:
                    is_untrue = is_disowned(fact, self._disowned.get(key))
                    self._put_in_cache(key, None if is_untrue else fact)
                saying = self._newest.get(key)
                return self._cache[key] if saying is None else saying.fact

    def _put_in_cache(self, key: Key, fact: Fact | None) -> None:
        if len(self._cache) >= CACHED:
            self._cache, self._older_cache = {}, self._cache
        self._cache[key] = fact


def _end(saying: Saying | None) -> None:
    """Let neither this hold again nor what was said before it."""
    while saying is not None:
        saying.is_over = True
        saying = saying.before
