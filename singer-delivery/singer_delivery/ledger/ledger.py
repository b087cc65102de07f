"""The ledger: what must be remembered between runs, per person, device and group.

It holds facts (`facts`) and the updates that wait for the end of a run (`outbox`); the list of
`deliveries` and the books that count by it; and what of the source is covered. One save writes all
of it in one transaction, so that a run that is cut off leaves either all of it or none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from singer_delivery.ledger.accepted import Accepted
from singer_delivery.ledger.books_writing import Coverage
from singer_delivery.ledger.coverage import Range, Ranges
from singer_delivery.ledger.deliveries import NO_KEYS, Deliveries, LastRun, UnsavedKeys
from singer_delivery.ledger.facts import Facts, Record
from singer_delivery.ledger.outbox import Outbox, Unsaved
from singer_delivery.ledger.parked import (
    NOTHING_UNSAVED,
    ParkedEvent,
    ParkedEvents,
    UnsavedParked,
    Waiting,
)
from singer_delivery.ledger.store import Store, Write
from singer_delivery.ledger.update import Update
from singer_delivery.model import Delivery, Fact

SAVE_AFTER = 5_000
"""Facts that may wait in memory for the next save."""

DELIVERIES_SAVE_AFTER = 50_000
"""Keys of deliveries that may wait in memory for the next save: 5 MB."""

UPDATES_SAVE_AFTER = 1_000
"""Updates that may wait in memory for the next save: each may hold tens of kilobytes."""


class Ledger:
    """The memory of one destination project, named by `scope`, in the database at `url`.

    One thread calls `recall`, `claim`, `say`, `renew`, `keep_update`, `take_update` and `updates`;
    any thread calls the rest. With `keep=False` nothing is ever written: what a dry run says is
    known to that run alone.

    Args:
        url: of the database.
        scope: names the project.
        keep: whether anything is written.
        before_save: called before anything but claims is written, in their order: the dead letters
            must be on disk before the ledger says that what they hold is done.
        lists: whether deliveries are listed, and books kept; they are wherever there is `now`.
        now: returns seconds since 1970, where the service forgets which events it has; else None.

    Attributes:
        cut_off_at: where the service forgets, when a run saved last before it was cut off, in
            seconds since 1970; None if none was.

    Raises:
        SettingsError: the url is no database address, or the ledger is of another version.
        StorageError: the database cannot be opened, read or written.
    """

    def __init__(
        self,
        url: str,
        scope: str,
        *,
        keep: bool = True,
        before_save: Sequence[Callable[[], None]] = (),
        lists: bool = False,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._before_save = before_save
        self._store = Store(url, scope, keep=keep)
        self._keep = keep
        self._lock = threading.RLock()
        self._saving = threading.Lock()
        self._facts = Facts(self._store, self._lock, keep=keep)
        self._outbox = Outbox(self._store, keep=keep)
        self._now = now
        self._deliveries = Deliveries(self._store) if lists or now is not None else None
        self._coverage = Coverage(self._store)
        self._parked = ParkedEvents(self._store)
        self._last_run = LastRun(self._store)
        self.cut_off_at = self._last_run.cut_off_at
        self.recall = self._facts.recall

    def claim(self, facts: Iterable[Fact]) -> None:
        """Say what holds from now on; `save_claims` puts it on disk."""
        with self._lock:
            self._facts.claim(facts)

    def say(self, facts: Iterable[Fact], record: Record, *, is_kept: bool = False) -> None:
        """Say what holds unless the event, or the kept update, of the record is refused."""
        with self._lock:
            self._facts.say(facts, record, is_kept=is_kept)

    def renew(self, facts: Iterable[Fact], block: int) -> None:
        """Say that known facts hold at a later time too, as a record of this block shows."""
        with self._lock:
            self._facts.renew(facts, block)

    def settle(self, block: int) -> None:
        """Let the facts of a block last. Blocks are settled in their order."""
        with self._lock:
            self._facts.settle(block)
            is_due = self._facts.to_save >= SAVE_AFTER
        if is_due:
            self.save()

    def forget(self, record: Record, *, kept: bool) -> None:
        """Forget what a record said: it was refused. `kept` includes the facts of its updates."""
        with self._lock:
            self._facts.forget(record, kept=kept)

    @property
    def remembers(self) -> bool:
        """Whether it knows what the service has forgotten: it is not sent again."""
        return self._now is not None

    @property
    def lists(self) -> bool:
        """Whether it lists what is delivered, and keeps books."""
        return self._deliveries is not None

    def was_delivered(self, of: Delivery) -> bool:
        """Tell whether an event was delivered before, where the ledger remembers it."""
        if self._deliveries is None:
            return False
        with self._lock:
            return self._deliveries.has(of)

    def delivered(self, accepted: Iterable[Accepted]) -> None:
        """List events as delivered, and count them; the next save writes it."""
        if self._deliveries is None:
            return
        with self._lock:
            self._deliveries.add(accepted)
            is_due = self._deliveries.to_save >= DELIVERIES_SAVE_AFTER
        if is_due:
            self.save()

    def cover(self, source: str, ranges: Iterable[Range]) -> None:
        """Say that ranges of a source are covered: all of them is decided."""
        with self._lock:
            self._coverage.add(source, ranges)

    def end_well(self) -> None:
        """Say that all that the run sent is on disk: the next one has nothing to send twice."""
        self.save()
        if self._keep and self._now is not None:
            with self._saving:
                self._store.write((), (), (), (), [self._last_run.has_ended])

    def parked(self) -> list[Waiting]:
        """Return which events wait on disk for their id."""
        return self._parked.waiting() if self._keep else []

    def park(self, event: ParkedEvent, record: Record) -> bool:
        """Let an event of a record wait behind all others; tell whether it did not wait already."""
        with self._lock:
            facts = tuple(self._facts.said(record))
            number = self._parked.put(event._replace(facts=facts))
            is_due = self._parked.to_save >= UPDATES_SAVE_AFTER
        if is_due:
            self.save()
        return number is not None

    def read_parked(self, queue: str, limit: int) -> list[ParkedEvent]:
        """Return the first events that wait in a queue. The thread that decides calls it."""
        self.save()
        return self._parked.read(queue, limit)

    def is_of_this_run(self, event: ParkedEvent) -> bool:
        """Tell whether an event was parked by this run."""
        return event.number >= self._parked.first

    def unpark(self, event: ParkedEvent, *, is_delivered: bool) -> None:
        """Say that an event waits no more; the next save deletes it."""
        with self._lock:
            self._parked.remove(event)
            if not is_delivered:
                self._facts.disown(event.facts)
            if is_delivered and self._deliveries is not None:
                self._deliveries.add(map(Accepted.one, event.deliveries))
            is_due = self._parked.to_save >= UPDATES_SAVE_AFTER
        if is_due:
            self.save()

    def join_parked(self, queue: str, into: str) -> None:
        """Let the events of a queue stand in another one, in the order of all that wait."""
        with self._lock:
            self._parked.move(queue, into)

    def keep_update(self, update: Update) -> None:
        """Keep an update for the end of the run, over the one of the same name that waits."""
        with self._lock:
            self._outbox.put(update)
            is_due = self._keep and self._outbox.to_save >= UPDATES_SAVE_AFTER
        if is_due:
            self.save()

    def may_keep(self, endpoint: str) -> bool:
        """Tell whether any update of this endpoint may wait."""
        return self._outbox.may_hold(endpoint)

    def take_update(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name that waits, to be sent now."""
        with self._lock:
            return self._outbox.take(endpoint, name)

    def updates(self) -> Iterator[Update]:
        """Yield every update that waits, from this run or one that was cut off."""
        self.save()
        yield from self._outbox.all()

    def sent(self, update: Update) -> None:
        """Say that an update needs no more sending; the next save deletes it."""
        with self._lock:
            self._outbox.sent(update)
            is_due = self._keep and self._outbox.to_save >= SAVE_AFTER
        if is_due:
            self.save()

    def refused(self, update: Update) -> None:
        """Say that an update was refused: neither it nor its facts stay."""
        with self._lock:
            self._facts.disown([Fact(*of) for of in json.loads(update.facts)])
        self.sent(update)

    def save_claims(self) -> None:
        """Return when every claim made before this call is on disk."""
        if self._facts.has_claims:  # else no request waits while other facts are written
            self._save(claims_only=True)

    def save(self) -> None:
        """Return when every claim, every lasting fact and every update is on disk."""
        self._save(claims_only=False)

    def close(self) -> None:
        """Close the database. What was not saved is forgotten."""
        self._store.close()

    def _save(self, *, claims_only: bool) -> None:
        """Write what waits. It goes on waiting when that fails: nobody may rely on it."""
        with self._saving:
            with self._lock:
                sayings, disowned = self._facts.unsaved(claims_only=claims_only)
                updates = Unsaved({}, {}) if claims_only else self._outbox.unsaved()
                keys = (
                    NO_KEYS if claims_only or not self._deliveries else self._deliveries.unsaved()
                )
                covered = {} if claims_only else self._coverage.unsaved()
                parked = NOTHING_UNSAVED if claims_only else self._parked.unsaved()
            if not claims_only:
                for make_sure in self._before_save:
                    make_sure()
            if self._keep and (
                sayings or disowned or any(updates) or keys.days or covered or any(parked)
            ):
                facts = [saying.fact for saying in sayings.values()]
                also = self._also(keys, covered, parked)
                self._store.write(facts, disowned.values(), updates.kept(), updates.gone, also)
            with self._lock:
                self._facts.saved(sayings, disowned)
                if self._deliveries is not None and keys is not NO_KEYS:
                    self._deliveries.saved(keys)
                if self._keep:
                    self._outbox.saved(updates)
                    self._parked.saved(parked)
                    self._coverage.saved(covered)

    def _also(self, keys: UnsavedKeys, covered: Ranges, parked: UnsavedParked) -> list[Write]:
        """Return what writes the list and the books, and that the run goes on."""
        also: list[Write] = [
            partial(self._coverage.write, covered),
            partial(self._parked.write, parked),
        ]
        if self._deliveries is not None and keys.days:
            also.insert(0, partial(self._deliveries.write, keys))
        if self._now is not None:
            also.insert(0, partial(self._last_run.goes_on, now=int(self._now())))
        return also
