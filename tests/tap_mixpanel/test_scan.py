"""What a first look through an archive finds."""

import json
import random
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from singer_delivery.tap.errors import TooManyBroken
from tap_mixpanel.scan import Scan, waves

START = datetime(2026, 3, 1, tzinfo=timezone.utc)


def row(day, event="Play", **properties):
    time = round((START + timedelta(days=day, hours=12)).timestamp() * 1000)
    known = {"time": time, "$mp_api_timestamp_ms": time + 5_000, **properties}
    return json.dumps({"event": event, "properties": known}).encode()


PROFILE = b'{"$distinct_id":"ann","$properties":{}}'


def test_a_look_finds_days_verbs_and_profiles_of_each_file():
    scan = Scan()
    scan.take("a", 10, [[row(0), row(1), b"", PROFILE], [row(1, "$identify")]])
    scan.take("b", 20, [[row(1) + row(2), b"no row", b'{"event":"x","properties":{"time":null}}']])
    assert scan.days == ["2026-03-01", "2026-03-02", "2026-03-03", "undated"]
    assert (scan.files["a"].verbs.keys(), scan.files["a"].profiles) == ({"2026-03-02"}, 1)
    assert (len(scan.files["b"].verbs), scan.files["b"].profiles) == (0, 0)
    assert scan.files_with(["2026-03-02"]) == ["a", "b"]
    assert scan.files_with(["2026-03-03", "undated"]) == ["b"]
    assert scan.bytes_of("2026-03-01") == len(row(0))
    assert scan.bytes_of("2026-03-02") == 2 * len(row(1)) + len(row(1, "$identify"))
    assert scan.merge.mode == "original"


def test_the_digest_of_a_day_changes_with_its_files_alone():
    first, other = Scan(), Scan()
    first.take("a", 10, [[row(0)]])
    first.take("b", 20, [[row(1)]])
    other.take("b", 21, [[row(1)]])
    other.take("a", 10, [[row(0)]])
    assert first.digest_of("2026-03-01") == other.digest_of("2026-03-01")
    assert first.digest_of("2026-03-02") != other.digest_of("2026-03-02")


def test_live_rows_of_the_last_days_are_kept_and_imported_ones_are_not():
    scan = Scan()
    for day in range(20):
        scan.take(str(day), 1, [[row(day)] * 200 + [row(day, **{"$import": True})] * 5])
    scan.take("imported", 1, [[row(99, **{"$import": True})]])
    assert {day: len(rows) for day, rows in scan.live.items()} == dict.fromkeys(scan.days[:20], 50)
    assert {one.receipt - one.time for rows in scan.live.values() for one in rows} == {5_000}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b'{"a":1}', b"nothing"], "Nothing of b can be read"),
        ([row(0)] * 1_000 + [b"broken"] * 300, "more than 20%"),
    ],
)
def test_an_archive_of_something_else_is_a_sentence(lines, says):
    scan = Scan()
    scan.take("a", 1, [[row(0)]])
    with pytest.raises(TooManyBroken, match=says):
        scan.take("b", 1, [lines])


def test_what_can_be_mended_is_a_row_and_odd_times_have_no_day():
    scan = Scan()
    odd = [b'{"event":"x","properties":{"time":NaN}}', row(0, time=10**15), row(0, time="odd")]
    flat = b'{"event_name":"x","time":1772366400000,"properties":{"n":NaN}}'
    scan.take("a", 1, [[*odd, flat]])
    assert scan.files["a"].broken == 0
    assert scan.days == ["2026-03-01", "undated"]


def test_waves_are_all_days_in_order_and_no_larger_than_they_may_be():
    chance = random.Random(5)
    sizes = {f"2026-01-{day:02}": chance.randrange(1, 60) for day in range(1, 32)}
    sizes["undated"] = 500
    found = [*waves(sizes, 100)]
    assert [day for wave in found for day in wave] == sorted(sizes)
    for wave, following in pairwise(found):
        total = sum(sizes[day] for day in wave)
        assert total <= 100 or len(wave) == 1
        assert total + sizes[following[0]] > 100
    assert [*waves({}, 100)] == []
