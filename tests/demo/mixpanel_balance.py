"""The demonstration's Mixpanel, balanced."""

from __future__ import annotations

from collections import Counter
from typing import Any

from demo import mixpanel, mixpanel_balance
from demo.mixpanel_balance import Arrived, Held
from tests.demo.balance import Balance
from tests.fakes.company import Company

TRUTH = Company(events=1_500).mixpanel_truth()
OWNED = min(TRUTH.owners)
GROUP = min(TRUTH.groups)
SOMEBODY = max(TRUTH.profiles)
FIRST = min(TRUTH.events)
DELIVERED = {"/import": len(TRUTH.events), "/engage": 90, "/groups": 17}

ARRIVED = Arrived(
    events={
        insert_id: Held(sent.name, sent.time, TRUTH.whose[insert_id])
        for insert_id, sent in TRUTH.events.items()
    },
    copies=Counter(TRUTH.events.keys()),
    people=TRUTH.people,
    owners=TRUTH.owners,
    conflicts=0,
    profiles=TRUTH.profiles,
    groups=dict(TRUTH.groups),
    updates={"/engage": 90, "/groups": 17},
    swallowed=0,
    unwanted=set(),
)


def first_event(**changes: Any) -> dict[str, Held]:
    return {**ARRIVED.events, FIRST: ARRIVED.events[FIRST]._replace(**changes)}


MIXPANEL = Balance(
    demo=mixpanel.Mixpanel,
    truth=TRUTH,
    arrived=ARRIVED,
    delivered=DELIVERED,
    notes={"older_than_retention": 1_400},
    check=mixpanel_balance.checks,
    count=lambda arrived, report, _: mixpanel.figures(arrived, report),
    wrong=[
        ({"copies": Counter(sorted(TRUTH.events)[1:])}, "events missing"),
        ({"copies": Counter([*TRUTH.events, min(TRUTH.events)])}, "events that arrived twice"),
        ({"copies": Counter([*TRUTH.events, "x"])}, "events that nobody sent"),
        ({"events": first_event(name="Other")}, "events under another name"),
        ({"events": first_event(time=1)}, "events at another time"),
        ({"events": first_event(person="somebody")}, "events of somebody else"),
        ({"people": TRUTH.people | {"$device:made-up"}}, "people missing or invented"),
        ({"people": TRUTH.people - {SOMEBODY}}, "people missing or invented"),
        ({"owners": {**TRUTH.owners, OWNED: "thief"}}, "devices with another owner"),
        ({"owners": {}}, "devices with another owner"),
        ({"conflicts": 1}, "events that claim somebody's device"),
        (
            {"profiles": {**TRUTH.profiles, "$device:x": {}}},
            "profiles missing or invented",
        ),
        (
            {"profiles": {**TRUTH.profiles, SOMEBODY: {"login_count": -1}}},
            "profiles that are not the newest",
        ),
        ({"groups": {**TRUTH.groups, GROUP: {}}}, "groups that are not the newest"),
        ({"groups": {**TRUTH.groups, ("company", "x"): {}}}, "groups that are not the newest"),
        ({"updates": {"/engage": 89, "/groups": 17}}, "delivered to /engage, not there"),
        ({"updates": {"/engage": 90, "/groups": 16}}, "delivered to /groups, not there"),
        ({"swallowed": 1}, "events and updates that nobody will see"),
        ({"unwanted": {"located"}}, "what Mixpanel did in silence"),
    ],
    endpoints_short=[
        (
            {"/import": DELIVERED["/import"] + 1, "/engage": 91},
            ["delivered to /import", "delivered to /engage, not there"],
        ),
    ],
    unread={"records read", "dead letters", "delivered to /import"},
    rows={
        "with a profile": str(len(TRUTH.profiles)),
        "devices with an owner": str(len(TRUTH.owners)),
        "group profiles": str(len(TRUTH.groups)),
        "older_than_retention": "1,400",
    },
    lines=["/engage: 90 sent = 90 delivered + 0 refused"],
)
