"""The demonstration's PostHog, balanced."""

from __future__ import annotations

from collections import Counter
from typing import Any

from demo import balance, posthog
from tests.demo.balance import Balance
from tests.fakes.company import Company

TRUTH = Company(events=1_500).truth()
DEAD = len(TRUTH.dead)


def one_lost(ids: Counter[str]) -> Counter[str]:
    return ids - Counter(sorted(ids)[:1])


def one_twice(ids: Counter[str]) -> Counter[str]:
    return ids + Counter(sorted(ids)[:1])


def behind(people: dict[str, Any]) -> dict[str, Any]:
    user = max(people)
    return {**people, user: {**people[user], "login_count": -1}}


ARRIVED = balance.Arrived(
    names=Counter({"$pageview": len(TRUTH.events), "$create_alias": TRUTH.links}),
    ids=Counter(TRUTH.events),
    people=dict(TRUTH.people),
    profiles=len(TRUTH.users) + len(TRUTH.anonymous),
    links=TRUTH.links,
    refused_merges=0,
    groups=TRUTH.linked_groups,
    sessions=len(TRUTH.sessions),
)

POSTHOG = Balance(
    demo=posthog.PostHog,
    truth=TRUTH,
    arrived=ARRIVED,
    delivered={"/batch/": 1_400},
    notes={"clock_fallback": 3},
    check=balance.checks,
    count=posthog.figures,
    wrong=[
        ({"ids": one_lost(ARRIVED.ids)}, "events missing"),
        ({"ids": one_twice(ARRIVED.ids)}, "events that arrived twice"),
        ({"ids": ARRIVED.ids + Counter(["x"])}, "events that nobody sent"),
        ({"links": TRUTH.links - 1}, "identity links"),
        ({"refused_merges": 1}, "links PostHog would refuse"),
        ({"profiles": 3}, "person profiles"),
        ({"people": behind(ARRIVED.people)}, "people whose newest properties are missing"),
        ({"people": {}}, "people whose newest properties are missing"),
        ({"groups": {}}, "groups"),
        ({"sessions": 1}, "sessions"),
    ],
    endpoints_short=[],
    unread={"records read"},
    rows={"clock_fallback": "3"},
    lines=["/batch/: 1,400 sent = 1,400 delivered + 0 refused"],
)
