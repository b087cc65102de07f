"""What PostHog is asked, over HTTP, of a project whose content the test wrote down."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID

import orjson
import pytest
from singer_delivery.proof.counting import CannotAsk, day_number
from target_posthog import counting
from target_posthog.asking import account_of, query_host
from target_posthog.counting import counter_of

from tests.fakes.http.server import Exchange, Reply
from tests.fakes.posthog import FakePostHog
from tests.singer_delivery.toys import PlayedClock

START = date(2024, 3, 1)
FIRST = day_number(START)


def config_of(fake: FakePostHog, **more: object) -> dict[str, object]:
    return {
        "host": fake.url,
        "project_id": fake.queries.project_id,
        "personal_api_key": fake.queries.personal_key,
        **more,
    }


def asking(fake: FakePostHog, clock=None, **more):
    said: list[str] = []
    clock = clock or PlayedClock(0.0)
    counter = counter_of(config_of(fake, **more), "test/1", clock, said.append)
    return counter, said


def uuid_of(number: int) -> str:
    return str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)))


def fill(fake: FakePostHog, days: int, *, names: int = 2, at: str = "T12:00:00Z") -> dict:
    """Plant an event of ours for each day and name; return what is to be found."""
    cells = {}
    for day in range(days):
        for name in range(names):
            moment = f"{START + timedelta(days=day)}{at}"
            number = day * names + name
            fake.plant(f"e{name}", moment, uuid=uuid_of(number + 1), lib="target-posthog")
            cells[FIRST + day, f"e{name}"] = 1
    return cells


@pytest.mark.parametrize("rows", [[5], [["2024-03-01"]], [[1, "e0", 1, 1]], [["2024", "e0", 1, 1]]])
def test_rows_of_something_else_are_no_counts(rows):
    with FakePostHog() as fake:
        cells = fill(fake, 1)
        fake.misbehave_always(Reply(200, orjson.dumps({"results": rows})))
        with pytest.raises(CannotAsk, match="not as PostHog does"):
            asking(fake)[0].count(cells)


def test_events_are_counted_by_day_and_name_in_a_query_a_month():
    with FakePostHog() as fake:
        cells = fill(fake, 40)
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells
        assert counter.requests == len(fake.journal) == 2
        assert counter.cost(cells).requests == 2 + 4


def test_an_answer_of_more_than_a_hundred_rows_is_whole():
    """HogQL gives 100 rows without a LIMIT."""
    with FakePostHog() as fake:
        cells = fill(fake, 20, names=12)
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("America/New_York", "T00:00:00Z"),
        ("Asia/Kolkata", "T23:59:59.5Z"),
        ("Pacific/Auckland", "T23:59:59.5Z"),
    ],
)
def test_days_are_those_of_utc_whatever_the_zone_of_the_project(zone, at):
    """Each of these is on another day there."""
    with FakePostHog() as fake:
        fake.queries.zone = zone
        cells = fill(fake, 4, at=at)
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells
        first = {key: n for key, n in cells.items() if key[0] == FIRST}
        assert counter.count(first).found == first


def test_others_are_not_counted_and_are_told_apart():
    with FakePostHog() as fake:
        cells = fill(fake, 2)
        fake.plant("e0", "2024-03-01T01:00:00Z", uuid=uuid_of(901), lib="web")
        fake.plant("live", "2024-03-02T01:00:00Z", uuid=uuid_of(902), lib=None)
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells
        assert counter.others(FIRST, FIRST + 1) == {"e0": 1, "live": 1}


def test_a_duplicate_is_no_second_event_and_is_told_until_it_is_merged():
    with FakePostHog() as fake:
        cells = fill(fake, 1)
        fake.repeat(lambda each: each["event"] == "e1")
        fake.queries.merges_at = 2
        counter, _ = asking(fake)
        first, second = counter.count(cells), counter.count(cells)
        assert first.found == second.found == cells
        assert first.copies == {(FIRST, "e1"): 1}
        assert second.copies == {}


@pytest.mark.parametrize("refusal", [504, 512])
def test_a_range_that_takes_too_long_is_halved_and_not_asked_again(refusal):
    with FakePostHog() as fake:
        cells = fill(fake, 16)
        fake.queries.longest, fake.queries.refusal = 5, refusal
        counter, _ = asking(fake)
        assert counter.count(cells).found == cells
        statuses = Counter(each.status for each in fake.journal)
        assert statuses == {refusal: 3, 200: 4}  # 16 -> 8+8 -> 4+4+4+4 days


def test_a_day_that_takes_too_long_is_not_asked_and_the_others_are():
    bad = START + timedelta(days=9)

    def holds_it(exchange: Exchange) -> bool:
        values = orjson.loads(exchange.body)["query"]["values"]
        return values["first"] <= f"{bad} 00:00:00" < values["after"]

    with FakePostHog(keep_bodies=True) as fake:
        cells = fill(fake, 40)
        fake.misbehave_always(Reply(504, b"{}"), when=holds_it)
        counts = asking(fake)[0].count(cells)
    day = day_number(bad)
    assert counts.found == {key: 1 for key in cells if key[0] != day}
    assert [each[:3] for each in counts.not_asked] == [(day, day, "too_slow")]


def test_ids_come_by_pages(monkeypatch):
    monkeypatch.setattr(counting, "MOST_ROWS", 7)
    monkeypatch.setattr(
        counting, "IDS", counting.IDS._replace(text=counting.IDS.text.replace("50000", "7"))
    )
    with FakePostHog() as fake:
        fill(fake, 1, names=20)
        counter, _ = asking(fake)
        assert sorted(counter.ids(FIRST)) == sorted(uuid_of(number) for number in range(1, 21))
        assert counter.requests == 3
        assert counter.cost_of_ids(20) == 3


def test_people_and_groups_are_counted():
    with FakePostHog() as fake:
        fill(fake, 1)
        counter, _ = asking(fake)
        assert counter.people() == {"profiles": 1, "ids": 1}
        assert counter.groups() == {}


def test_it_keeps_to_what_a_minute_allows():
    with FakePostHog() as fake:
        clock = PlayedClock(0.0)
        fake.queries._clock = clock.monotonic
        counter, said = asking(fake, clock)
        for _ in range(420):
            counter.groups()
        assert Counter(each.status for each in fake.journal) == {200: 420}
        assert clock.now() >= 120
        assert any("200 requests" in each for each in said)


def test_a_429_without_retry_after_is_waited_out():
    with FakePostHog() as fake:
        clock = PlayedClock(0.0)
        fake.queries._clock = clock.monotonic
        fake.queries.limits.per_minute = 3
        counter, said = asking(fake, clock)
        for _ in range(5):
            counter.groups()
        statuses = [each.status for each in fake.journal]
        assert statuses == [200, 200, 200, 429, 200, 200]
        assert 60 <= clock.now() <= 65
        assert "PostHog answers 429" in said[0]


def refused(fake: FakePostHog, **more) -> str:
    counter, _ = asking(fake, **more)
    with pytest.raises(CannotAsk) as error:
        counter.count({(FIRST, "e0"): 1})
    return str(error.value)


@pytest.mark.parametrize("before", [280, 290, 298])
def test_a_key_at_the_end_of_what_is_quoted_is_blotted_whole(before):
    with FakePostHog() as fake:
        words = f"{'x' * before} {fake.queries.personal_key} and more"
        fake.misbehave_always(Reply(418, orjson.dumps({"detail": words})))
        assert "phx" not in refused(fake)


def test_refusals_say_what_to_do():
    with FakePostHog() as fake:
        assert "does not know the personal key (401)" in refused(fake, personal_api_key="phx_other")
        assert "knows no such project (404)" in refused(fake, project_id="7")
        fake.queries.scopes = ()
        assert "scope query:read" in refused(fake)
        fake.queries.scopes, fake.queries.plan = ("query:read",), "over"
        text = refused(fake)
        assert "(402)" in text
        assert "billing" in text
        assert fake.queries.personal_key not in text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"project_id": None}, "`project_id`: the number"),
        ({"personal_api_key": " "}, "scope query:read"),
        ({"personal_api_key": "phc_x"}, "holds the project's key"),
        ({"project_id": "my project"}, "is the number"),
        ({"query_host": "posthog"}, "must be an address"),
    ],
)
def test_settings_that_lack_are_said(given, sentence):
    config = {"host": "https://eu.i.posthog.com", "project_id": 1, "personal_api_key": "phx_1"}
    with pytest.raises(CannotAsk, match=sentence.replace("(", r"\(")):
        account_of({**config, **given})


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("https://us.i.posthog.com", "https://us.posthog.com"),
        ("https://eu.i.posthog.com/", "https://eu.posthog.com"),
        ("https://eu.posthog.com", "https://eu.posthog.com"),
        ("https://posthog.example.org", "https://posthog.example.org"),
    ],
)
def test_the_application_of_the_region_is_asked(host, asked):
    assert query_host(host, None) == asked


def test_three_years_of_three_hundred_names_cost_forty_queries():
    """36 months, and four for what stands beside; by the clock under a minute of the limit."""
    day, end, cells = date(2022, 1, 1), date(2025, 1, 1), {}
    while day < end:
        cells |= {(day_number(day), f"e{name}"): 9 for name in range(300)}
        day += timedelta(days=1)
    with FakePostHog() as fake:
        cost = asking(fake)[0].cost(cells)
    assert cost.requests == 40
    assert "40 queries" in cost.sentence


def test_months_of_many_names_are_cut_by_the_books():
    cells = {(FIRST + day, f"e{name}"): 1 for day in range(31) for name in range(5_000)}
    windows = [*counting.windows(cells)]
    assert windows == [(FIRST, FIRST + 7), (FIRST + 8, FIRST + 15), (FIRST + 16, FIRST + 23),
                       (FIRST + 24, FIRST + 30)]  # fmt: skip
    assert all(
        sum(first <= day <= last for day, _ in cells) <= counting.ROWS_PLANNED
        for first, last in windows
    )


def test_a_time_of_the_fake_is_what_it_says():
    """The ground that the tests of zones stand on: 23:59:59.5 in UTC is the next day in Kolkata."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    moment = datetime.fromisoformat("2024-03-01T23:59:59.500000+00:00")
    assert moment.astimezone(ZoneInfo("Asia/Kolkata")).date() == date(2024, 3, 2)


def test_groups_that_take_too_long_are_a_sentence():
    with FakePostHog() as fake:
        counter, _ = asking(fake)
        fake.misbehave_always(Reply(504, b"{}"))
        with pytest.raises(CannotAsk, match="no time"):
            counter.groups()
        with pytest.raises(CannotAsk, match="no time"):
            counter.people()
