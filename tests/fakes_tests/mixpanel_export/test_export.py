from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest
import requests

from tests.fakes.mixpanel_export import PATH, FakeMixpanelExport
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.fakes.mixpanel_export.rows import ABSENT, Row

ACCOUNT = ("exporter.1a2b3c.mp-service-account", "mixpanel-secret")
PROJECT = {"project_id": "2195193"}
NOON = datetime(2024, 3, 10, 12, tzinfo=timezone.utc)
HOUR = 3_600_000


def at(*moment: int) -> int:
    """Milliseconds of a moment of UTC."""
    return round(datetime(*moment, tzinfo=timezone.utc).timestamp() * 1_000)


def row(n: int, *moment: int, **more) -> Row:
    properties = {"distinct_id": f"user-{n}", "$insert_id": f"i{n}", "n": n}
    return Row("Paid", at(*moment), properties, **more)


ROWS = [
    row(1, 2024, 3, 1, 9),
    row(2, 2024, 3, 1, 23, 59, 59),
    row(3, 2024, 3, 2),
    row(4, 2024, 3, 4),
]


def project(rows=ROWS, **settings) -> FakeMixpanelExport:
    settings.setdefault("now", lambda: NOON)
    settings.setdefault("limits", UNLIMITED)
    return FakeMixpanelExport(rows, **settings)


def export(server, first="2024-03-01", last="2024-03-02", *, auth=ACCOUNT, gzipped=True, **query):
    reply = requests.get(
        server.url + PATH,
        params={**PROJECT, "from_date": first, "to_date": last, **query},
        headers={"Accept-Encoding": "gzip" if gzipped else "identity"},
        auth=auth,
        timeout=10,
        stream=True,
    )
    reply.raw_body = reply.raw.read(decode_content=False)
    packed = reply.headers.get("Content-Encoding") == "gzip"
    reply.body = gzip.decompress(reply.raw_body) if packed else reply.raw_body
    return reply


def numbers(reply) -> list[int]:
    return [json.loads(line)["properties"]["n"] for line in reply.body.splitlines()]


# Rows ---------------------------------------------------------------------------------------


def test_both_days_are_included():
    with project() as mixpanel:
        assert sorted(numbers(export(mixpanel))) == [1, 2, 3]
        assert sorted(numbers(export(mixpanel, "2024-03-02", "2024-03-04"))) == [3, 4]


def test_days_begin_with_the_year_2000():
    with project() as mixpanel:
        assert export(mixpanel, "2000-01-01").status_code == 200


def test_an_empty_day_is_no_bytes():
    with project() as mixpanel:
        reply = export(mixpanel, "2024-03-03", "2024-03-03")
    assert (reply.status_code, reply.body) == (200, b"")


def test_a_row_has_time_and_id_first_and_the_rest_in_the_order_of_bytes():
    properties = {"b": 1, "$a": 2, "Z": 3, "distinct_id": "ann", "zz": "\u2028", "null": None}
    with project([Row("Paid", at(2024, 3, 1, 9), properties)]) as mixpanel:
        reply = export(mixpanel)
    assert reply.body.decode() == (
        '{"event":"Paid","properties":{"time":1709283600,"distinct_id":"ann","$a":2,"Z":3,"b":1,'
        '"null":null,"zz":"\u2028"}}\n'
    )
    assert reply.headers["Content-Type"] == "text/plain"
    assert "Content-Length" not in reply.headers


@pytest.mark.parametrize(
    ("asked", "time"), [({}, 1709283600), ({"time_in_ms": "true"}, 1709283600123)]
)
def test_time_is_in_seconds_unless_milliseconds_are_asked_for(asked, time):
    with project([Row("Paid", at(2024, 3, 1, 9) + 123)]) as mixpanel:
        line = json.loads(export(mixpanel, **asked).body)
    assert line["properties"] == {"time": time}


@pytest.mark.parametrize(
    ("spelling", "seconds", "milliseconds"),
    [
        ("float", 1709283600.123, 1709283600123.25),
        ("text", "1709283600", "1709283600123"),
        ("none", None, None),
    ],
)
def test_time_may_be_spelled_otherwise(spelling, seconds, milliseconds):
    with project([Row("Paid", at(2024, 3, 1, 9) + 123, time_as=spelling)]) as mixpanel:
        found = [json.loads(export(mixpanel, time_in_ms=ms).body) for ms in ("false", "true")]
    assert [line["properties"].get("time") for line in found] == [seconds, milliseconds]


def test_what_no_parser_holds_is_written_as_it_is():
    with project(
        [Row("Paid", at(2024, 3, 1, 9), {"a": 1}, extra=b'"big":1e999,"x":NaN')]
    ) as mixpanel:
        body = export(mixpanel).body
    assert body == b'{"event":"Paid","properties":{"time":1709283600,"a":1,"big":1e999,"x":NaN}}\n'


def test_rows_come_in_another_order_each_time():
    rows = [row(n, 2024, 3, 1, 9) for n in range(50)]
    with project(rows) as mixpanel:
        first, second = numbers(export(mixpanel)), numbers(export(mixpanel))
    assert Counter(first) == Counter(second) == Counter(range(50))
    assert first != second
    assert list(range(50)) not in (first, second)


def test_the_order_can_be_kept():
    rows = [row(n, 2024, 3, 1, 9) for n in range(50)]
    with project(rows, stable=True) as mixpanel:
        assert numbers(export(mixpanel)) == list(range(50))


def test_large_bodies_are_compressed_when_asked_and_small_ones_never():
    small, large = [row(1, 2024, 3, 1)], [row(n, 2024, 3, 1) for n in range(30)]
    with project(small) as mixpanel:
        assert "Content-Encoding" not in export(mixpanel).headers
    with project(large) as mixpanel:
        asked, plain = export(mixpanel), export(mixpanel, gzipped=False)
    assert asked.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert Counter(asked.body.splitlines()) == Counter(plain.body.splitlines())


@pytest.mark.parametrize(("length", "packed"), [(1_400, False), (1_401, True)])
def test_a_body_is_compressed_above_1400_bytes(length, packed):
    bare = len(b'{"event":"Paid","properties":{"time":1709283600,"x":""}}\n')
    with project([Row("Paid", at(2024, 3, 1, 9), {"x": "x" * (length - bare)})]) as mixpanel:
        reply = export(mixpanel)
    assert (len(reply.body), "Content-Encoding" in reply.headers) == (length, packed)


# Readings -----------------------------------------------------------------------------------


def test_a_late_row_appears_at_the_second_reading_of_its_day():
    with project([row(1, 2024, 3, 1), row(2, 2024, 3, 1, appears=2)]) as mixpanel:
        assert numbers(export(mixpanel)) == [1]
        assert numbers(export(mixpanel, "2024-03-02", "2024-03-04")) == []
        assert sorted(numbers(export(mixpanel))) == [1, 2]


def test_an_id_changes_from_a_reading_on():
    change = {"distinct_id": "ann", "$distinct_id_before_identity": "user-1", "n": ABSENT}
    with project([row(1, 2024, 3, 1, changes={2: change})]) as mixpanel:
        before, after, still = [json.loads(export(mixpanel).body) for _ in range(3)]
    assert before["properties"]["distinct_id"] == "user-1"
    assert after == still
    assert after["properties"] == {
        "time": at(2024, 3, 1) // 1_000,
        "distinct_id": "ann",
        "$distinct_id_before_identity": "user-1",
        "$insert_id": "i1",
    }


@pytest.mark.parametrize("asked", [{"limit": "5"}, {"event": '["Paid"]'}])
def test_a_part_of_a_day_is_no_reading_of_it(asked):
    with project([row(1, 2024, 3, 1), row(2, 2024, 3, 1, appears=2)]) as mixpanel:
        export(mixpanel, **asked)
        assert numbers(export(mixpanel)) == [1]


def test_published_rows_are_there_from_then_on():
    with project() as mixpanel:
        mixpanel.publish([row(5, 2024, 3, 3)])
        assert numbers(export(mixpanel, "2024-03-03", "2024-03-03")) == [5]


def test_lines_may_be_published_as_they_are():
    line = b'{"event":"Paid","properties":{"time":1709283600123,"n":7}}'
    with project([]) as mixpanel:
        mixpanel.publish_lines(date(2024, 3, 1), [line])
        assert export(mixpanel, time_in_ms="true").body == line + b"\n"
        assert json.loads(export(mixpanel).body)["properties"]["time"] == 1709283600


# The frame of old projects ------------------------------------------------------------------


def old(n: int, *moment: int, zone: str = "US/Pacific") -> Row:
    return row(n, *moment, zone=zone)


def test_an_old_project_writes_the_clock_on_its_wall_as_if_it_were_utc():
    with project([old(1, 2024, 3, 1, 20)], project_timezone="US/Pacific") as mixpanel:
        line = json.loads(export(mixpanel, time_in_ms="true").body)
    assert line["properties"]["time"] == at(2024, 3, 1, 12)


def test_an_old_project_is_cut_by_the_days_of_its_wall():
    with project([old(1, 2024, 3, 2, 7, 59), old(2, 2024, 3, 2, 8)]) as mixpanel:
        assert numbers(export(mixpanel, last="2024-03-01")) == [1]
        assert numbers(export(mixpanel, "2024-03-02")) == [2]


def test_summer_time_is_the_wall_clocks():
    # US/Pacific went from 02:00 to 03:00 on 10 March 2024, at 10:00 UTC.
    rows = [old(1, 2024, 3, 10, 9, 59), old(2, 2024, 3, 10, 10)]
    with project(rows, stable=True) as mixpanel:
        body = export(mixpanel, "2024-03-10", "2024-03-10", time_in_ms="true").body
    times = [json.loads(line)["properties"]["time"] for line in body.splitlines()]
    assert times == [at(2024, 3, 10, 1, 59), at(2024, 3, 10, 3)]


def test_the_repeated_hour_of_autumn_is_written_twice():
    # US/Pacific went from 02:00 to 01:00 on 5 November 2023, at 09:00 UTC.
    rows = [old(1, 2023, 11, 5, 8, 30), old(2, 2023, 11, 5, 9, 30)]
    assert {row.time for row in rows} == {at(2023, 11, 5, 1, 30)}


def test_a_project_may_hold_two_frames():
    rows = [
        old(1, 2024, 3, 1, 20),
        old(2, 2024, 3, 1, 20, zone="Asia/Kolkata"),
        row(3, 2024, 3, 1, 20),
    ]
    assert [row.time for row in rows] == [
        at(2024, 3, 1, 12),
        at(2024, 3, 2, 1, 30),
        at(2024, 3, 1, 20),
    ]


# Access -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "query"),
    [
        (("exporter.1a2b3c.mp-service-account", "wrong"), {}),
        (("wrong", "mixpanel-secret"), {}),
        (None, {}),
        (ACCOUNT, {"project_id": None}),
        (ACCOUNT, {"project_id": ""}),
        (("project-secret", ""), {"project_id": None}),  # none was set
    ],
)
def test_a_wrong_account_is_a_401(auth, query):
    with project() as mixpanel:
        assert export(mixpanel, auth=auth, **query).status_code == 401


def test_a_wrong_account_may_be_a_400():
    with project(refusal=400) as mixpanel:
        reply = export(mixpanel, auth=None)
    assert (reply.status_code, reply.body) == (400, b"Unable to authenticate request")


@pytest.mark.parametrize(
    "header", [None, "Bearer x", "Basic !!", "Basic YTpi!", "Basic bm9jb2xvbg=="]
)
def test_garbled_credentials_are_a_401(header):
    with project() as mixpanel:
        asked = {**PROJECT, "from_date": "2024-03-01", "to_date": "2024-03-02"}
        headers = {"Authorization": header}
        reply = requests.get(mixpanel.url + PATH, params=asked, headers=headers, timeout=10)
    assert reply.status_code == 401


def test_another_scheme_with_the_right_words_is_a_401():
    with project() as mixpanel:
        asked = {**PROJECT, "from_date": "2024-03-01", "to_date": "2024-03-02"}
        words = base64.b64encode(":".join(ACCOUNT).encode()).decode()
        for scheme, status in (("Bearer", 401), ("Basic", 200)):
            headers = {"Authorization": f"{scheme} {words}"}
            reply = requests.get(mixpanel.url + PATH, params=asked, headers=headers, timeout=10)
            assert reply.status_code == status


def test_another_project_is_a_403():
    with project() as mixpanel:
        assert export(mixpanel, project_id="1").status_code == 403


def test_a_project_secret_goes_in_alone():
    with project(project_secret="old-secret") as mixpanel:
        alone = export(mixpanel, auth=("old-secret", ""), project_id=None)
        with_project = export(mixpanel, auth=("old-secret", ""))
        with_password = export(mixpanel, auth=("old-secret", "x"), project_id=None)
    assert [reply.status_code for reply in (alone, with_project, with_password)] == [200, 400, 401]


def test_a_project_is_not_found_in_another_region():
    with project(project_region="eu") as mixpanel:
        reply = export(mixpanel)
    assert (reply.status_code, reply.body) == (
        400,
        b"request failed with error: invalid project id for cluster.",
    )
    with project(region="eu", project_region="eu") as mixpanel:
        assert export(mixpanel).status_code == 200


def test_another_region_may_answer_a_page_behind_a_200():
    with project(project_region="in", lost_project="page") as mixpanel:
        reply = export(mixpanel)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html")


# Parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"from_date": None}, "from_date"),
        ({"to_date": None}, "to_date"),
        ({"from_date": "20240301"}, "from_date"),
        ({"from_date": "2024-3-1"}, "from_date"),
        ({"to_date": "2024-02-30"}, "to_date"),
        ({"from_date": "1999-12-31"}, "Error in from_date: invalid date, bad year"),
        ({"from_date": "2024-03-03"}, "later than to_date"),
        ({"to_date": "2024-03-11"}, "to_date cannot be later than today"),
        ({"event": "Paid"}, "event"),
        ({"event": '{"a":1}'}, "event"),
        ({"event": "[1]"}, "event"),
        ({"limit": "0"}, "limit"),
        ({"limit": "100001"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"time_in_ms": "1"}, "time_in_ms"),
        ({"where": 'properties["n"'}, "where"),
        ({"page": "1"}, "page"),
    ],
)
def test_a_request_that_makes_no_sense_is_a_400_in_plain_text(query, text):
    with project() as mixpanel:
        asked = {**PROJECT, "from_date": "2024-03-01", "to_date": "2024-03-02", **query}
        reply = requests.get(mixpanel.url + PATH, params=asked, auth=ACCOUNT, timeout=10)
    assert reply.status_code == 400
    assert reply.headers["Content-Type"] == "text/plain"
    assert text in reply.text


@pytest.mark.parametrize(
    ("zone", "status"), [("UTC", 400), ("US/Pacific", 400), ("Pacific/Auckland", 200)]
)
def test_today_is_the_projects(zone, status):
    evening = datetime(2024, 3, 10, 20, tzinfo=timezone.utc)
    with project(project_timezone=zone, now=lambda: evening) as mixpanel:
        assert export(mixpanel, last="2024-03-10").status_code == 200
        assert export(mixpanel, last="2024-03-11").status_code == status


def test_only_get_is_allowed_and_other_addresses_are_not_found():
    with project() as mixpanel:
        assert requests.post(mixpanel.url + PATH, timeout=10).status_code == 405
        assert requests.get(mixpanel.url + "/api/3.0/export", timeout=10).status_code == 404


def test_events_are_chosen_by_their_exact_names():
    rows = [Row("Paid", at(2024, 3, 1), {"n": 1}), Row("paid", at(2024, 3, 1), {"n": 2})]
    with project(rows) as mixpanel:
        assert numbers(export(mixpanel, event='["Paid","$identify"]')) == [1]
        assert numbers(export(mixpanel, event="[]")) == []


def test_a_limit_caps_the_rows():
    with project([row(n, 2024, 3, 1) for n in range(50)]) as mixpanel:
        assert len(numbers(export(mixpanel, limit="7"))) == 7


def test_a_day_can_be_cut_by_where():
    rows = [row(n, 2024, 3, 1, n) for n in range(24)]
    parts = [
        f'properties["$time"]>=datetime({at(2024, 3, 1, hour) // 1_000}) '
        f'and properties["$time"]<datetime({at(2024, 3, 1, hour) // 1_000 + 21_600})'
        for hour in (0, 6, 12, 18)
    ]
    with project(rows) as mixpanel:
        found = [sorted(numbers(export(mixpanel, where=part))) for part in parts]
    assert found == [list(range(hour, hour + 6)) for hour in (0, 6, 12, 18)]


def test_a_day_of_an_old_project_is_cut_in_its_frame():
    rows = [old(n, 2024, 3, 1, 8 + n) for n in range(12)]
    where = 'properties["$time"]<datetime("2024-03-01T03:00:00")'
    with project(rows) as mixpanel:
        assert sorted(numbers(export(mixpanel, where=where))) == [0, 1, 2]


# What was asked -----------------------------------------------------------------------------


def test_asked_and_served_tell_what_a_client_did():
    first, second = date(2024, 3, 1), date(2024, 3, 2)
    with project() as mixpanel:
        export(mixpanel)
        export(mixpanel, "2024-03-02")
        export(mixpanel, "2024-03-02", limit="1")
        export(mixpanel, "2024-03-02", auth=None)
        export(mixpanel, "nonsense")
    assert mixpanel.asked == [(first, second)] + [(second, second)] * 3
    assert mixpanel.days_served() == {first: 1, second: 2}
    assert timedelta(days=1) + first == second
