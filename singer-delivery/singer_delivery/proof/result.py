"""The result of a comparison: as JSON, which is kept, and as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from singer_delivery.progress.words import aligned, shortened
from singer_delivery.proof.again import Way, command, written
from singer_delivery.proof.comparing import Line
from singer_delivery.proof.counting import day_of
from singer_delivery.proof.verify import Outcome, verdict_of

MOST_LINES = 20
"""Of days and names that differ, in the table; the JSON has all."""


@dataclass(frozen=True)
class Asked:
    """What was asked of whom.

    Attributes:
        destination: its name.
        project: which of its projects.
        asked_at: when, as `2024-03-17T09:00:00Z`.
        time_zone: how days were brought together.
        requests: how many were sent.
        since: first day that is compared, such as `2024-03-17`; None for all.
        until: last day, included; None for all.
    """

    destination: str
    project: str
    asked_at: str
    time_zone: str
    requests: int
    since: str | None = None
    until: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it stands in a result."""
        return {
            "destination": {"name": self.destination, "project": self.project},
            "asked_at": self.asked_at,
            "since": self.since,
            "until": self.until,
            "time_zone": self.time_zone,
            "requests": self.requests,
        }


def result_of(outcome: Outcome, asked: Asked, way: Way, *, both_ways: bool) -> dict[str, Any]:
    """Return the result as it is kept; a `found` of null could not be asked."""
    comparison, missing = outcome.comparison, outcome.missing
    hours = sorted(hour for hour in missing.hours if hour)  # 0 stands for one that nobody knows
    sources: dict[str, set[str]] = {}
    for each in outcome.sent:
        sources.setdefault(each.name, set()).add(each.source_name)
    return {
        "verdict": verdict_of(outcome, both_ways=both_ways),
        **asked.as_dict(),
        "days": [
            {"day": str(day_of(day)), "sent": sent, "found": found}
            for day, (sent, found) in comparison.days.items()
        ],
        "names": [
            {
                "name": name,
                "source_name": ", ".join(sorted(sources.get(name, ()))),
                "sent": sent,
                "found": found,
            }
            for name, (sent, found) in comparison.names.items()
        ],
        "cells": [_cell(each) for each in comparison.cells],
        "missing": {
            "events": missing.events,
            "hours": [written(hour) for hour in hours],
            "command": command(hours, way),
        },
        "others": [
            {"name": name, "found": found}
            for name, found in sorted(outcome.others.items(), key=lambda each: -each[1])
        ],
        "people": dict(outcome.people),
        "groups": dict(outcome.groups),
        "reasons": [{"reason": each.reason, "sentence": each.sentence} for each in outcome.reasons],
    }


def _cell(line: Line) -> dict[str, Any]:
    return {
        "day": None if line.day is None else str(day_of(line.day)),
        "name": line.name,
        "sent": line.sent,
        "found": line.found,
        "verdict": line.verdict,
    }


def not_asked(asked: Asked, sentence: str) -> dict[str, Any]:
    """Return the result of a comparison that could not be made; the sentence says why."""
    return {
        "verdict": "unknown",
        **asked.as_dict(),
        "days": [],
        "names": [],
        "cells": [],
        "missing": {"events": 0, "hours": [], "command": ""},
        "others": [],
        "people": {},
        "groups": {},
        "reasons": [{"reason": "not_asked", "sentence": sentence}],
    }


# For people -----------------------------------------------------------------------------------

VERDICTS = {
    "equal": "Equal: all that was accepted is there.",
    "differs": "It differs.",
    "unknown": "Unknown: not all could be asked, and nothing lacks of what was.",
}
NOT_ASKED = "Unknown: it could not be asked."


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that people read."""
    destination = result["destination"]
    said = VERDICTS[result["verdict"]] if result["days"] else NOT_ASKED
    yield f"{destination['name']}, {destination['project']}: {said}"
    if span_of(result):
        yield f"Only days {span_of(result)} were compared."
    if result["days"]:
        yield ""
        yield from aligned([("", "sent", "found"), *_totals(result)])
    yield from _differing(result["cells"])
    yield from _missing(result["missing"])
    yield from _others(result["others"])
    if result["reasons"]:
        yield from ("", "To know:")
        yield from (f"- {each['sentence']}" for each in result["reasons"])
    yield from ("", f"Days: {result['time_zone']} Asked with {result['requests']:,} requests.")


def span_of(result: Mapping[str, Any]) -> str:
    """Say which days were chosen of those in the books; empty for all."""
    since, until = result.get("since"), result.get("until")
    if since:
        return f"from {since} to {until}" if until else f"from {since}"
    return f"up to {until}" if until else ""


def _totals(result: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    yield _total("events", result["names"], lambda count: count)
    yield _total("days", result["days"], lambda count: int(count > 0))
    for what, counts in (("people", result["people"]), ("groups", result["groups"])):
        for kind, found in counts.items():
            yield f"{what}: {kind}", "", number(found)


def _total(
    what: str, rows: Sequence[Mapping[str, Any]], counted: Callable[[int], int]
) -> Sequence[str]:
    sent = sum(counted(each["sent"]) for each in rows)
    is_asked = all(each["found"] is not None for each in rows)
    found = sum(counted(each["found"]) for each in rows) if is_asked else None
    return what, number(sent), number(found)


def _differing(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not cells:
        return
    order = {"fewer": 0, "not asked": 1, "more": 2}
    ranked = sorted(cells, key=lambda e: (order[e["verdict"]], -abs(e["sent"] - (e["found"] or 0))))
    yield ""
    rows = [
        (
            e["day"] or "all days",
            shortened(e["name"]),
            f"{e['sent']:,}",
            number(e["found"]),
            e["verdict"],
        )
        for e in ranked[:MOST_LINES]
    ]
    yield from aligned([("day", "name", "sent", "found", ""), *rows], texts=(0, 1, 4))
    if len(cells) > MOST_LINES:
        yield f"… and {len(cells) - MOST_LINES:,} more; --json has all."


def _missing(missing: Mapping[str, Any]) -> Iterator[str]:
    hours = missing["hours"]
    if missing["events"]:
        what = "1 event is" if missing["events"] == 1 else f"{missing['events']:,} events are"
        of = "1 hour" if len(hours) == 1 else f"{len(hours):,} hours"
        yield from ("", f"{what} missing, of {of} of the source:" if hours else f"{what} missing.")
    if hours:
        yield "  " + " ".join(hours[:MOST_LINES]) + (" …" if len(hours) > MOST_LINES else "")
        yield "Send them again; what is there already stays as it is:"
        yield from (f"  {line}" for line in missing["command"].splitlines())


def _others(others: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if others:
        named = ", ".join(f"{shortened(e['name'])} {e['found']:,}" for e in others[:5])
        events = sum(each["found"] for each in others)
        more = f" and {len(others) - 5:,} more names" if len(others) > 5 else ""
        yield from ("", f"Not ours, and not compared: {events:,} events ({named}{more}).")


def number(value: int | None) -> str:
    """Return a number for people; `?` for one that nobody could say."""
    return "?" if value is None else f"{value:,}"
