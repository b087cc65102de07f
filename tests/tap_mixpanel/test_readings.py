"""Whole readings of profiles, from a stand-in over HTTP."""

import gzip
import json
import logging
from functools import partial

import pytest
from singer_delivery.io.retry import Clock
from singer_delivery.tap.errors import AccessRefused, ServiceUnavailable
from tap_mixpanel.account import Account
from tap_mixpanel.budget import Budget
from tap_mixpanel.engage import group, person
from tap_mixpanel.query import PlanLacksQueries, QueryClient
from tap_mixpanel.readings import NO_PROFILE, ProfileReader

from tests.fakes.http.server import DropConnection, Reply, TruncateBody
from tests.fakes.mixpanel_export import FakeMixpanelExport
from tests.fakes.mixpanel_export.engage import Habits, Profile

PEOPLE = [
    Profile(f"person {number}", {"$name": f"P {number}", "n": number}) for number in range(25)
]
IDS = sorted(profile.distinct_id for profile in PEOPLE)
BUSY = (
    b'{"request":"/api/query/engage","error":"Query rate limit exceeded for project_id: 7. '
    b'1/5 queries running concurrently and 61/60 queries running in the last hour."}'
)


class Waits(Clock):
    """The machine's time, without waiting."""

    def __init__(self):
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
def clock():
    return Waits()


@pytest.fixture
def read(tmp_path, clock):
    def reading(server, page_size=10, max_retries=3, as_record=person, **asked):
        account = Account(
            server.url,
            server.url,
            "us",
            "2195193",
            server.access.username,
            server.access.secret,
            "",
        )
        budget = Budget(1_000, Waits(), logging.getLogger("test"))
        client = QueryClient(account, "tap-mixpanel-export/test", clock, budget)
        reader = ProfileReader(client, clock, max_retries, page_size)
        try:
            spooled = reader.spooled("profiles", asked, as_record, tmp_path / "profiles.gz")
        finally:
            client.close()
        assert spooled.path.stat().st_mode & 0o777 == 0o600
        lines = gzip.decompress(spooled.path.read_bytes()).splitlines()
        assert spooled.count == len(lines) + len(spooled.broken)
        reading.broken = spooled.broken
        return [json.loads(line) for line in lines]

    return reading


def ids(records):
    return sorted(record["distinct_id"] for record in records)


def pages(server):
    return [exchange for exchange in server.journal if exchange.status == 200]


def test_all_profiles_come_in_pages_of_the_size_that_was_asked(read):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        records = read(server)
        assert ids(records) == IDS
        assert len(pages(server)) == 3
    assert len({record["read_at"] for record in records}) == 1
    by_id = {record["distinct_id"]: record["properties"] for record in records}
    assert by_id["person 7"] == {"$name": "P 7", "n": 7}


def test_a_page_size_that_is_not_honoured_is_read_back_from_the_reply(read):
    with FakeMixpanelExport(profiles=PEOPLE, habits=Habits(page_size=4, most=None)) as server:
        assert ids(read(server, page_size=5_000)) == IDS
        assert len(pages(server)) == 7


@pytest.mark.parametrize("count", [0, 10, 20])
def test_a_last_page_that_is_full_does_not_end_the_reading_too_early(read, count):
    with FakeMixpanelExport(profiles=PEOPLE[:count]) as server:
        assert ids(read(server)) == sorted(profile.distinct_id for profile in PEOPLE[:count])


def test_groups_are_those_of_their_data_group_id(read):
    held = {"-9007199254740993": [Profile(12345678901234567890123, {"$name": "Acme"})], "2": PEOPLE}
    with FakeMixpanelExport(profiles=PEOPLE, group_profiles=held) as server:
        as_record = partial(group, group_key=b'"company"')
        (record,) = read(server, as_record=as_record, data_group_id="-9007199254740993")
    assert record["group_id"] == "12345678901234567890123"
    assert record["group_key"] == "company"


def test_a_lost_session_begins_again_at_page_0_and_nothing_comes_twice(read, clock):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        lost = Reply(400, b'{"request":"/api/query/engage","error":"unknown session_id"}')
        server.misbehave(lost, when=lambda exchange: exchange.number == 3)
        assert ids(read(server)) == IDS
    assert len(clock.waits) == 1


@pytest.mark.parametrize(
    "act",
    [
        DropConnection(),
        TruncateBody(),
        Reply(503, b"<html>busy</html>"),
        Reply(200, b"<html>Log in</html>"),
        Reply(200, b'{"error":"Internal error"}'),
        Reply(400, b'{"request":"/api/query/engage","error":"Timeout Error."}'),
    ],
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_page_that_fails_is_asked_for_again(read, clock, act, number):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(act, act, when=lambda exchange: exchange.number >= number)
        assert ids(read(server)) == IDS
    assert len(clock.waits) == 2
    assert max(clock.waits) <= 4


def test_a_full_hour_is_waited_for_by_the_minute(read, clock):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(Reply(429, BUSY))
        assert ids(read(server)) == IDS
    assert 30 <= clock.waits[0] <= 60


@pytest.mark.parametrize(
    ("act", "fails"),
    [
        (Reply(200, b"<html></html>"), lambda number: number > 1),
        (Reply(400, b'{"error":"unknown session_id"}'), lambda number: number % 2 == 0),
    ],
)
def test_a_service_that_never_answers_stops_the_run(read, clock, act, fails):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave_always(act, when=lambda exchange: fails(exchange.number))
        with pytest.raises(ServiceUnavailable, match="Run again later"):
            read(server)
    assert len(clock.waits) == 3


def test_a_plan_without_queries_and_a_wrong_secret_stop_at_once(read, clock):
    with (
        FakeMixpanelExport(profiles=PEOPLE, plan="free") as server,
        pytest.raises(PlanLacksQueries),
    ):
        read(server)
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(Reply(401, b"Invalid"))
        with pytest.raises(AccessRefused):
            read(server)
    assert not clock.waits


def short(total):
    body = {"page": 0, "page_size": 10, "session_id": "1-A", "total": total, "results": []}
    return Reply(200, json.dumps(body).encode())


def test_fewer_profiles_than_were_counted_are_read_again(read, clock):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave(short(25))
        assert ids(read(server)) == IDS
    assert len(clock.waits) == 1


def test_a_count_that_stays_wrong_is_said_and_does_not_stop_the_run(read, caplog):
    with FakeMixpanelExport(profiles=PEOPLE) as server:
        server.misbehave_always(short(25))
        assert read(server) == []
    assert "counts 25 and gives 0" in caplog.text


def odd_page(page, *results):
    head = b'{"page":%d,"page_size":2,"session_id":"1-A","total":4,"results":[' % page
    return Reply(200, head + b",".join(results) + b"]}")


def test_profiles_that_no_program_can_read_are_mended_or_kept_apart(read):
    cut, nul = b'{"x":"\\ud83d cut"}', b'{"y":"nul \\u0000"}'
    with FakeMixpanelExport() as server:
        server.misbehave(
            odd_page(0, b'{"$distinct_id":"a","$properties":%b}' % cut, b'{"$properties":{}}'),
            odd_page(1, b"7", b'{"$distinct_id":"b","$properties":%b}' % nul),
            odd_page(2),
        )
        records = read(server)
    assert [record["properties"] for record in records] == [{"x": "� cut"}, {"y": "nul �"}]
    assert read.broken == [(2, NO_PROFILE, b'{"$properties":{}}'), (3, NO_PROFILE, b"7")]


def test_a_broken_profile_of_a_reading_that_begins_again_counts_once(read):
    broken = odd_page(0, b'{"$distinct_id":"a"}', b'{"$properties":{}}')
    lost = Reply(400, b'{"error":"unknown session_id"}')
    last = odd_page(1, b'{"$distinct_id":"b"}', b'{"$distinct_id":"c"}')
    with FakeMixpanelExport() as server:
        server.misbehave(broken, lost, broken, last, odd_page(2))
        assert ids(read(server)) == ["a", "b", "c"]
    assert len(read.broken) == 1
