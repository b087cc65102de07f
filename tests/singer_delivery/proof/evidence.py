"""What a report is made of, as a migration leaves it behind: of any length, the same each time."""

from __future__ import annotations

from datetime import date, timedelta
from math import sin
from typing import Any

from singer_delivery.proof.report_sources import Count, Covered, Evidence

NAMES = ("Song Played", "Song Liked", "$pageview", "Playlist Shared", "Signed Up", "Plan Upgraded",
         "Search", "Ad Skipped", "Logged In", "Concert Booked")  # fmt: skip
SOURCES = {"$pageview": "[Amplitude] Page Viewed", "Signed Up": "signup_complete"}
HOSTILE = '<script>alert("x")</script>'


def name_of(number: int) -> str:
    return NAMES[number] if number < len(NAMES) else f"Event of Feature {number:04}"


def counts(days: int, names: int, first: date = date(2022, 3, 1)) -> list[Count]:
    """Return what was accepted: more of the first names, more as time goes by, less on Sundays."""
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        busy = (0.5 + number / days) * (0.6 if day.weekday() == 6 else 1 + 0.15 * sin(number / 20))
        for place in range(names):
            count = round(9_000 * busy / (place + 1) ** 1.1)
            if count and (place + number) % (1 + place // 40) == 0:
                name = name_of(place)
                found.append(Count(str(day), name, SOURCES.get(name, name), count))
    return found


def verified(cells: list[Count], lost: dict[tuple[str, str], int]) -> dict[str, Any]:
    """Return a comparison in which the destination holds all but what is lost."""
    days, names, sources = dict[str, list[int]](), dict[str, list[int]](), dict[str, str]()
    differ = []
    for cell in cells:
        gone = lost.get((cell.day, cell.name), 0)
        sources[cell.name] = cell.source_name
        for sums, key in ((days, cell.day), (names, cell.name)):
            both = sums.setdefault(key, [0, 0])
            both[0] += cell.count
            both[1] += cell.count - gone
        if gone:
            verdict = "fewer" if gone > 0 else "more"
            found = cell.count - gone
            differ.append({"day": cell.day, "name": cell.name, "sent": cell.count, "found": found,
                           "verdict": verdict})  # fmt: skip
    missing = sum(gone for gone in lost.values() if gone > 0)
    return {
        "verdict": "differs" if missing else "equal",
        "destination": {"name": "PostHog", "project": "us.posthog.com, 4711"},
        "asked_at": "2026-11-29T09:00:00Z",
        "time_zone": "Both sides count days by UTC.",
        "requests": 48,
        "days": [{"day": day, "sent": s, "found": f} for day, (s, f) in days.items()],
        "names": [{"name": name, "source_name": sources[name], "sent": s, "found": f}
                  for name, (s, f) in names.items()],
        "cells": differ,
        "missing": {
            "events": missing,
            "hours": sorted({f"{day}T09" for (day, _), gone in lost.items() if gone > 0}),
            "command": "tap-amplitude --config again.json | target-posthog --config config.json"
            if missing else "",
        },
        "others": [{"name": "Live Click", "found": 12_345}],
        "people": {"people": 48_211, "ids": 63_019},
        "groups": {"company": 1_204},
        "reasons": [{"reason": "young", "sentence": "Events younger than 48 hours may still be on "
                     "their way."}] if missing else [],
    }  # fmt: skip


def run(started: str = "2026-11-28T09:00:00.000+00:00", **changed: Any) -> dict[str, Any]:
    """Return the report of a run."""
    return {
        "outcome": "complete",
        "started": started,
        "finished": started.replace("T09", "T14"),
        "seconds": 18_000.0,
        "events_per_second": 3_400.0,
        "streams": {
            "events": {
                "read": 61_234_567,
                "delivered": 61_100_000,
                "skipped": {"excluded: Heartbeat": 120_000, "excluded_person": 3_217},
                "dead": {"no_identity": 11_000, "event_too_large": 350},
                "undecided": 0,
            }
        },
        "endpoints": {},
        "sent": {"event": 61_100_000, "person": 48_211, "link": 17_302, "group": 1_204},
        "events": {"Song Played": 40_000_000, "Signed Up": 48_000},
        "notes": {
            "identity_conflict": 212,
            "operations_without_counterpart": 5_310,
            "known_by_amplitude_id": 801_220,
            "clock_fallback": 90,
        },
        "examples": {"identity_conflict": ["device d-1 belongs to jane@example.com"]},
        **changed,
    }


def plan(**changed: Any) -> dict[str, Any]:
    """Return the plan of a dry run."""
    months = [f"2026-{month:02}" for month in range(1, 12)]
    names = {
        name: {
            "events": 11 * (450_000 // (n + 1)),
            "months": dict.fromkeys(months, 450_000 // (n + 1)),
        }
        for n, name in enumerate(NAMES)
    }
    return {
        "events": sum(each["events"] for each in names.values()),
        "people": 482_110,
        "people_exact": False,
        "links": 17_302,
        "updates_of_people": 48_211,
        "updates_of_groups": 1_204,
        "kinds": {"event": 14_644_840, "link": 17_302},
        "months": {month: sum(of["months"][month] for of in names.values()) for month in months},
        "names": names,
        "bytes": 18_200_000_000,
        "bytes_compressed": 2_100_000_000,
        "requests": 14_712,
        "endpoints": {},
        "seconds": 2_942.0,
        "seconds_bound_by": "the pace the destination asks for",
        "max_events_per_second": 5_000,
        "billed": {"events": 14_711_557, "sentence": "PostHog counts every event.",
                   "warnings": [{"note": "younger_than_48_hours", "events": 31_022,
                                 "sentence": "Younger than 48 hours: billed as live events."}]},
        "sample_users": 1.0,
        **changed,
    }  # fmt: skip


def evidence(days: int = 400, names: int = 60, **changed: Any) -> Evidence:
    """Return all of it, with a lost day, a lost name of a day, and a day with more."""
    cells = counts(days, names)
    lost = {(str(date(2022, 3, 1) + timedelta(days=day)), name): count for day, name, count in (
        (40 % days, "Song Played", 900), (41 % days, "Song Played", 4_100),
        (300 % days, "Signed Up", 17), (350 % days, "Search", -240),
    )}  # fmt: skip
    given: dict[str, Any] = {
        "target": "target-posthog",
        "version": "0.1.0",
        "made_at": "2026-11-30T08:15:00Z",
        "runs": [run("2026-11-27T09:00:00.000+00:00", outcome="interrupted"), run()],
        "verified": verified(cells, lost),
        "counts": cells,
        "covered": [Covered("events", "2022-03-01T00", "2022-10-01T00"),
                    Covered("events", "2022-10-02T06", "2023-04-05T00")],
        "gaps": [Covered("events", "2022-10-01T00", "2022-10-02T06")],
        "letters": {"no_identity": 11_000},
        "settings": {"host": "https://eu.i.posthog.com", "exclude_events": '["Heartbeat"]'},
        **changed,
    }  # fmt: skip
    return Evidence(**given)
