"""Events that wait on disk, in order, because the service takes no more of their id for now.

They stand in queues: one for each id that the service takes later, with all that must not overtake.
An event that comes again while it waits is the one that waits: it is known by its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, update

from singer_delivery.ledger import tables
from singer_delivery.ledger.accepted import AcceptedEvent
from singer_delivery.ledger.store import INSERTS, Store
from singer_delivery.model import Fact


class ParkedEvent(NamedTuple):
    """One event that waits.

    Attributes:
        number: its place among all that wait.
        queue: in which it stands.
        ids: by which later events stand behind it.
        endpoint, kind, event, encoded: see `Single`; `event` is its name.
        stream: of its record.
        message: the RECORD message it came from, `compression.shrunk`.
        records: 1 if its record counts as one that waits for it, else 0.
        deliveries: what is listed and counted once it is delivered, by one key or more.
        facts: that its record said, and that are forgotten if it is refused.
    """

    number: int
    queue: str
    ids: tuple[str, ...]
    endpoint: str
    kind: str
    event: str
    stream: str
    encoded: bytes
    message: bytes
    records: int = 1
    deliveries: tuple[AcceptedEvent, ...] = ()
    facts: tuple[Fact, ...] = ()


class Waiting(NamedTuple):
    """Events of one queue that stand there by the same ids."""

    queue: str
    ids: tuple[str, ...]
    events: int


class UnsavedParked(NamedTuple):
    """What the disk does not have: events, numbers of those that left, queues that became one."""

    events: Mapping[int, ParkedEvent]
    gone: frozenset[int]
    moved: tuple[tuple[str, str], ...]


NOTHING_UNSAVED = UnsavedParked({}, frozenset(), ())


class ParkedEvents:
    """The parked events of one project. The ledger's lock guards it.

    Args:
        store: the disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        of = tables.parked.c
        rows = store.rows(select(of.digest, of.number).where(of.scope == store.scope))
        self._there = {row.digest for row in rows}
        self.first = self._next = max((row.number for row in rows), default=0) + 1
        self._unsaved: dict[int, ParkedEvent] = {}
        self._gone: set[int] = set()
        self._moved: list[tuple[str, str]] = []

    @property
    def to_save(self) -> int:
        """How many events may be written now, or deleted, whichever is more."""
        return max(len(self._unsaved), len(self._gone))

    def waiting(self) -> list[Waiting]:
        """Return what waits on disk."""
        of = tables.parked.c
        asked = select(of.queue, of.ids, func.count()).where(of.scope == self._store.scope)
        rows = self._store.rows(asked.group_by(of.queue, of.ids))
        return [Waiting(queue, tuple(orjson.loads(ids)), count) for queue, ids, count in rows]

    def put(self, event: ParkedEvent) -> int | None:
        """Let an event wait behind all others; return its number, None if it waits already."""
        digest = _digest(event)
        if digest in self._there:
            return None
        number, self._next = self._next, self._next + 1
        self._there.add(digest)
        self._unsaved[number] = event._replace(number=number)
        return number

    def read(self, queue: str, limit: int) -> list[ParkedEvent]:
        """Return the first events of a queue. Save before."""
        of = tables.parked.c
        asked = (
            select(*(of[name] for name in _COLUMNS))
            .where(of.scope == self._store.scope, of.queue == queue)
            .order_by(of.number)
            .limit(limit)
        )
        return [_event_of(*row) for row in self._store.rows(asked)]

    def remove(self, event: ParkedEvent) -> None:
        """Say that an event waits no more; the next save deletes it."""
        self._there.discard(_digest(event))
        self._gone.add(event.number)

    def move(self, queue: str, into: str) -> None:
        """Let the events of a queue stand in another one, in the order of their numbers."""
        for number, event in self._unsaved.items():
            if event.queue == queue:
                self._unsaved[number] = event._replace(queue=into)
        self._moved.append((queue, into))

    def unsaved(self) -> UnsavedParked:
        """Return what is to be written now."""
        return UnsavedParked(dict(self._unsaved), frozenset(self._gone), tuple(self._moved))

    def write(self, of: UnsavedParked, connection: Connection) -> None:
        """Write it."""
        table, scope = tables.parked, self._store.scope
        for queue, into in of.moved:
            here = (table.c.scope == scope, table.c.queue == queue)
            connection.execute(update(table).where(*here).values(queue=into))
        if of.gone:
            gone = delete(table).where(
                table.c.scope == scope, table.c.number == bindparam("gone_number")
            )
            connection.execute(gone, [{"gone_number": number} for number in sorted(of.gone)])
        if of.events:
            insert = INSERTS[connection.dialect.name](table)
            rows = [self._row(event) for event in of.events.values()]
            connection.execute(insert.on_conflict_do_nothing(), rows)

    def saved(self, of: UnsavedParked) -> None:
        """Take note that it is on disk."""
        for number in of.events:  # of one that was moved meanwhile, the next save moves the row
            del self._unsaved[number]
        self._gone -= of.gone
        del self._moved[: len(of.moved)]

    def _row(self, event: ParkedEvent) -> dict[str, object]:
        text = self._store.storable
        return {
            "scope": self._store.scope,
            "number": event.number,
            "digest": _digest(event),
            "queue": event.queue,
            "ids": text(orjson.dumps(event.ids).decode()),
            "endpoint": event.endpoint,
            "kind": event.kind,
            "event": text(event.event),
            "stream": text(event.stream),
            "encoded": event.encoded,
            "message": event.message,
            "records": event.records,
            "facts": orjson.dumps([[*each] for each in event.facts]).decode(),
            "deliveries": orjson.dumps([[*each] for each in event.deliveries]).decode(),
        }


_COLUMNS = tuple(name for name in ParkedEvent._fields)


def _event_of(*row: object) -> ParkedEvent:
    event = ParkedEvent(*row)  # type: ignore[arg-type]
    return event._replace(
        ids=tuple(orjson.loads(str(event.ids))),
        deliveries=tuple(AcceptedEvent(*each) for each in orjson.loads(str(event.deliveries))),
        facts=tuple(Fact(*each) for each in orjson.loads(str(event.facts))),
    )


def _digest(event: ParkedEvent) -> int:
    content = blake2b(event.encoded, digest_size=8).digest()
    return int.from_bytes(content, "little", signed=True)


def queue_of(id_: str) -> str:
    """Return the name of the queue that an id opens: of one length, however long the id is."""
    return blake2b(id_.encode(errors="replace"), digest_size=16).hexdigest()
