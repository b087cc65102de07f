"""What must come of an export, as Amplitude itself counts. Data only; nothing here reads a row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Properties = dict[str, Any]
Group = tuple[str, str]
"""Type and key."""

Session = tuple[str, int]
"""What it ran on, the device where there is one, and its start by that clock, in milliseconds."""


class Who(NamedTuple):
    """A person.

    Attributes:
        kind: "user"; "device" of somebody who never became a user; "amplitude", of whom there is
            nothing but an Amplitude ID.
    """

    kind: str
    id: str


class Due(NamedTuple):
    """An event that must arrive.

    Attributes:
        who: the person it counts for.
        is_anonymous: whether its row names no user.
        at: when it happened, in microseconds since 1970.
        revenue: None where the row speaks of none.
        session: None where it has none.
        keeps_time: whether the device's clock agreed with Amplitude's.
    """

    uuid: str
    name: str
    who: Who
    is_anonymous: bool
    at: int
    revenue: float | None
    session: Session | None
    keeps_time: bool


@dataclass
class Truth:
    """What Amplitude knows at the end, as far as an export says it.

    Attributes:
        events: by uuid.
        dead: uuid of each row that can only be a dead letter -> reason.
        owners: device -> its first user.
        shared: devices that had more than one user.
        states: what is true of each person now.
        brought: values that a person may have besides: see `Tables.brought`.
        groups: what is true of each group now.
        cleared: of each group, properties that it once had and lost.
        known: how many rows are a user's by their Amplitude ID alone.
        names: of all properties that people ever had.
        insert_ids: of rows, to their uuid.
        whose: a value that belongs to one person, such as an e-mail address -> who had it.
    """

    events: dict[str, Due] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    states: dict[Who, Properties] = field(default_factory=dict)
    brought: dict[Who, dict[str, list[Any]]] = field(default_factory=dict)
    groups: dict[Group, Properties] = field(default_factory=dict)
    cleared: dict[Group, set[str]] = field(default_factory=dict)
    known: int = 0
    names: set[str] = field(default_factory=set)
    insert_ids: dict[str, str] = field(default_factory=dict)
    whose: dict[str, set[Who]] = field(default_factory=lambda: defaultdict(set))

    @property
    def users(self) -> set[str]:
        """Every user there is."""
        return {who.id for who in self.people if who.kind == "user"}

    @property
    def people(self) -> set[Who]:
        """Everybody who did something, or of whom something is known."""
        return {due.who for due in self.events.values()} | self.states.keys()

    @property
    def sessions(self) -> set[Session]:
        """Every session that has an event."""
        return {due.session for due in self.events.values() if due.session is not None}

    @property
    def revenue(self) -> float:
        """The sum of all revenue."""
        return sum(due.revenue or 0 for due in self.events.values())
