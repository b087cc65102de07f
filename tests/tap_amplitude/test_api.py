"""The road through the Export API: what is asked for, what arrives, what waits."""

from __future__ import annotations

import gzip
import io
import logging
import zipfile
from datetime import timedelta

import pytest
from singer_delivery.mapping.json_lines import reason_to_refuse
from singer_delivery.sdk.raw_stream import one_by_one
from singer_delivery.tap.errors import (
    AccessRefused,
    ArchiveUnreadable,
    RequestRefused,
    ServiceUnavailable,
    StateUnreadable,
)
from tap_amplitude.client import PATH
from tap_amplitude.errors import HourTooLarge

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.server import Delay, DropConnection, Hold, Reply, TruncateBody
from tests.tap_amplitude.ordering import in_order
from tests.tap_amplitude.running import (
    HOUR,
    LATER,
    MONDAY,
    TUESDAY,
    Sandbox,
    hours_of_rows,
    row,
    uuids,
)

WEDNESDAY = TUESDAY + 24 * HOUR
HOURS = hours_of_rows(MONDAY, *[3] * 48)
EXPECTED = [found for lines in HOURS.values() for found in uuids(lines)]


@pytest.fixture
def amplitude():
    with FakeAmplitude(HOURS, parts=2) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, amplitude):
    return Sandbox(tmp_path, amplitude)


def assert_each_hour_served_once(amplitude, start=MONDAY, end=WEDNESDAY):
    hours = [start + position * HOUR for position in range((end - start) // HOUR)]
    assert dict(amplitude.hours_served()) == dict.fromkeys(hours, 1)


def test_every_row_arrives_once_and_no_hour_is_asked_for_twice(amplitude, sandbox):
    output = sandbox.run()
    assert_exactly_once(output.uuids, EXPECTED)
    assert_each_hour_served_once(amplitude)


def test_one_state_follows_each_window(sandbox):
    output = sandbox.run()
    assert output.bookmarks == ["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]
    assert output.bookmark == {
        "replication_key": "server_upload_time",
        "replication_key_value": "2024-01-03T00:00:00Z",
        "covered": [["2024-01-01T00", "2024-01-03T00"]],
        "done": {"hours": 48},
        "total": {"hours": 48},
    }


def test_a_state_follows_all_rows_of_its_window_and_no_others(sandbox):
    rows_so_far = 0
    for message in sandbox.run(window_hours=5).messages:
        if message["type"] == "RECORD":
            rows_so_far += 1
        elif message["type"] == "STATE":
            value = message["value"]["bookmarks"]["events"]["replication_key_value"]
            hours = (int(value[8:10]) - 1) * 24 + int(value[11:13])
            assert rows_so_far == 3 * hours


def test_a_second_run_from_the_last_state_asks_nothing(amplitude, sandbox):
    state = sandbox.run().states[-1]
    asked = len(amplitude.asked)
    output = sandbox.run(state=state)
    assert output.records == []
    assert output.states[-1] == state
    assert len(amplitude.asked) == asked


def test_a_second_run_fetches_only_what_is_new(amplitude, sandbox):
    state = sandbox.run(end_date="2024-01-02").states[-1]
    output = sandbox.run(state=state)
    assert_exactly_once(
        output.uuids, uuids(row(h, n) for h in HOURS if h >= TUESDAY for n in range(3))
    )
    assert_each_hour_served_once(amplitude)


def test_start_date_stands_where_the_bookmark_is_older(amplitude, sandbox):
    state = {"bookmarks": {"events": {"replication_key_value": "2020-01-01T00:00:00Z"}}}
    sandbox.run(state=state)
    assert amplitude.asked[0][0] == MONDAY


def test_a_bookmark_of_another_tap_is_read_to_the_hour(amplitude, sandbox):
    state = {"bookmarks": {"events": {"replication_key_value": "2024-01-02 09:59:59.123456"}}}
    sandbox.run(state=state)
    assert amplitude.asked[0][0] == TUESDAY + 9 * HOUR


def test_a_bookmark_that_is_no_time_is_refused(sandbox):
    with pytest.raises(StateUnreadable):
        sandbox.run(state={"bookmarks": {"events": {"replication_key_value": "soon"}}})


@pytest.mark.parametrize("bookmarks", [None, "x", ["events"], {"events": 5}, {"events": None}])
def test_a_state_of_another_form_is_refused(sandbox, bookmarks):
    with pytest.raises(StateUnreadable, match="`bookmarks` must hold an object for each stream"):
        sandbox.run(state={"bookmarks": bookmarks})


def test_a_full_table_reload_begins_at_start_date(amplitude, sandbox):
    state = sandbox.run().states[-1]
    catalog = sandbox.tap().catalog_dict
    catalog["streams"][0]["replication_method"] = "FULL_TABLE"
    output = sandbox.run(state=state, catalog=catalog)
    assert_exactly_once(output.uuids, EXPECTED)
    assert amplitude.asked[2][0] == MONDAY


def test_a_catalog_without_a_replication_key_still_resumes(sandbox):
    state = sandbox.run().states[-1]
    entry = {"tap_stream_id": "events", "schema": {"properties": {}}, "metadata": []}
    assert sandbox.run(state=state, catalog={"streams": [entry]}).records == []


def test_hours_that_may_still_change_are_left_alone(amplitude, sandbox):
    sandbox.clock.time = (TUESDAY + timedelta(hours=10, minutes=59)).timestamp()
    output = sandbox.run(end_date="2024-02-01")
    assert output.bookmark["replication_key_value"] == "2024-01-02T08:00:00Z"
    assert_each_hour_served_once(amplitude, end=TUESDAY + 8 * HOUR)


def test_settling_can_be_switched_off(amplitude, sandbox):
    sandbox.clock.time = (TUESDAY + timedelta(hours=10, minutes=59)).timestamp()
    sandbox.run(settle_hours=0, end_date=None)
    assert_each_hour_served_once(amplitude, end=TUESDAY + 10 * HOUR)


def test_empty_windows_move_the_bookmark_and_the_walk_goes_on(tmp_path):
    with FakeAmplitude(hours_of_rows(TUESDAY, 2)) as amplitude:
        output = Sandbox(tmp_path, amplitude).run(window_hours=6)
        assert_each_hour_served_once(amplitude)
    assert len(output.records) == 2
    assert len(output.bookmarks) == 8
    assert output.bookmarks[0] == "2024-01-01T06:00:00Z"


def test_a_window_that_is_too_large_is_halved_until_it_fits(tmp_path):
    limit = sum(len(line) + 1 for line in HOURS[MONDAY]) * 5
    with FakeAmplitude(HOURS, max_bytes=limit) as amplitude:
        output = Sandbox(tmp_path, amplitude).run()
        sizes = [(end - start) // HOUR + 1 for start, end in amplitude.asked]
        assert_each_hour_served_once(amplitude)
    assert sizes[:5] == [24, 12, 6, 3, 6]
    assert_exactly_once(output.uuids, EXPECTED)


def test_one_hour_too_large_names_the_hour_and_the_way_round_it(tmp_path):
    hours = {**HOURS, TUESDAY: [row(TUESDAY, n) for n in range(50)]}
    limit = sum(len(line) + 1 for line in HOURS[MONDAY]) * 5
    with FakeAmplitude(hours, max_bytes=limit) as amplitude:
        output, error = Sandbox(tmp_path, amplitude).try_run()
    assert isinstance(error, HourTooLarge)
    assert "2024-01-02T00:00:00Z" in str(error)
    assert "archive_path" in str(error)
    assert "start_date 2024-01-02T01:00:00Z" in str(error)
    assert output.bookmark["replication_key_value"] == "2024-01-02T00:00:00Z"
    assert len(output.records) == 24 * 3


def test_a_504_halves_the_window_without_waiting(amplitude, sandbox):
    amplitude.misbehave(Reply(504))
    output = sandbox.run()
    assert [start_to_end(asked) for asked in amplitude.asked[:3]] == [24, 12, 24]
    assert_exactly_once(output.uuids, EXPECTED)
    assert sandbox.clock.waits == []


def test_an_hour_that_times_out_for_good_names_the_way_round_it(amplitude, sandbox):
    amplitude.misbehave_always(Reply(504))
    output, error = sandbox.try_run(max_retries=2)
    assert isinstance(error, HourTooLarge)
    assert "2024-01-01T00:00:00Z" in str(error)
    assert output.records == output.states == []
    assert len(sandbox.clock.waits) == 2


@pytest.mark.parametrize(
    "act",
    [
        Reply(429),
        Reply(500),
        Reply(503),
        Reply(200, b"Too many requests"),
        DropConnection(),
        TruncateBody(0.9),
        Delay(0.01),
    ],
    ids=lambda act: str(act)[:40],
)
def test_passing_failures_lose_and_double_nothing(amplitude, sandbox, act):
    amplitude.misbehave(act, when=lambda exchange: exchange.number == 2)
    amplitude.misbehave(act, when=lambda exchange: exchange.number == 3)
    output = sandbox.run(window_hours=12)
    assert_exactly_once(output.uuids, EXPECTED)
    assert_each_hour_served_once(amplitude)
    assert len(sandbox.clock.waits) == (0 if isinstance(act, Delay) else 2)


def test_an_outage_ends_the_run_after_the_retries_with_what_was_done(amplitude, sandbox):
    amplitude.misbehave_always(Reply(503, b"down"), when=lambda exchange: exchange.number > 1)
    output, error = sandbox.try_run(max_retries=3)
    assert isinstance(error, ServiceUnavailable)
    assert "2024-01-02T00 to 2024-01-02T23" in str(error)
    assert "503" in str(error)
    assert output.bookmarks == ["2024-01-02T00:00:00Z"]
    assert len(amplitude.asked) == 1 + 4
    assert len(sandbox.clock.waits) == 3


def test_the_wait_a_service_asks_for_is_kept(amplitude, sandbox):
    amplitude.misbehave(Reply(429, headers={"Retry-After": "120"}))
    sandbox.run()
    assert len(sandbox.clock.waits) == 1
    assert sandbox.clock.waits[0] >= 120


def test_waits_grow(amplitude, sandbox):
    amplitude.misbehave(*[Reply(500)] * 6)
    sandbox.run()
    waits = sandbox.clock.waits
    assert len(waits) == 6
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits))


@pytest.mark.parametrize(
    ("act", "kind"), [(Reply(403), AccessRefused), (Reply(400, b"bad"), RequestRefused)]
)
def test_what_no_retry_can_mend_is_not_tried_again(amplitude, sandbox, act, kind):
    amplitude.misbehave_always(act)
    with pytest.raises(kind):
        sandbox.run()
    assert len(amplitude.asked) == 1


def test_the_same_run_works_once_the_key_is_right(amplitude, sandbox):
    _, error = sandbox.try_run(secret_key="wrong")
    assert isinstance(error, AccessRefused)
    assert_exactly_once(sandbox.run().uuids, EXPECTED)


def test_the_next_window_downloads_while_this_one_is_written(amplitude, sandbox):
    tap = sandbox.tap(window_hours=12)
    lines = one_by_one(tap.streams["events"].blocks())
    next(lines)  # the first window is being written
    amplitude.wait_until_asked(2)
    assert len(amplitude.journal) == 2  # one ahead, and no more
    assert len(list(lines)) == len(EXPECTED) - 1
    assert amplitude.in_flight_peak == 1


def test_only_one_window_is_fetched_ahead(amplitude, sandbox):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    lines = one_by_one(sandbox.tap(window_hours=12).streams["events"].blocks())
    next(lines)
    amplitude.wait_until_held()
    assert [path.name for path in sandbox.spool.rglob("*.zip")] == ["20240101T00-20240101T11.zip"]
    amplitude.release()
    assert len(list(lines)) == len(EXPECTED) - 1


def test_an_error_ahead_surfaces_after_the_rows_before_it(amplitude, sandbox):
    amplitude.misbehave(Reply(403), when=lambda exchange: exchange.number == 2)
    output, error = sandbox.try_run()
    assert isinstance(error, AccessRefused)
    assert len(output.records) == 24 * 3
    assert output.bookmarks == ["2024-01-02T00:00:00Z"]


def test_a_member_that_is_spoilt_inside_a_sound_zip_is_never_taken_for_its_end(amplitude, sandbox):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("1/1_2024-01-01_0#1.json.gz", gzip.compress(row(MONDAY, 1))[:-4])
    amplitude.misbehave(Reply(200, archive.getvalue()))
    output, error = sandbox.try_run()
    assert isinstance(error, ArchiveUnreadable)
    assert "1/1_2024-01-01_0#1.json.gz" in str(error)
    assert "replication_key_value" not in output.text
    assert sandbox.leftovers == []


def test_nothing_is_left_in_the_working_folder(sandbox):
    sandbox.run()
    assert sandbox.leftovers == []


def test_nothing_is_left_after_an_error(amplitude, sandbox):
    amplitude.misbehave(Reply(403), when=lambda exchange: exchange.number == 2)
    sandbox.try_run()
    assert sandbox.leftovers == []


def test_keys_reach_no_log(amplitude, sandbox, caplog):
    amplitude.misbehave(Reply(500, b"amplitude-key amplitude-secret"))
    with caplog.at_level(logging.DEBUG):
        sandbox.run()
    assert "Window" in caplog.text
    assert "amplitude-key" not in caplog.text
    assert "amplitude-secret" not in caplog.text


def test_a_line_of_progress_names_hours_rows_and_size(sandbox, caplog):
    with caplog.at_level(logging.INFO):
        sandbox.run()
    size = sum(len(line) for hour in HOURS if hour < TUESDAY for line in HOURS[hour]) / 1e6
    expected = f"2024-01-01T00 to 2024-01-01T23 (24 h): 72 records, {size:.1f} MB, 0 broken lines."
    assert expected in caplog.messages


def test_only_the_export_is_asked_for(amplitude, sandbox):
    sandbox.run()
    assert {exchange.path for exchange in amplitude.journal} == {PATH}
    assert LATER.timestamp() == sandbox.clock.time


def start_to_end(asked):
    return (asked[1] - asked[0]) // HOUR + 1


def test_the_export_of_a_company_arrives_line_by_line(tmp_path):
    hours = Company(events=600, hours=30, start=MONDAY).hours()
    written = [line for hour in sorted(hours) for line in in_order(hours[hour])]
    with FakeAmplitude(hours) as amplitude:
        output = Sandbox(tmp_path, amplitude).run(window_hours=7)
    good = [line.decode() for line in written if reason_to_refuse(line) is None]
    assert output.raw_records == good
    assert output.bookmark.get("bad_lines", 0) == len(written) - len(good)
