"""What must come of a Mixpanel export, as Mixpanel itself counts. Data only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Properties = dict[str, Any]
Group = tuple[str, str]
"""Group key and the group's id."""

Session = tuple[str, int]
"""A device and when its session starts, in milliseconds of true UTC."""


class Who(NamedTuple):
    """A person.

    Attributes:
        kind: "user"; "device" of somebody who never became a user; "nobody", where Mixpanel stores
            an event outside of people.
        id: of a user who has several: the first.
    """

    kind: str
    id: str


NOBODY = Who("nobody", "")


class Due(NamedTuple):
    """An event that must arrive.

    Attributes:
        serial: its number, in its property `serial`.
        who: the person it counts for.
        is_anonymous: whether nothing in its row is a user's id, as it came in.
        at: when it happened, in milliseconds of true UTC.
        session: None where it has none.
        properties: those that are the customer's own.
        revenue: in its property `amount`; None where it speaks of none.
        times: how often; of rows without `$insert_id` each is an event, as nothing tells a copy
            from a second one.
    """

    serial: int
    name: str
    who: Who
    is_anonymous: bool
    at: int
    session: Session | None
    properties: Properties
    revenue: float | None
    times: int = 1


@dataclass
class Truth:
    """What Mixpanel knows at the end, as far as an export says it.

    Attributes:
        events: by serial number.
        verbs: serial numbers of rows that only link ids.
        dead: serial numbers of rows that can only be dead letters -> reason.
        ids: a user -> every id of users that is theirs.
        owners: device -> the user it counts for.
        shared: devices that had more than one user.
        states: the profile of each person who has one, by Mixpanel's names.
        brought: what a user may have besides: profiles of devices from before the first login.
            Mixpanel does not carry them over; PostHog and Amplitude do, where a run ended between.
        groups: the profile of each group.
        names: of all properties that profiles of people have.
        whose: a value that belongs to one person, such as an e-mail address -> who has it.
    """

    events: dict[int, Due] = field(default_factory=dict)
    verbs: set[int] = field(default_factory=set)
    dead: dict[int, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    states: dict[Who, Properties] = field(default_factory=dict)
    brought: dict[Who, Properties] = field(default_factory=lambda: defaultdict(dict))
    groups: dict[Group, Properties] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    whose: dict[str, set[Who]] = field(default_factory=lambda: defaultdict(set))

    @property
    def users(self) -> set[str]:
        """Every id of a user there is."""
        return {each for ids in self.ids.values() for each in ids}

    @property
    def sessions(self) -> set[Session]:
        """Every session that has an event."""
        return {due.session for due in self.events.values() if due.session is not None}
