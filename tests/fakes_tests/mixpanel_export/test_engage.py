from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
import requests

from tests.fakes.http.server import Reply, Stall
from tests.fakes.mixpanel_export import PATH, FakeMixpanelExport, Habits, Limits, Profile
from tests.fakes.mixpanel_export.engage import PATHS
from tests.fakes.mixpanel_export.quota import UNLIMITED

ACCOUNT = ("exporter.1a2b3c.mp-service-account", "mixpanel-secret")
PROJECT = {"project_id": "2195193"}
NOON = datetime(2024, 3, 10, 12, tzinfo=timezone.utc)
QUERY, LEGACY = PATHS
PROFILES = [Profile(f"user-{n}", {"n": n, "$name": f"User {n}"}) for n in range(25)]


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def project(profiles=PROFILES, **settings) -> FakeMixpanelExport:
    settings.setdefault("query_limits", UNLIMITED)
    settings.setdefault("habits", Habits(page_size=10))
    return FakeMixpanelExport([], profiles=profiles, now=lambda: NOON, **settings)


def engage(server, *, auth=ACCOUNT, query=PROJECT, **asked) -> requests.Response:
    return requests.post(server.url + QUERY, params=query, data=asked, auth=auth, timeout=10)


def all_pages(server, **asked) -> list[dict]:
    """Page 0, then pages of its session up to one that is not full."""
    pages = [engage(server, **asked).json()]
    while len(pages[-1]["results"]) == pages[-1]["page_size"]:
        session = {"session_id": pages[-1]["session_id"], "page": len(pages)}
        pages.append(engage(server, **asked, **session).json())
    return pages


def ids(pages: list[dict]) -> list:
    return [result["$distinct_id"] for page in pages for result in page["results"]]


# Pages --------------------------------------------------------------------------------------


def test_pages_of_a_session_hold_everyone_once():
    with project() as mixpanel:
        pages = all_pages(mixpanel)
    assert [len(page["results"]) for page in pages] == [10, 10, 5]
    assert sorted(ids(pages)) == sorted(f"user-{n}" for n in range(25))
    assert [page["page"] for page in pages] == [0, 1, 2]
    assert {page["page_size"] for page in pages} == {10}
    assert {page["status"] for page in pages} == {"ok"}
    assert len({page["session_id"] for page in pages}) == 1


def test_a_full_last_page_is_followed_by_an_empty_one():
    with project(PROFILES[:20]) as mixpanel:
        assert [len(page["results"]) for page in all_pages(mixpanel)] == [10, 10, 0]


def test_the_total_comes_on_page_0_only_unless_told():
    with project() as mixpanel:
        assert [page.get("total") for page in all_pages(mixpanel)] == [25, None, None]
    with project(habits=Habits(page_size=10, total_on_every_page=True)) as mixpanel:
        assert [page.get("total") for page in all_pages(mixpanel)] == [25, 25, 25]


@pytest.mark.parametrize(
    ("most", "asked", "size"), [(40_000, 7, 7), (8, 20, 8), (None, 20, 10), (40_000, 0, 1)]
)
def test_a_page_size_is_honoured_or_not(most, asked, size):
    with project(habits=Habits(page_size=10, most=most)) as mixpanel:
        page = engage(mixpanel, page_size=asked).json()
    assert (page["page_size"], len(page["results"])) == (size, size)


def test_the_default_page_holds_a_thousand():
    with project([Profile(str(n)) for n in range(1_001)], habits=Habits()) as mixpanel:
        assert [len(page["results"]) for page in all_pages(mixpanel)] == [1_000, 1]


def test_a_session_freezes_its_result():
    with project() as mixpanel:
        first = engage(mixpanel).json()
        mixpanel.engage.profiles[:] = []
        second = engage(mixpanel, session_id=first["session_id"], page=1).json()
        fresh = engage(mixpanel).json()
    assert len(second["results"]) == 10
    assert (fresh["total"], fresh["results"]) == (0, [])


def test_the_order_differs_from_query_to_query():
    with project() as mixpanel:
        assert ids(all_pages(mixpanel)) != ids(all_pages(mixpanel))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"page": 1}, "must have session_id when requesting page > 0"),
        ({"page": 1, "session_id": "1234567890-EXAMPL"}, "unknown session_id"),
        ({"page": "one"}, "page is no number"),
        ({"page": "-1"}, "page is no number"),
        ({"output_properties": "n"}, "output_properties is no JSON array"),
        ({"where": "properties["}, "error in where"),
        ({"data_group_id": "7"}, "invalid data_group_id"),
        ({"filter_by_cohort": '{"id":1}'}, "invalid filter_by_cohort"),
        ({"distinct_ids": json.dumps(["x"] * 2_001)}, "too many distinct_ids"),
        ({"behaviors": "[]"}, "unknown parameter behaviors"),
    ],
)
def test_what_makes_no_sense_is_a_400_in_json(asked, error):
    with project() as mixpanel:
        reply = engage(mixpanel, **asked)
    assert reply.status_code == 400
    assert reply.json()["request"] == QUERY
    assert error in reply.json()["error"]


def test_a_session_ends_and_keeps_its_query():
    with project() as mixpanel:
        session = engage(mixpanel).json()["session_id"]
        other = engage(mixpanel, session_id=session, page=1, output_properties='["n"]')
        mixpanel.engage.forget_sessions()
        lost = engage(mixpanel, session_id=session, page=1)
    assert (other.status_code, lost.status_code) == (400, 400)


# What is found ------------------------------------------------------------------------------


def test_a_profile_is_its_id_and_its_properties():
    with project(
        [Profile("ann", {"$email": "a@example.com", "list": [1, {"x": None}]})]
    ) as mixpanel:
        (result,) = engage(mixpanel).json()["results"]
    assert result == {
        "$distinct_id": "ann",
        "$properties": {"$email": "a@example.com", "list": [1, {"x": None}]},
    }


def test_an_id_may_be_a_number_of_any_length():
    with project([Profile(7), Profile(12345678901234567890123)]) as mixpanel:
        reply = engage(mixpanel)
    assert sorted(ids([reply.json()])) == [7, 12345678901234567890123]
    assert '"$distinct_id":12345678901234567890123' in reply.text


def test_properties_are_chosen_by_name():
    with project() as mixpanel:
        results = engage(mixpanel, output_properties='["n"]').json()["results"]
    assert {tuple(result["$properties"]) for result in results} == {("n",)}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"distinct_id": "user-3"}, ["user-3"]),
        ({"distinct_ids": '["user-3","user-4","nobody"]'}, ["user-3", "user-4"]),
        ({"where": 'properties["n"]>22'}, ["user-23", "user-24"]),
        (
            {"where": '"User 1" in properties["$name"] and not properties["n"]>10'},
            ["user-1", "user-10"],
        ),
    ],
)
def test_profiles_are_found_by_ids_and_conditions(asked, found):
    with project() as mixpanel:
        assert sorted(ids([engage(mixpanel, **asked).json()])) == found


def test_two_thousand_ids_may_be_asked_for():
    with project() as mixpanel:
        ids_asked = json.dumps(["user-3"] * 2_000)
        assert ids([engage(mixpanel, distinct_ids=ids_asked).json()]) == ["user-3"]


def test_last_seen_compares_as_text():
    seen = ["2024-01-01T00:00:00", "2024-02-01T10:00:00", None]
    profiles = [Profile(str(n), {"$last_seen": day} if day else {}) for n, day in enumerate(seen)]
    with project(profiles) as mixpanel:
        page = engage(mixpanel, where='properties["$last_seen"]>="2024-02-01T00:00:00"').json()
    assert ids([page]) == ["1"]


def test_groups_are_asked_for_by_their_id():
    groups = {"-1234567890123456789": [Profile("acme", {"plan": "pro"})], "9": []}
    with project(group_profiles=groups) as mixpanel:
        page = engage(mixpanel, data_group_id="-1234567890123456789").json()
        empty = engage(mixpanel, data_group_id="9").json()
    assert page["results"] == [{"$distinct_id": "acme", "$properties": {"plan": "pro"}}]
    assert empty["results"] == []


def test_a_cohort_has_members_without_a_profile_unless_told():
    with project(cohorts={5: ["user-1", "nobody"]}) as mixpanel:
        everyone = engage(mixpanel, filter_by_cohort='{"id":5}').json()
        known = engage(mixpanel, filter_by_cohort='{"id":5}', include_all_users="false").json()
    assert sorted(ids([everyone])) == ["nobody", "user-1"]
    assert ids([known]) == ["user-1"]


def test_the_older_address_takes_a_query():
    with project() as mixpanel:
        get = requests.get(mixpanel.url + LEGACY, params=PROJECT, auth=ACCOUNT, timeout=10)
        post = requests.post(mixpanel.url + LEGACY, params=PROJECT, auth=ACCOUNT, timeout=10)
        new = requests.get(mixpanel.url + QUERY, params=PROJECT, auth=ACCOUNT, timeout=10)
    assert [reply.status_code for reply in (get, post, new)] == [200, 200, 405]


def test_a_body_is_a_form_and_parameters_are_in_it():
    with project() as mixpanel:
        as_json = requests.post(
            mixpanel.url + QUERY, params=PROJECT, json={"page": 0}, auth=ACCOUNT, timeout=10
        )
        in_query = engage(mixpanel, query={**PROJECT, "page": "0"})
    assert (as_json.status_code, in_query.status_code) == (400, 400)


# Access and quotas --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "asked", "status", "error"),
    [
        ({}, {"auth": None}, 401, "Invalid"),
        ({}, {"query": {}}, 401, "Invalid"),
        ({}, {"query": {"project_id": "1"}}, 403, "no access"),
        (
            {"project_region": "eu"},
            {},
            400,
            "request failed with error: invalid project id for cluster.",
        ),
        ({"plan": "free"}, {}, 402, "Your plan does not allow API calls"),
    ],
)
def test_who_is_not_let_in_is_told_in_json(settings, asked, status, error):
    with project(**settings) as mixpanel:
        reply = engage(mixpanel, **asked)
    assert reply.status_code == status
    assert error in reply.json()["error"]


def test_the_wrong_region_may_show_a_page():
    with project(project_region="eu", lost_project="page") as mixpanel:
        assert "<html>" in engage(mixpanel).text


def test_a_plan_without_queries_still_exports():
    days = {**PROJECT, "from_date": "2024-03-01", "to_date": "2024-03-01"}
    with project(plan="free") as mixpanel:
        assert requests.get(mixpanel.url + PATH, params=days, auth=ACCOUNT, timeout=10).ok


@pytest.mark.parametrize(("pages_count", "statuses"), [(True, [200, 429]), (False, [200, 200])])
def test_later_pages_count_or_not(pages_count, statuses):
    habits = Habits(page_size=10, pages_count=pages_count)
    with project(query_limits=Limits(1, None, None), clock=Clock(), habits=habits) as mixpanel:
        first = engage(mixpanel)
        second = engage(mixpanel, session_id=first.json()["session_id"], page=1)
        third = engage(mixpanel)
    assert [first.status_code, second.status_code] == statuses
    assert (third.status_code, third.headers["Retry-After"]) == (429, "3601")
    assert third.json()["error"] == (
        "Query rate limit exceeded for project_id: 2195193. 1/5 queries running concurrently and "
        "2/60 queries running in the last hour."
    )


def test_queries_and_exports_count_apart():
    days = {**PROJECT, "from_date": "2024-03-01", "to_date": "2024-03-01"}
    limit = Limits(1, None, None)
    with project(query_limits=limit, limits=limit, clock=Clock()) as mixpanel:
        assert engage(mixpanel).status_code == 200
        assert requests.get(mixpanel.url + PATH, params=days, auth=ACCOUNT, timeout=10).ok
        assert engage(mixpanel).status_code == 429


def test_five_queries_run_at_once():
    with project(query_limits=Limits(None, None, 1)) as mixpanel:
        mixpanel.misbehave(Stall(30))
        first = requests.post(
            mixpanel.url + QUERY, params=PROJECT, auth=ACCOUNT, stream=True, timeout=10
        )
        refused = engage(mixpanel)
        first.close()
    assert refused.status_code == 429
    assert "2/5 queries running concurrently" in refused.json()["error"]


def test_a_page_goes_wrong_on_command():
    with project() as mixpanel:
        mixpanel.misbehave(Reply(503), when=lambda exchange: exchange.number == 2)
        session = engage(mixpanel).json()["session_id"]
        statuses = [engage(mixpanel, session_id=session, page=1).status_code for _ in range(2)]
    assert statuses == [503, 200]
