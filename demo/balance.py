"""What arrived at the stand-in for PostHog, and whether it is what had to arrive. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.checks import (
    EXAMPLES,
    Check,
    behind,
    conflicts_in,
    once_each,
    stream_of,
    sum_of_the_report,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.company.truth import Truth
    from tests.fakes.posthog import FakePostHog

LINKS = ("$create_alias", "$identify")
UPDATES = (*LINKS, "$groupidentify", "$set")


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


def checks(arrived: Arrived, report: Mapping[str, Any], truth: Truth) -> list[Check]:
    """Return all that must hold, by what the sample's generator knows."""
    dead = dict(Counter(truth.dead.values()))
    return [
        *sum_of_the_report(report, truth.lines),
        *once_each(arrived.ids, truth.events),
        Check("dead letters", stream_of(report)["dead"], dead),
        Check("identity links", arrived.links, truth.links),
        Check("links PostHog would refuse", arrived.refused_merges, 0),
        Check("identity conflicts", conflicts_in(report), min(len(truth.conflicts), EXAMPLES)),
        Check("person profiles", arrived.profiles, len(truth.users) + len(truth.anonymous)),
        Check(
            "people whose newest properties are missing",
            len(behind(arrived.people, truth.people)),
            0,
        ),
        Check("groups", arrived.groups, truth.linked_groups),
        Check("sessions", arrived.sessions, len(truth.sessions)),
    ]
