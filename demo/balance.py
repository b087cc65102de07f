"""What arrived at the stand-in, and whether it is what had to arrive. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.company_truth import Truth
    from tests.fakes.posthog import FakePostHog

LINKS = ("$create_alias", "$identify")
UPDATES = (*LINKS, "$groupidentify", "$set")


class Check(NamedTuple):
    """One thing that must be so: `found` is `expected`."""

    what: str
    found: Any
    expected: Any

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return bool(self.found == self.expected)


@dataclass(frozen=True)
class Arrived:
    """What the stand-in holds.

    Attributes:
        names: events by their PostHog name, updates of people and groups included.
        ids: uuid of each event that is no update, and how often it arrived.
        people: {distinct_id: properties} of everybody with an id of their own.
        profiles: number of person profiles; those PostHog makes for the sender of a group's update
            are no people and left out.
        links: number of identity links.
        refused_merges: number of links that PostHog would have refused.
        groups: properties by (type, key).
        sessions: number of different sessions.
    """

    names: Counter[str]
    ids: Counter[str]
    people: dict[str, Mapping[str, Any]]
    profiles: int
    links: int
    refused_merges: int
    groups: dict[tuple[str, str], dict[str, Any]]
    sessions: int


def arrived_at(posthog: FakePostHog) -> Arrived:
    """Return what the stand-in holds."""
    stored = posthog.stored()
    events = [event for event in posthog.arrivals if event["event"] not in UPDATES]
    groups = {event["distinct_id"] for event in stored if event["event"] == "$groupidentify"}
    people = [person for person in posthog.people() if not person.distinct_ids <= groups]
    return Arrived(
        names=Counter(event["event"] for event in stored),
        ids=Counter(event["uuid"] for event in events),
        people={name: person.properties for person in people for name in person.distinct_ids},
        profiles=len(people),
        links=sum(event["event"] in LINKS for event in stored),
        refused_merges=len(posthog.refused_merges),
        groups=posthog.groups(),
        sessions=len({event["properties"].get("$session_id") for event in events} - {None}),
    )


def stream_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the report's counts of the events; a run that read nothing has none."""
    nothing = {"read": 0, "delivered": 0, "skipped": {}, "dead": {}}
    stream: Mapping[str, Any] = report["streams"].get("events", nothing)
    return stream


def checks(arrived: Arrived, report: Mapping[str, Any], truth: Truth) -> list[Check]:
    """Return all that must hold, by what the sample's generator knows."""
    stream = stream_of(report)
    skipped, dead = sum(stream["skipped"].values()), sum(stream["dead"].values())
    conflicts = report["examples"].get("identity_conflict", [])
    decided = stream["delivered"] + skipped + dead
    known = {user: arrived.people.get(user, {}) for user in truth.people}
    return [
        Check("records read", stream["read"], truth.lines),
        Check("delivered + skipped + dead", decided, stream["read"]),
        Check("events missing", len(truth.events - arrived.ids.keys()), 0),
        Check("events that nobody sent", len(arrived.ids.keys() - truth.events), 0),
        Check("events that arrived twice", sum(count > 1 for count in arrived.ids.values()), 0),
        Check("dead letters", stream["dead"], dict(Counter(truth.dead.values()))),
        Check("identity links", arrived.links, truth.links),
        Check("links PostHog would refuse", arrived.refused_merges, 0),
        Check("identity conflicts", len(conflicts), len(truth.conflicts)),
        Check("person profiles", arrived.profiles, len(truth.users) + len(truth.anonymous)),
        Check("people whose newest properties are missing", len(_behind(known, truth)), 0),
        Check("groups", arrived.groups, truth.linked_groups),
        Check("sessions", arrived.sessions, len(truth.sessions)),
    ]


def _behind(known: Mapping[str, Mapping[str, Any]], truth: Truth) -> list[str]:
    """Return who lacks some of their newest properties."""
    return [
        user
        for user, newest in truth.people.items()
        if any(known[user].get(name) != value for name, value in newest.items())
    ]
