"""The facts of a run: what its records say, and what is on disk.

A fact holds from the moment its record is decided. It is written to disk when every event of its
block, and of all blocks before, is delivered or dead: so what is on disk is what a run knew that
had ended there, and a run that is killed and started again decides as the first one did. A *claim*
is written earlier, before anything of its record is sent.

When an event is refused, the facts of its record are forgotten: the next record says them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from singer_delivery.ledger.store import Store
from singer_delivery.model import Fact, Key

CACHED = 20_000
"""Facts of the disk kept in memory, at least; at most twice as many: 16 MB."""

UNREAD = Fact("", "", "", 0)
"""Stands for a fact that was not looked up: unlike None, which says that there is none."""

Record = tuple[int, int]
"""A record of this run: the number of its block, and its place there."""

OF_AN_EARLIER_RUN: Record = (-1, -1)


class Saying(NamedTuple):
    """A fact, the record that says it, and whether a deferred update carries it."""

    fact: Fact
    record: Record
    is_kept: bool


class Facts:
    """Answers `recall`, and keeps what is not on disk. The ledger's lock guards all but `recall`.

    Args:
        store: the disk.
        keep: whether anything is ever written.
    """

    def __init__(self, store: Store, *, keep: bool) -> None:
        self._store = store
        self._keep = keep
        self._newest: dict[Key, Saying] = {}  # said by this run, not on disk
        self._claims: dict[Key, Fact] = {}
        self._by_block: dict[int, list[Saying]] = {}
        self._lasting: dict[Key, Fact] = {}
        self._untrue: list[Fact] = []
        # As on disk, those used last: when the younger is full it becomes the older.
        self._cache: dict[Key, Fact | None] = {}
        self._older_cache: dict[Key, Fact | None] = {}

    @property
    def to_save(self) -> int:
        """How many facts may be written now."""
        return len(self._lasting)

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known of `name`, including what this run said before; else None."""
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
            self._claims[fact[:2]] = fact
            self._newest[fact[:2]] = Saying(fact, OF_AN_EARLIER_RUN, is_kept=False)

    def say(self, facts: Iterable[Fact], record: Record, *, is_kept: bool) -> None:
        """Say what holds unless the event, or the deferred update, that carries it is refused."""
        for fact in facts:
            self._add(record[0], Saying(fact, record, is_kept))

    def renew(self, facts: Iterable[Fact], block: int) -> None:
        """Say that a known fact holds at a later time too: as long as its own record stands."""
        for fact in facts:
            saying = self._newest.get(fact[:2]) or Saying(fact, OF_AN_EARLIER_RUN, is_kept=False)
            self._add(block, saying._replace(fact=fact))

    def settle(self, block: int) -> None:
        """Let the facts of a block last: all before it are settled, and its events decided."""
        for saying in self._by_block.pop(block, ()):
            self._lasting[saying.fact[:2]] = saying.fact

    def forget(self, record: Record, *, kept: bool) -> None:
        """Forget the facts of a record whose event was refused.

        Args:
            record: which.
            kept: whether those that a deferred update carries are forgotten too.
        """
        own = self._by_block.get(record[0], ())
        if any(saying.record == record for saying in own):
            self._drop(lambda s: s.record == record and (kept or not s.is_kept))

    def disown(self, facts: Iterable[Fact]) -> None:
        """Forget facts, on disk too, whose deferred update was refused."""
        for fact in facts:
            key, value = fact[:2], fact.value
            for known in (self._lasting, self._cache, self._older_cache):
                found = known.get(key)
                if found is not None and found.value == value:
                    del known[key]
            self._untrue.append(fact)
            self._drop(lambda s, k=key, v=value: s.fact[:2] == k and s.fact.value == v)  # type: ignore[misc]
            saying = self._newest.get(key)
            if saying is not None and saying.fact.value == value:
                self._go_back(key)

    def unsaved(self, *, claims_only: bool) -> tuple[dict[Key, Fact], list[Fact]]:
        """Return what is to be written now, and what is to be deleted."""
        if claims_only:
            return dict(self._claims), []
        return {**self._claims, **self._lasting}, list(self._untrue)

    def saved(self, facts: Mapping[Key, Fact], untrue: int) -> None:
        """Take note that these facts are on disk, and so many untrue ones deleted."""
        for key, fact in facts.items():
            for waiting in (self._claims, self._lasting):
                if waiting.get(key) is fact:
                    del waiting[key]
            if self._keep:
                self._put_in_cache(key, fact)
                saying = self._newest.get(key)
                if saying is not None and saying.fact is fact:
                    del self._newest[key]
        del self._untrue[:untrue]

    def _add(self, block: int, saying: Saying) -> None:
        self._by_block.setdefault(block, []).append(saying)
        self._newest[saying.fact[:2]] = saying

    def _drop(self, is_gone: Callable[[Saying], bool]) -> None:
        touched: set[Key] = set()
        for block, sayings in self._by_block.items():
            gone = {saying.fact[:2] for saying in sayings if is_gone(saying)}
            if gone:
                self._by_block[block] = [saying for saying in sayings if not is_gone(saying)]
                touched |= gone
        for key in touched:
            self._go_back(key)

    def _go_back(self, key: Key) -> None:
        """Let what was said before hold again."""
        for sayings in reversed(self._by_block.values()):
            for saying in reversed(sayings):
                if saying.fact[:2] == key:
                    self._newest[key] = saying
                    return
        lasting = self._lasting.get(key) or self._claims.get(key)
        if lasting is not None:
            self._newest[key] = Saying(lasting, OF_AN_EARLIER_RUN, is_kept=False)
        else:
            self._newest.pop(key, None)

    def _look_up(self, key: Key) -> Fact | None:
        fact = self._older_cache.get(key, UNREAD)
        if fact is UNREAD:
            fact = self._store.fact(*key)
        # Another thread may have saved a newer one since: that one stays.
        known = self._cache.get(key, UNREAD)
        if known is UNREAD:
            self._put_in_cache(key, fact)
            known = fact
        saying = self._newest.get(key)
        return saying.fact if saying is not None else known

    def _put_in_cache(self, key: Key, fact: Fact | None) -> None:
        if len(self._cache) >= CACHED:
            self._cache, self._older_cache = {}, self._cache
        self._cache[key] = fact
