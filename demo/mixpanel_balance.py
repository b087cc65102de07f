"""What arrived at the stand-in for Mixpanel, and whether it is what had to arrive. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from demo.checks import (
    EXAMPLES,
    Check,
    behind,
    conflicts_in,
    once_each,
    stream_of,
    sum_of_the_report,
)
from tests.fakes.mixpanel.events import GEO_FROM_REQUEST, ID_MADE, RETIMED, TOKEN_REMOVED
from tests.fakes.mixpanel.profiles import LAST_SEEN_TOUCHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.company.mixpanel import MixpanelTruth
    from tests.fakes.mixpanel import FakeMixpanel

IMPORT, ENGAGE, GROUPS = "/import", "/engage", "/groups"
DEVICE = "$device:"
UNWANTED = {GEO_FROM_REQUEST, ID_MADE, LAST_SEEN_TOUCHED, RETIMED, TOKEN_REMOVED}
"""What Mixpanel does to events and updates in silence, and an import must not let happen."""


class Held(NamedTuple):
    """An event as the stand-in holds it; `person` is whom it counts for, empty for nobody."""

    name: str
    time: int
    person: str


@dataclass(frozen=True)
class Arrived:
    """What the stand-in holds.

    Attributes:
        events: by their `$insert_id`.
        copies: how often each `$insert_id` arrived.
        people: ids of everybody whom reports count.
        owners: {device: user} of every device that belongs to a user.
        conflicts: number of events that name the device of another user as their own.
        profiles: properties by user.
        groups: properties by (group key, group).
        updates: number of updates taken, by address.
        swallowed: number of events and updates that were taken and are nowhere.
        unwanted: what happened that an import must not let happen.
    """

    events: dict[str, Held]
    copies: Counter[str]
    people: set[str]
    owners: dict[str, str]
    conflicts: int
    profiles: dict[str, dict[str, Any]]
    groups: dict[tuple[str, str], dict[str, Any]]
    updates: dict[str, int]
    swallowed: int
    unwanted: set[str]

    @property
    def names(self) -> Counter[str]:
        """How many events there are of each name."""
        return Counter(event.name for event in self.events.values())


def arrived_at(mixpanel: FakeMixpanel) -> Arrived:
    """Return what the stand-in holds."""
    arrivals, people = mixpanel.arrivals, mixpanel.people()
    notes: set[str] = set().union(*(exchange.notes for exchange in mixpanel.journal))
    return Arrived(
        events={
            each["insert_id"]: Held(
                each["event"], each["time"], mixpanel.resolve(each["distinct_id"])
            )
            for each in arrivals
        },
        copies=Counter(each["insert_id"] for each in arrivals),
        people={person.distinct_id for person in people},
        owners={
            distinct_id.removeprefix(DEVICE): person.distinct_id
            for person in people
            if not person.distinct_id.startswith(DEVICE)
            for distinct_id in person.ids - {person.distinct_id}
        },
        conflicts=len(mixpanel.conflicts),
        profiles=mixpanel.profiles(),
        groups=mixpanel.group_profiles(),
        updates={ENGAGE: len(mixpanel.updates), GROUPS: len(mixpanel.group_updates)},
        swallowed=mixpanel.swallowed.total(),
        unwanted=notes & UNWANTED,
    )


def checks(arrived: Arrived, report: Mapping[str, Any], truth: MixpanelTruth) -> list[Check]:
    """Return all that must hold, by what the sample's generator knows."""
    dead = dict(Counter(truth.dead.values()))
    return [
        *sum_of_the_report(report, truth.lines),
        Check("dead letters", stream_of(report)["dead"], dead),
        *once_each(arrived.copies, truth.events.keys()),
        *_of_events(arrived, truth),
        *_of_people(arrived, report, truth),
        *_of_updates(arrived, truth),
        *_of_endpoints(arrived, report),
        Check("events and updates that nobody will see", arrived.swallowed, 0),
        Check("what Mixpanel did in silence", arrived.unwanted, set()),
    ]


def _of_events(arrived: Arrived, truth: MixpanelTruth) -> list[Check]:
    due, whose = truth.events, truth.whose
    held = {insert_id: event for insert_id, event in arrived.events.items() if insert_id in due}
    named = ((event.name, due[insert_id].name) for insert_id, event in held.items())
    timed = ((event.time, due[insert_id].time) for insert_id, event in held.items())
    counted = ((event.person, whose[insert_id]) for insert_id, event in held.items())
    return [
        Check("events under another name", sum(found != name for found, name in named), 0),
        Check("events at another time", sum(found != time for found, time in timed), 0),
        Check("events of somebody else", sum(found != person for found, person in counted), 0),
    ]


def _of_people(arrived: Arrived, report: Mapping[str, Any], truth: MixpanelTruth) -> list[Check]:
    conflicts = min(len(truth.conflicts), EXAMPLES)
    owners = arrived.owners.items() ^ truth.owners.items()
    return [
        Check("people missing or invented", len(arrived.people ^ truth.people), 0),
        Check("devices with another owner", len({device for device, _ in owners}), 0),
        Check("events that claim somebody's device", arrived.conflicts, 0),
        Check("identity conflicts", conflicts_in(report), conflicts),
    ]


def _of_updates(arrived: Arrived, truth: MixpanelTruth) -> list[Check]:
    profiles = truth.profiles
    groups = arrived.groups.keys() | truth.groups.keys()
    wrong = [group for group in groups if arrived.groups.get(group) != truth.groups.get(group)]
    return [
        Check("profiles missing or invented", len(arrived.profiles.keys() ^ profiles.keys()), 0),
        Check("profiles that are not the newest", len(behind(arrived.profiles, profiles)), 0),
        Check("groups that are not the newest", len(wrong), 0),
    ]


def _of_endpoints(arrived: Arrived, report: Mapping[str, Any]) -> list[Check]:
    """A reply that is lost lets an update arrive twice; reported and not there must none be."""
    delivered = {name: each["delivered"] for name, each in report["endpoints"].items()}
    return [
        Check(f"delivered to {IMPORT}", delivered.get(IMPORT, 0), len(arrived.events)),
        *(
            Check(f"delivered to {name}, not there", max(0, delivered.get(name, 0) - count), 0)
            for name, count in arrived.updates.items()
        ),
    ]
