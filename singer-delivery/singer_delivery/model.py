"""What a mapping yields, and what it may know of the past.

A mapping is a pure function `(record, known) -> Mapped`. It has no memory, no clock and no
randomness: what must be remembered between records and between runs it declares as facts, and it is
given the facts of the past through `Known`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Fact(NamedTuple):
    """One thing to remember about a person, a device or a group.

    `kind` and `name` say what it is about, `value` what is true of it, and `at` since when: the
    time of the source record in microseconds since 1970 (UTC), never the time of the run.
    """

    kind: str
    name: str
    value: str
    at: int


Key = tuple[str, str]
"""What a fact is about: its kind and name."""


class Known(Protocol):
    """The facts of the past, as a mapping may ask for them."""

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known, counting what earlier records of this run said; else None."""


ENCODED: dict[str, Any] = {}
"""The body of an event whose bytes are at hand: thousands wait, and those are enough."""


@dataclass(slots=True)
class Event:
    """One thing to tell the destination.

    Attributes:
        endpoint: which of the destination's endpoints receives it.
        kind: what it is, for the report: "event", "link", "person" or "group".
        name: its event name, for the report.
        person: whose order it must keep. Events of one person are delivered in the order they were
            submitted; different people travel in parallel.
        at: time of the source record in microseconds since 1970 (UTC), or None when it has none.
        body: the event as the destination reads it, ready to be encoded as JSON.
        merges: another person whose earlier events must be decided before this one is sent.
        claims: facts that must be on disk before this event is sent, such as who owns a device.
        facts: facts that become true when this event has been delivered.
        deferred: whether only the newest of its endpoint and person is sent, when the run ends. It
            is kept on disk until then; its facts count from the moment it is kept.
    """

    endpoint: str
    kind: str
    name: str
    person: str
    at: int | None
    body: dict[str, Any]
    merges: str | None = None
    claims: tuple[Fact, ...] = ()
    facts: tuple[Fact, ...] = ()
    deferred: bool = False


class Note(NamedTuple):
    """Something the report counts under `name`; `example`, when given, is listed with it."""

    name: str
    example: str | None = None


class Mapped(NamedTuple):
    """What one record becomes.

    `events` are in the order in which they must arrive. `skipped` names the rule that left the
    record itself out, for instance `excluded: Heartbeat`; events may still accompany it. `renewed`
    are facts that an earlier event told and that hold at this later time as well: nothing is sent
    for them, but what lies between the two times is old from now on. `held` says that the record is
    part of a whole which is sent when the run ends, and is decided with it.
    """

    events: tuple[Event, ...]
    skipped: str | None = None
    notes: tuple[Note, ...] = ()
    renewed: tuple[Fact, ...] = ()
    held: bool = False


class RecordMapping(Protocol):
    """What the records of one stream become.

    `needs_keys` says whether a record without one of its stream's key properties is a fault of the
    tap, which ends the run, or something the mapping knows how to deal with.
    """

    @property
    def needs_keys(self) -> bool:
        """Whether every record must have its key properties."""

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a record becomes.

        Raises:
            Unmappable: nothing can be made of it.
        """


@runtime_checkable
class AheadMapping(RecordMapping, Protocol):
    """A pure mapping, whose records another process may map ahead of their turn.

    `is_pure` says no more than that; it can be pickled.
    """

    @property
    def is_pure(self) -> bool:
        """Always true."""


class Noting(ABC):
    """A mapping that is another one, and also counts what the records show together.

    Attributes:
        mapping: the other one, which is pure.
    """

    def __init__(self, mapping: RecordMapping) -> None:
        self.mapping = mapping
        self.needs_keys = mapping.needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what the mapping says, with the notes that are due."""
        mapped = self.mapping(record, known)
        notes = self.due(mapped.events)
        return mapped._replace(notes=(*mapped.notes, *notes)) if notes else mapped

    @abstractmethod
    def due(self, events: Sequence[Event]) -> list[Note]:
        """Return the notes that are due for the next events, whatever records they were made of."""


class Unmappable(ValueError):  # noqa: N818 - what happened, as the model codebases name it
    """A record that cannot become an event and never will: it goes to the dead letters.

    `reason` is a short stable word that the report counts by, such as `no_identity`; `detail`
    tells a person what was wrong and never quotes the record's values.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
