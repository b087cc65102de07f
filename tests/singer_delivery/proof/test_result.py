"""The result as it is kept, and as people read it."""

from __future__ import annotations

from dataclasses import replace

from singer_delivery.proof.again import Way
from singer_delivery.proof.counting import NotAsked
from singer_delivery.proof.result import Asked, not_asked, result_of, table

from tests.singer_delivery.proof.test_verify import verified
from tests.singer_delivery.proof.toy_counting import DAY, events

ASKED = Asked("Toy", "project 1", "2026-11-30T02:00:00Z", "UTC.", 7)
HOUR = DAY * 24 + 9
KEYS = {
    *("verdict", "destination", "asked_at", "since", "until", "time_zone", "requests"),
    *("days", "names", "cells", "missing", "others", "people", "groups", "reasons"),
}


def result(sent, *readings, **more):
    outcome, _, _, _ = verified(sent, *readings, **more)
    return result_of(outcome, ASKED, Way("target-toy", ["t.json"], "tap-toy"), both_ways=False)


def test_what_is_kept():
    sent = [*events(3, hour=HOUR), *events(1, name="stop", day=DAY + 1)]
    kept = result(sent, sent[1:])
    assert kept.keys() == KEYS == not_asked(ASKED, "No.").keys()
    assert kept["verdict"] == "differs"
    assert kept["destination"] == {"name": "Toy", "project": "project 1"}
    assert (kept["asked_at"], kept["requests"]) == ("2026-11-30T02:00:00Z", 7)
    assert kept["days"] == [
        {"day": "2024-03-17", "sent": 3, "found": 2},
        {"day": "2024-03-18", "sent": 1, "found": 1},
    ]
    assert kept["names"] == [
        {"name": "play", "source_name": "source play", "sent": 3, "found": 2},
        {"name": "stop", "source_name": "source stop", "sent": 1, "found": 1},
    ]
    assert kept["cells"] == [
        {"day": "2024-03-17", "name": "play", "sent": 3, "found": 2, "verdict": "fewer"}
    ]
    assert kept["missing"]["events"] == 1
    assert kept["missing"]["hours"] == ["2024-03-17T09"]
    assert kept["missing"]["command"].startswith("TAP_TOY_START_DATE=2024-03-17T09:00:00Z ")
    assert kept["others"] == [{"name": "foreign", "found": 3}]
    assert (kept["people"], kept["groups"]) == ({"profiles": 2}, {"type 0": 1})
    assert kept["reasons"] == [{"reason": "toys", "sentence": "Toys break."}]


def test_events_of_unknown_hours_are_said_and_no_hour_of_1970_is_named():
    sent = events(2, hour=0)
    kept = result(sent, sent[:1])
    assert kept["missing"] == {"events": 1, "hours": [], "command": ""}
    assert "unknown_hours" in [each["reason"] for each in kept["reasons"]]


def test_twenty_lines_and_the_worst_first():
    sent = [each for n in range(30) for each in events(n + 1, name=f"e{n:02}", hour=HOUR)]
    lines = [*table(result(sent, []))]
    first = next(line for line in lines if line.startswith("2024-03-17"))
    assert first.split() == ["2024-03-17", "e29", "30", "0", "fewer"]
    assert sum(line.startswith("2024-03-17") for line in lines) == 20
    assert "… and 10 more; --json has all." in lines
    assert "465 events are missing, of 1 hour of the source:" in lines


def test_what_could_not_be_asked_is_a_question_mark():
    sent = events(3)
    lines = [*table(result(sent, sent, not_asked=[NotAsked(DAY, DAY, "slow", "Too slow.")]))]
    assert lines[0].startswith("Toy, project 1: Unknown")
    rows = [line.split() for line in lines]
    assert ["events", "3", "?"] in rows
    assert ["days", "1", "?"] in rows
    assert "- Too slow." in lines


def test_where_nothing_could_be_asked_no_number_is_said():
    lines = [*table(not_asked(ASKED, "It was not reached."))]
    assert lines[0] == "Toy, project 1: Unknown: it could not be asked."
    assert "- It was not reached." in lines
    assert not any(line.startswith(("events", "days")) for line in lines)


def test_days_that_were_chosen_are_said():
    sent = events(3)
    outcome, _, _, _ = verified(sent, sent)
    first, last = {"since": "2024-03-01"}, {"until": "2024-03-31"}

    def said(**chosen: str) -> str:
        asked = replace(ASKED, **chosen)
        return [*table(result_of(outcome, asked, Way("target-toy"), both_ways=False))][1]

    assert [said(), said(**first), said(**first, **last), said(**last)] == [
        "",
        "Only days from 2024-03-01 were compared.",
        "Only days from 2024-03-01 to 2024-03-31 were compared.",
        "Only days up to 2024-03-31 were compared.",
    ]


def test_events_of_unknown_hours_have_no_list_of_hours():
    sent = events(2, hour=0)
    lines = [*table(result(sent, sent[:1]))]
    place = lines.index("1 event is missing.")
    assert lines[place + 1] == ""
