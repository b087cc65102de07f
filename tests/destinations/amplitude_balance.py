"""What arrived at the stand-in for Amplitude, and whether it is what had to arrive. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from demo.checks import Check, behind, once_each, stream_of, sum_of_the_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.amplitude_batch import FakeAmplitudeBatch
    from tests.fakes.company.amplitude import AmplitudeTruth

BATCH = "/batch"


class Held(NamedTuple):
    """An event as the stand-in holds it; `person` is the user or device that it counts for."""

    name: str
    time: int
    person: str


@dataclass(frozen=True)
class Arrived:
    """What the stand-in holds.

    Attributes:
        events: by their insert id.
        copies: how often each of them arrived and was kept.
        people: names of everybody who has an event.
        profiles: properties by user.
        groups: properties by (type, group).
        taken: number of events and orders that were answered 200.
        lost: number of events and updates that were taken and are nowhere.
        violations: what was taken and an import must not send.
    """

    events: dict[str, Held]
    copies: Counter[str]
    people: set[str]
    profiles: dict[str, dict[str, Any]]
    groups: dict[tuple[str, str], dict[str, Any]]
    taken: int
    lost: int
    violations: Counter[str]


def arrived_at(amplitude: FakeAmplitudeBatch) -> Arrived:
    """Return what the stand-in holds."""
    stored, names, people = list(amplitude.stored()), amplitude.names(), amplitude.people()
    return Arrived(
        events={
            each["insert_id"]: Held(each["event_type"], each["time"], names[each["insert_id"]])
            for each in stored
        },
        copies=Counter(each["insert_id"] for each in stored),
        people={person.name for person in people if person.events},
        profiles={person.user_id: person.properties for person in people if person.user_id},
        groups=amplitude.groups(),
        taken=len(amplitude.arrivals),
        lost=amplitude.swallowed.total() + amplitude.lost_updates,
        violations=Counter(each.what for each in amplitude.violations),
    )


def checks(arrived: Arrived, report: Mapping[str, Any], truth: AmplitudeTruth) -> list[Check]:
    """Return all that must hold, by what the sample's generator knows."""
    dead = dict(Counter(truth.dead.values()))
    delivered = {name: each["delivered"] for name, each in report["endpoints"].items()}
    return [
        *sum_of_the_report(report, truth.lines),
        Check("dead letters", stream_of(report)["dead"], dead),
        *once_each(arrived.copies, truth.events.keys()),
        *of_events(arrived, truth),
        *of_people(arrived, truth),
        Check(
            f"delivered to {BATCH}, not there",
            max(0, delivered.get(BATCH, 0) - arrived.taken),
            0,
        ),
        Check("events and updates that nobody will see", arrived.lost, 0),
        Check("what an import must not send", arrived.violations, Counter()),
    ]


def of_events(arrived: Arrived, truth: AmplitudeTruth) -> list[Check]:
    """Compare the name, the time and the person of each event."""
    due, whose = truth.events, truth.whose
    held = [(each, due[key], whose[key]) for key, each in arrived.events.items() if key in due]
    return [
        Check("events under another name", sum(e.name != sent.name for e, sent, _ in held), 0),
        Check("events at another time", sum(e.time != sent.time for e, sent, _ in held), 0),
        Check("events of somebody else", sum(e.person != who for e, _, who in held), 0),
    ]


def of_people(arrived: Arrived, truth: AmplitudeTruth) -> list[Check]:
    """Compare who there is, and what is known of each."""
    stale = [
        group
        for group, newest in truth.groups.items()
        if not newest.items() <= arrived.groups.get(group, {}).items()
    ]
    return [
        Check("people missing or invented", len(arrived.people ^ truth.people), 0),
        Check("users invented", len(arrived.profiles.keys() - truth.users), 0),
        Check("profiles that are not the newest", behind(arrived.profiles, truth.profiles), []),
        Check("groups invented", len(arrived.groups.keys() - truth.groups.keys()), 0),
        Check("groups that are not the newest", stale, []),
    ]
