"""The demonstration notices what does not add up, and reaches the stand-ins only."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo import __main__ as demo
from demo import balance, bundle, mixpanel, pipeline, posthog, summary
from demo.destination import Outcome
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.posthog import FakePostHog
from tools import definitions

TRUTH = Company(events=1_500).truth()


def all_arrived() -> balance.Arrived:
    """What the stand-in would hold after a perfect run."""
    return balance.Arrived(
        names=Counter({"$pageview": len(TRUTH.events), "$create_alias": TRUTH.links}),
        ids=Counter(TRUTH.events),
        people=dict(TRUTH.people),
        profiles=len(TRUTH.users) + len(TRUTH.anonymous),
        links=TRUTH.links,
        refused_merges=0,
        groups=TRUTH.linked_groups,
        sessions=len(TRUTH.sessions),
    )


def report_of(**changes: Any) -> dict[str, Any]:
    """The report of a perfect run, but for the changes."""
    dead = Counter(TRUTH.dead.values())
    stream = {
        "read": TRUTH.lines,
        "delivered": TRUTH.lines - dead.total() - 2,
        "skipped": {"superseded": 2},
        "dead": dict(dead),
    }
    return {
        "streams": {"events": {**stream, **changes}},
        "examples": {"identity_conflict": [str(pair) for pair in TRUTH.conflicts]},
        "endpoints": {"/batch/": {"delivered": 1_400, "dead": {}, "requests": 8}},
        "notes": {"clock_fallback": 3},
        "seconds": 1.5,
        "events_per_second": 1_000.0,
    }


def failing(arrived: balance.Arrived, report: dict[str, Any] | None = None) -> list[str]:
    results = balance.checks(arrived, report or report_of(), TRUTH)
    return [check.what for check in results if not check.holds]


def one_lost(ids: Counter[str]) -> Counter[str]:
    return ids - Counter(sorted(ids)[:1])


def one_twice(ids: Counter[str]) -> Counter[str]:
    return ids + Counter(sorted(ids)[:1])


def behind(people: dict[str, Any]) -> dict[str, Any]:
    user = max(people)
    return {**people, user: {**people[user], "login_count": -1}}


def test_a_perfect_run_adds_up():
    assert failing(all_arrived()) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ids": one_lost(all_arrived().ids)}, "events missing"),
        ({"ids": one_twice(all_arrived().ids)}, "events that arrived twice"),
        ({"ids": all_arrived().ids + Counter(["x"])}, "events that nobody sent"),
        ({"links": TRUTH.links - 1}, "identity links"),
        ({"refused_merges": 1}, "links PostHog would refuse"),
        ({"profiles": 3}, "person profiles"),
        ({"people": behind(all_arrived().people)}, "people whose newest properties are missing"),
        ({"people": {}}, "people whose newest properties are missing"),
        ({"groups": {}}, "groups"),
        ({"sessions": 1}, "sessions"),
    ],
)
def test_what_is_wrong_at_the_stand_in_is_noticed(change, what):
    assert failing(replace(all_arrived(), **change)) == [what]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"delivered": 7}, ["delivered + skipped + dead"]),
        ({"skipped": {}}, ["delivered + skipped + dead"]),
        ({"read": 1_499}, ["records read", "delivered + skipped + dead"]),
        ({"dead": {}}, ["delivered + skipped + dead", "dead letters"]),
    ],
)
def test_a_report_that_does_not_add_up_is_noticed(change, wrong):
    assert failing(all_arrived(), report_of(**change)) == wrong


def said(report: dict[str, Any]) -> str:
    arrived = all_arrived()
    figures = posthog.figures(arrived, report, TRUTH)
    outcome = Outcome(arrived.names, figures, balance.checks(arrived, report, TRUTH))
    return "\n".join(summary.lines("PostHog", outcome, report))


def test_a_run_that_read_nothing_is_noticed():
    report = {**report_of(), "streams": {}}
    assert "records read" in failing(all_arrived(), report)
    assert "0 records read = 0 delivered + 0 skipped + 0 dead letters" in said(report)


def test_the_summary_says_what_is_wrong():
    text = said(report_of(delivered=7))
    assert "WRONG  delivered + skipped + dead: found" in text
    assert "It does not add up: 1 of 13 checks failed." in text


def test_the_summary_shows_the_sum_of_the_report():
    text = said(report_of())
    dead = len(TRUTH.dead)
    total = f"1,500 records read = {1_498 - dead:,} delivered + 2 skipped + {dead} dead letters"
    assert total in text
    assert "/batch/: 1,400 sent = 1,400 delivered + 0 refused" in text
    assert "It adds up" in text


def captured(name: str, who: str, number: int, **properties: Any) -> dict[str, Any]:
    return {
        "event": name,
        "distinct_id": who,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "timestamp": f"2024-03-01T00:00:{number:02}Z",
        "properties": properties,
    }


def test_the_stand_in_is_read_as_it_stands():
    """One event of a visitor, the link, one of the user it became, sent twice: one person."""
    batch = [
        captured("Seen", "device", 1, **{"$session_id": "one"}),
        captured("$create_alias", "user", 2, alias="device"),
        captured("Bought", "user", 3, **{"$session_id": "one", "$set": {"plan": "free"}}),
        captured("$groupidentify", "org", 4, **{"$group_type": "company", "$group_key": "org"}),
    ]
    with FakePostHog() as posthog:
        for _ in range(2):
            body = {"api_key": "phc_x", "batch": batch}
            assert requests.post(f"{posthog.url}/batch/", json=body, timeout=9).ok
        arrived = balance.arrived_at(posthog)
    assert arrived.names["Bought"] == arrived.links == arrived.sessions == arrived.profiles == 1
    assert list(arrived.ids.values()) == [2, 2]
    assert arrived.people["user"] == arrived.people["device"] == {"plan": "free"}
    assert arrived.groups == {("company", "org"): {}}


def test_the_settings_of_somebody_else_never_reach_the_demonstration(monkeypatch, tmp_path):
    monkeypatch.setenv("TARGET_POSTHOG_API_KEY", "phc_of_a_real_project")
    monkeypatch.setenv("TARGET_POSTHOG_EXCLUDE_EVENTS", '["*"]')
    monkeypatch.setenv("TARGET_MIXPANEL_SKIP_EXPIRED", "true")
    ours = posthog.PostHog()
    with ours.stand_in:
        found = pipeline.environment(ours.settings(), tmp_path)
    assert found["TARGET_POSTHOG_HOST"] == ours.stand_in.url
    assert found["TARGET_POSTHOG_API_KEY"] == "phc_demo_stand_in"
    assert "TARGET_POSTHOG_EXCLUDE_EVENTS" not in found
    assert "TARGET_MIXPANEL_SKIP_EXPIRED" not in found


@pytest.mark.parametrize("destination", [posthog.PostHog, mixpanel.Mixpanel])
def test_a_destination_where_nothing_arrived_fails_the_demonstration(destination, tmp_path, capsys):
    report = {**report_of(), "streams": {}, "endpoints": {}}
    pipeline.report_path(tmp_path).write_text(json.dumps(report))
    assert demo.show(destination(), tmp_path) == 1
    said = capsys.readouterr().out
    assert f"What arrived at the stand-in for {destination.service}" in said
    assert "WRONG  events missing" in said


def test_a_run_without_a_report_fails_the_demonstration(tmp_path, capsys):
    assert demo.show(posthog.PostHog(), tmp_path) == 1
    assert "nothing was loaded" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["target-posthog", "target-mixpanel"])
def test_the_files_of_a_run_lie_in_its_own_folder(target, tmp_path):
    found = pipeline.file_settings(target, tmp_path)
    assert all(str(tmp_path) in path for path in found.values())
    declared = definitions.properties(target).keys()
    prefix = target.replace("-", "_").upper()
    assert {name.removeprefix(f"{prefix}_").lower() for name in found} <= declared


def test_the_demonstration_asks_for_all_hours_of_the_bundle_and_no_other(tmp_path):
    hours = bundle.read(bundle.BUNDLE)
    with FakeAmplitude({}) as amplitude:
        found = pipeline.tap_settings(amplitude, hours, tmp_path)
        assert found["TAP_AMPLITUDE_BASE_URL"] == amplitude.url
    assert found["TAP_AMPLITUDE_START_DATE"] == "2024-03-01T00:00:00+00:00"
    assert found["TAP_AMPLITUDE_END_DATE"] == "2024-03-04T00:00:00+00:00"


@pytest.mark.parametrize(
    ("member", "hour"),
    [
        ("187520/187520_2024-03-01_9#1.json.gz", "2024-03-01T09"),
        ("187520/187520_2024-03-01_17#627.json.gz", "2024-03-01T17"),
    ],
)
def test_the_hour_is_read_from_the_name_of_a_member(member, hour):
    assert f"{bundle.hour_of(member):%Y-%m-%dT%H}" == hour


def test_a_member_of_another_name_is_no_export():
    with pytest.raises(ValueError, match=r"readme\.txt is not named as the members"):
        bundle.hour_of("readme.txt")


def test_a_bundle_is_read_as_it_was_written(tmp_path):
    hours = Company(events=700, hours=5).hours()
    bundle.write(tmp_path / "export.zip", hours)
    assert bundle.read(tmp_path / "export.zip") == hours
