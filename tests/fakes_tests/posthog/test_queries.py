"""The stand-in's query endpoint: HogQL by a real parser, PostHog's limits and refusals."""

from __future__ import annotations

import orjson
import pytest
import requests

from tests.fakes.posthog import FakePostHog

COUNT = "select count() from events limit 10"


def ask(fake: FakePostHog, query: str, *, key: str | None = None, **more):
    values, modifiers = more.pop("values", {}), more.pop("modifiers", {})
    document = {
        "query": {"kind": "HogQLQuery", "query": query, "values": values, "modifiers": modifiers},
        **more,
    }
    return requests.post(
        f"{fake.url}/api/projects/{fake.queries.project_id}/query/",
        data=orjson.dumps(document),
        headers={"Authorization": f"Bearer {key or fake.queries.personal_key}"},
        timeout=30,
    )


def rows(fake: FakePostHog, query: str, **more):
    answer = ask(fake, query, refresh="force_blocking", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


@pytest.fixture
def fake():
    with FakePostHog() as fake:
        for number in range(150):
            uuid = f"00000000-0000-4000-8000-{number:012}"
            lib = "target-posthog" if number % 3 else None
            fake.plant(
                f"e{number % 5}", f"2024-03-{1 + number % 2:02}T23:30:00Z", uuid=uuid, lib=lib
            )
        yield fake


def test_groups_counts_and_order(fake):
    assert rows(fake, "select event, count() n from events group by event order by event desc")[
        0
    ] == ["e4", 30]
    found = rows(
        fake, "select toDate(timestamp) as d, count() as n from events group by d order by d"
    )
    assert found == [["2024-03-01", 75], ["2024-03-02", 75]]
    assert rows(fake, "select count(), count(distinct event) from events") == [[150, 5]]
    assert rows(fake, "select countIf(event = 'e1') from events") == [[30]]
    assert rows(fake, "select min(event), max(event) from events") == [["e0", "e4"]]


def test_without_a_limit_there_are_a_hundred_rows(fake):
    assert len(rows(fake, "select uuid from events")) == 100
    assert len(rows(fake, "select uuid from events limit 140")) == 140


def test_what_is_null_equals_nothing(fake):
    ours = rows(fake, "select count() from events where properties.$lib = 'target-posthog'")
    not_ours = rows(fake, "select count() from events where properties.$lib != 'target-posthog'")
    unnamed = rows(fake, "select count() from events where properties.$lib is null")
    assert (ours, not_ours, unnamed) == ([[100]], [[0]], [[50]])


def test_times_are_those_of_the_project_unless_a_modifier_says_otherwise(fake):
    fake.queries.zone = "Asia/Kolkata"
    query = "select count() from events where timestamp >= {day}"
    values = {"day": "2024-03-03 00:00:00"}
    assert rows(fake, query, values=values) == [[75]]
    utc = {"convertToProjectTimezone": False}
    assert rows(fake, query, values=values, modifiers=utc) == [[0]]


def test_answers_are_cached_unless_they_are_forced(fake):
    assert ask(fake, COUNT).json()["results"] == [[150]]
    fake.lose(lambda each: each["event"] == "e1")
    cached = ask(fake, COUNT).json()
    assert (cached["results"], cached["is_cached"]) == ([[150]], True)
    assert rows(fake, COUNT) == [[120]]


@pytest.mark.parametrize(
    "query",
    [
        "select",
        "select count() from nowhere",
        "select nothing from events",
        "select event, count() from events group by uuid",
        "select sleep(3) from events",
        "select count() from events where timestamp > {day}",
        "select count() from events where timestamp > 'yesterday'",
        "select count() from events; drop table events",
        "select count() from events limit many",
    ],
)
def test_what_is_no_hogql_is_400(fake, query):
    assert ask(fake, query).status_code == 400


def test_refusals_have_the_shape_of_posthog(fake):
    answers = [ask(fake, COUNT, key="phx_other")]
    fake.queries.scopes = ()
    answers.append(ask(fake, COUNT))
    fake.queries.scopes, fake.queries.plan = ("query:read",), "over"
    answers.append(ask(fake, COUNT))
    assert [each.status_code for each in answers] == [401, 403, 402]
    assert [each.json()["code"] for each in answers] == [
        "authentication_failed",
        "permission_denied",
        "quota_limit_exceeded",
    ]
    assert "query:read" in answers[1].json()["detail"]


def test_unknown_fields_and_other_kinds_are_400(fake):
    assert ask(fake, COUNT, limit=3).status_code == 400
    assert ask(fake, COUNT, refresh="now").status_code == 400
