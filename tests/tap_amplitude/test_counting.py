"""The soft check at the source: the books beside Amplitude's own charts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import orjson
import pytest
from singer_delivery.proof.comparing import Sent
from singer_delivery.proof.counting import CannotAsk, day_number
from singer_delivery.proof.soft import soft_check
from tap_amplitude.counting import counter_of

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exchanges import Reply
from tests.singer_delivery.toys import PlayedClock

HOUR = datetime(2024, 3, 17, 9, tzinfo=timezone.utc)
DAY = day_number(HOUR.date())


def line(name: str, at: datetime, who: int = 1) -> bytes:
    moment = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    return orjson.dumps({"event_type": name, "event_time": moment, "amplitude_id": who})


LINES = [
    *(line("play", HOUR + timedelta(minutes=n)) for n in range(5)),
    line("stop", HOUR),
    line("play", HOUR + timedelta(hours=20)),  # 05:00 of the next day, in UTC
]
SENT = [
    Sent(DAY, "play", "play", 5),
    Sent(DAY, "Stopped", "stop", 1),
    Sent(DAY + 1, "play", "play", 1),
]


def asking(fake: FakeAmplitude, zone: str | None = "UTC", clock=None, **more):
    clock = clock or PlayedClock(0.0)
    fake.charts.clock = clock.monotonic
    config = {"api_key": fake.api_key, "secret_key": fake.secret_key, "base_url": fake.url}
    return counter_of({**config, **more}, "test/1", clock, [].append, zone)


def test_totals_by_day_not_uniques():
    with FakeAmplitude({HOUR: LINES}) as fake:
        counter = asking(fake)
        assert counter.days(DAY, DAY + 1) == {DAY: 6, DAY + 1: 1}
        assert counter.days(DAY, DAY + 1, "stop") == {DAY: 1, DAY + 1: 0}
        assert counter.days(DAY, DAY, "no such event") == {}
        assert counter.days(DAY + 5, DAY + 5) == {DAY + 5: 0}


def test_the_books_stand_beside_the_charts():
    with FakeAmplitude({HOUR: LINES}) as fake:
        fake.charts.hidden = {"stop"}
        lines = [*soft_check(SENT, asking(fake))]
    rows = [each.split() for each in lines if each]
    assert ["all", "days", "7", "6"] in rows
    assert ["2024-03-17", "6", "5"] in rows
    assert not any(row[0] == "2024-03-18" for row in rows)  # equal
    assert ["play", "6", "6"] in rows
    assert ["stop", "1", "0"] in rows
    assert "proves nothing" in lines[-1]


def test_in_another_zone_the_whole_range_is_compared():
    with FakeAmplitude({HOUR: LINES}) as fake:
        fake.charts.zone = "America/Los_Angeles"
        lines = [*soft_check(SENT, asking(fake, "America/Los_Angeles"))]
    rows = [each.split() for each in lines if each]
    assert ["all", "days", "7", "7"] in rows
    assert not any(row[0].startswith("2024") for row in rows)


def test_empty_books_are_a_sentence():
    with FakeAmplitude({HOUR: LINES}) as fake, pytest.raises(CannotAsk, match="no events"):
        next(soft_check([], asking(fake)))


def test_it_keeps_to_the_cost_of_five_minutes():
    with FakeAmplitude({HOUR: LINES}) as fake:
        clock = PlayedClock(0.0)
        counter = asking(fake, clock=clock)
        counter.days(DAY - 1095, DAY)
        assert Counter(each.status for each in fake.journal) == {200: 4}
        assert clock.now() >= 300
        assert counter.affordable(1096) == 0
        assert counter.affordable(90) == 9


@pytest.mark.parametrize(
    ("zone", "more", "sentence"),
    [
        (None, {}, "--source-timezone"),
        ("Mars", {}, "must be a zone"),
        ("UTC", {"secret_key": ""}, "need `api_key`"),
    ],
)
def test_what_lacks_is_said(zone, more, sentence):
    with FakeAmplitude({}) as fake, pytest.raises(CannotAsk, match=sentence):
        asking(fake, zone, **more)


@pytest.mark.parametrize(
    "data",
    [
        {"series": [[1, 2]], "xValues": ["2024-03-17"]},
        {"series": [[None]], "xValues": ["2024-03-17"]},
        {"series": [[1]], "xValues": ["Mar 17"]},
        {"series": [[1]], "xValues": [17]},
        {"series": 7, "xValues": ["2024-03-17"]},
        {"series": {"a": [1]}, "xValues": ["2024-03-17"]},
        [],
    ],
)
def test_a_chart_of_another_form_is_said(data):
    with FakeAmplitude({}) as fake:
        fake.misbehave(Reply(200, orjson.dumps({"data": data})))
        with pytest.raises(CannotAsk, match="something else than a chart"):
            asking(fake).days(DAY, DAY)


def test_wrong_keys_are_said():
    with FakeAmplitude({}) as fake, pytest.raises(CannotAsk, match="refused the keys"):
        asking(fake, secret_key="other").days(DAY, DAY)
