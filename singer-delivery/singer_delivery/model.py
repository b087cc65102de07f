"""The words that mappings and the pipeline share: records, decisions, facts, events, notes.

A record is decided first and mapped afterwards. `decide` runs in one thread, in the order of the
records, and is the only code that asks the ledger or changes it. `map` is pure: the same record and
the same decision make the same events, in this process or in another, now or later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

DAY = 86_400_000_000
"""Microseconds."""

EVENTS_A_RECORD = 1 << 16
"""More events than any record makes: a record and the number of its event are one number."""


class Fact(NamedTuple):
    """One thing to remember about a person, a device or a group.

    `kind` and `name` say what it is about, `value` what is true of it, and `at` since when: a time
    of the source record in microseconds since 1970 (UTC), never the time of the run. `then` orders
    facts of one instant, as texts are ordered.
    """

    kind: str
    name: str
    value: str
    at: int
    then: str = ""

    @property
    def since(self) -> tuple[int, str]:
        """What orders facts."""
        return self.at, self.then

    def is_after(self, other: Fact) -> bool:
        """Tell whether it holds since later than another."""
        if self.at != other.at:  # nearly always
            return self.at > other.at
        return self.then > other.then


Key = tuple[str, str]
"""What a fact is about: its kind and name."""


class Facts(Protocol):
    """The facts of the past, as a decision may ask for them."""

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known, including what earlier records of this run said; else None."""

    def was_delivered(self, of: Delivery) -> bool:
        """Tell whether an event is in the list of deliveries; never, where there is no such list.

        What is under way is not in it.
        """


class Note(NamedTuple):
    """Something the report counts under `name`; `example`, when given, is listed with it."""

    name: str
    example: str | None = None


class Delivery(NamedTuple):
    """An event as the list of deliveries knows it: its day, and a key of 64 bits.

    The day counts from 1970-01-01 and is that on which the event happened.
    """

    day: int
    key: int

    @classmethod
    def of(cls, event_id: str, at: int) -> Delivery:
        """Return how the event is known that has this id whenever it is sent.

        Args:
            event_id: of any form; the key is a digest of it.
            at: when it happened, in microseconds since 1970.
        """
        key = blake2b(event_id.encode(errors="replace"), digest_size=8).digest()
        return cls(at // DAY, int.from_bytes(key, "little"))


class Decision(msgspec.Struct, array_like=True, gc=False):
    """What is decided of one record before it is mapped.

    It travels to the process that maps, so a mapping adds fields of plain values only: texts,
    numbers, booleans, and tuples of them.

    Attributes:
        person: whose order the record's events keep; empty when they have no order to keep.
        skipped: the rule that left the record itself out, such as `excluded: Heartbeat`. Events
            may still accompany it.
        sends: whether anything is sent; if not, the record is not mapped.
        merges: another person whose earlier events must be delivered before this record's.
    """

    person: str = ""
    skipped: str | None = None
    sends: bool = True
    merges: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids by which a service counts the record's events, for limits of one id.

        They are as the endpoint's replies name them; empty where it has no such limit.
        """
        return ()

    @property
    def delivery(self) -> Delivery | None:
        """How the list of deliveries knows the record's event; None where it lists none.

        It is asked where a destination remembers deliveries, of records that send something.
        """
        return None

    @property
    def also_known(self) -> Delivery | None:
        """Another key that is listed with it, for decisions to ask for; None for none."""
        return None


@dataclass(slots=True)
class Effects:
    """What a decision changes, beside what it sends. `decide` fills it in.

    Attributes:
        notes: what the report counts.
        claims: facts that must be on disk before anything of the record is sent, such as who owns
            a device. They hold from now on, whatever becomes of the record.
        facts: facts that hold from now on, unless one of the record's events is refused.
        kept: facts that hold from now on, unless the deferred update that carries them is refused.
        renewed: facts that an earlier record said and that hold at this later time as well.
        is_gathered: whether the record is one of many that are sent together when the run ends.
    """

    notes: list[Note] = field(default_factory=list)
    claims: list[Fact] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    kept: list[Fact] = field(default_factory=list)
    renewed: list[Fact] = field(default_factory=list)
    is_gathered: bool = False


EVENT = "event"
"""Kind of the events that say what somebody did; the books count them."""

CREATION = "creation"
"""Kind of the events that say when somebody was created."""

DEVICE = "device"
"""Kind of deferred updates of devices that are nobody's: each is sent under the device's name, and
only if the device has no owner when the run ends."""


@dataclass(slots=True)
class Event:
    """One thing to tell the destination.

    Attributes:
        endpoint: which of the destination's endpoints receives it.
        kind: what it is, for the report: "event", "link", "person", "group" or "creation". Of
            what is deferred, a creation leaves when all else is delivered.
        name: its event name, for the report.
        at: time of the source record in microseconds since 1970 (UTC), or None when it has none.
        body: the event as the destination reads it, ready to be encoded as JSON.
        order: whose order it keeps, where that is not the record's person: a group's, for instance.
        deferred: whether only the newest of its endpoint and `order` is sent, when the run ends. It
            is kept in the ledger until then.
        facts: of a deferred event, the facts that are forgotten if it is refused.
        leads: whether it is delivered before any other event of its block leaves, and of all that
            follow: a destination may read it only when an event arrives.
        id: by which the destination knows it when it comes again; the books count events of kind
            "event" by it.
        source_name: its name in the source, for the books.
        source_hour: of the source that its record came in, since 1970-01-01 UTC; 0 where nobody
            knows.
    """

    endpoint: str
    kind: str
    name: str
    at: int | None
    body: dict[str, Any]
    order: str | None = None
    deferred: bool = False
    facts: tuple[Fact, ...] = ()
    leads: bool = False
    id: str = ""
    source_name: str = ""
    source_hour: int = 0


class Mapped(NamedTuple):
    """What one record becomes: its events, in the order in which they must arrive, and notes."""

    events: Sequence[Event]
    notes: Sequence[Note] = ()


class RecordMapping(Protocol):
    """What the records of one stream become at one destination.

    It can be pickled: another process makes the same of a pickle.

    Attributes:
        decision_type: the class of its decisions.
    """

    decision_type: ClassVar[type[Decision]]

    def observe(self, line: bytes, *, is_message: bool) -> Any:
        """Return what `decide` must know of a record, read without the rest of it.

        Args:
            line: a record as JSON, or the RECORD message that holds it.
            is_message: which of the two it is.

        Raises:
            Unmappable: the line is no such JSON (`bad_line`), or the record unreadable.
        """

    def ids_of(self, observation: Any) -> Iterable[str | int | None]:
        """Return every id of a person in a record, as the source has it; None for no id.

        It is asked where people are to be left out; nothing of groups is among them.

        Raises:
            Unmappable: one cannot be read.
        """

    def people_of(self, observation: Any) -> Collection[str] | None:
        """Return the id by which the source knows the person of a record, for samples of people.

        It is the same for all records of a person, whatever the destination and the ledger. A
        record that joins ids has several, all of one person; one that names nobody has none.

        Returns:
            None for a record that is about no person, such as a group's.

        Raises:
            Unmappable: it cannot be read.
        """

    def decide(self, observation: Any, facts: Facts, effects: Effects) -> Any:
        """Return the `Decision` of a record, and fill in its effects.

        Raises:
            Unmappable: nothing can be made of the record; its effects are then ignored.
        """

    def map(self, record: Mapping[str, Any], decision: Any) -> Mapped:
        """Return what a clean record becomes. Pure.

        Raises:
            Unmappable: nothing can be made of it after all.
        """


class Unmappable(ValueError):  # noqa: N818 - what happened, as the model codebases name it
    """A record that cannot become an event and never will: it goes to the dead letters.

    `reason` is a short stable word that the report counts by, such as `no_identity`; `detail`
    tells a person what was wrong and never quotes the record's values.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
