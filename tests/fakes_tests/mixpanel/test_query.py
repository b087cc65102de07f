"""Reports and the raw export: what is answered of what is held, and what is refused."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
import requests

from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.mixpanel.query import EVENTS, EXPORT

NOW = datetime(2026, 1, 10, 3, tzinfo=timezone.utc)  # still 9 January in Los Angeles
ACCOUNT = ("importer.1a2b3c.mp-service-account", "mixpanel-secret")


@pytest.fixture
def mixpanel():
    with FakeMixpanel(now=lambda: NOW) as server:
        for number, (day, hour) in enumerate(((8, 12), (8, 12), (9, 2))):
            moment = datetime(2026, 1, day, hour, tzinfo=timezone.utc)
            server.plant("Play", int(moment.timestamp()) * 1_000, insert_id=f"{number // 2}")
        yield server


def get(server, path, first, last, **more):
    query = {"project_id": "2195193", "from_date": first, "to_date": last, **more}
    return requests.get(server.url + path, query, auth=ACCOUNT, timeout=10)


def report(server, first="2026-01-07", last="2026-01-09", **more):
    asked = {"event": json.dumps(["Play", "Stop"]), "type": "general", "unit": "day", **more}
    return get(server, EVENTS, first, last, **asked)


def test_a_report_counts_events_once_by_day_of_the_project(mixpanel):
    assert report(mixpanel).json()["data"]["values"] == {"Play": {"2026-01-08": 1, "2026-01-09": 1}}
    mixpanel.queries.zone = "America/Los_Angeles"
    assert report(mixpanel).json()["data"]["values"] == {"Play": {"2026-01-08": 2}}


def test_an_export_has_rows_as_often_as_they_came_by_day_of_utc(mixpanel):
    mixpanel.queries.zone = "America/Los_Angeles"
    lines = get(mixpanel, EXPORT, "2026-01-08", "2026-01-08").text.splitlines()
    assert [json.loads(line)["properties"]["$insert_id"] for line in lines] == ["0", "0"]


@pytest.mark.parametrize("ask", [report, lambda *days: get(days[0], EXPORT, *days[1:])])
def test_a_day_that_has_not_begun_in_the_project_is_refused(mixpanel, ask):
    assert ask(mixpanel, "2026-01-10", "2026-01-10").status_code == 200
    mixpanel.queries.zone = "America/Los_Angeles"
    refused = ask(mixpanel, "2026-01-10", "2026-01-10")
    assert refused.status_code == 400
    assert "to_date cannot be later than today" in refused.text


def test_a_plan_without_queries_still_exports(mixpanel):
    mixpanel.queries.plan = "free"
    assert report(mixpanel).status_code == 402
    assert get(mixpanel, EXPORT, "2026-01-08", "2026-01-09").status_code == 200


def test_the_plan_s_history_and_the_hour_are_limits(mixpanel):
    mixpanel.queries.history = 1
    assert "Date range exceeds 1 days into the past" in report(mixpanel).text
    mixpanel.queries.history = None
    found = [report(mixpanel) for _ in range(60)]
    assert found[0].status_code == 200
    assert found[-1].status_code == 429
    assert "61/60 queries running in the last hour" in found[-1].text
