"""From the raw export over HTTP to Singer messages: all of it once, in order, a STATE a day."""

from __future__ import annotations

import random
from datetime import datetime, timezone

import pytest
from analytics_records.mixpanel.row import row_uuid

from tests.tap_mixpanel.running import Sandbox, at, days, days_of_rows, fake, row

ROWS = days_of_rows(3, 4, 0, 5, 2)


@pytest.fixture
def mixpanel(tmp_path):
    with fake(ROWS) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel):
    found = Sandbox(tmp_path, mixpanel)
    mixpanel.quota._clock = found.clock.monotonic
    return found


def iso(moment: int) -> str:
    text = datetime.fromtimestamp(moment / 1000, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def test_every_row_arrives_once_with_its_columns(sandbox):
    output = sandbox.run()
    assert [record["time"] for record in output.events] == [iso(each.at) for each in ROWS]
    assert [record["day"] for record in output.events] == [str(each.day) for each in ROWS]
    assert output.uuids == [
        row_uuid({"event": each.event, "properties": {"time": each.at, **each.properties}})
        for each in ROWS
    ]
    assert len(set(output.uuids)) == len(ROWS)
    assert sandbox.leftovers == []


def test_the_row_is_there_byte_for_byte(sandbox):
    lines = [each.line(1, in_ms=True).decode() for each in ROWS]
    ends = [record[record.index('"event":') - 0 :] for record in sandbox.run().raw_records]
    assert ends == [line[1:] for line in lines]


def test_windows_grow_from_a_day_up_to_the_most(mixpanel, sandbox):
    sandbox.run(end_date="2024-01-16", window_days=4)
    assert days(mixpanel.asked)[1:] == [(1, 1), (2, 3), (4, 7), (8, 11), (12, 15)]


def test_a_state_follows_each_day(sandbox):
    output = sandbox.run()
    assert output.days[-1] == "2024-01-05"
    assert sorted(set(output.days)) == [f"2024-01-0{day}" for day in (1, 2, 3, 4, 5)]
    assert output.days == sorted(output.days)


def test_a_day_is_bookmarked_when_its_rows_are_written(sandbox):
    seen: set[str] = set()
    expected = {str(each.day): 0 for each in ROWS}
    for each in ROWS:
        expected[str(each.day)] += 1
    for message in sandbox.run().messages:
        if message["type"] == "RECORD":
            seen.add(message["record"]["uuid"] + message["record"]["day"])
        elif message["type"] == "STATE" and message["value"]["bookmarks"].get("events"):
            until = message["value"]["bookmarks"]["events"]["replication_key_value"]
            assert sum(each <= until for each in (key[36:] for key in seen)) == sum(
                count for day, count in expected.items() if day <= until
            )


def test_today_is_read_and_never_bookmarked(tmp_path):
    now = datetime(2024, 1, 3, 12, tzinfo=timezone.utc)
    with fake(days_of_rows(2, 2, 2), now=now) as mixpanel:
        output = Sandbox(tmp_path, mixpanel, now).run(end_date=None)
    assert len(output.events) == 6
    assert output.days[-1] == "2024-01-02"


def test_the_next_run_reads_the_days_of_the_look_back_again_and_all_their_rows(mixpanel, sandbox):
    state = sandbox.run().states[-1]
    asked = len(mixpanel.asked)
    output = sandbox.run(state=state, lookback_days=2, end_date="2024-01-08")
    assert min(days(mixpanel.asked)[asked + 1 :]) == (4, 4)
    again = [each.properties["n"] for each in ROWS if each.at >= at(4)]
    assert output.numbers == again
    assert output.days[-1] == "2024-01-07"


def test_the_bookmark_never_goes_back(sandbox):
    state = sandbox.run().states[-1]
    assert set(sandbox.run(state=state).days) == {"2024-01-05"}


def test_a_late_row_is_emitted_and_counted(tmp_path, caplog):
    rows = days_of_rows(2, 2)
    caplog.set_level("INFO")
    late = row(at(1, 5), 99, mp_processing_time_ms=at(31))
    with fake(rows) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        state = sandbox.run().states[-1]
        mixpanel.publish([late])
        caplog.clear()
        output = sandbox.run(state=state)
    assert sorted(output.numbers) == [0, 0, 1, 1, 99]
    assert "1 rows came late to 1 days that were done." in caplog.messages


def test_rows_leave_in_one_order_whatever_the_reading(tmp_path):
    rng = random.Random(5)
    moments = [at(1) + rng.randrange(40) * 250 for _ in range(400)]
    rows = [
        row(
            moment,
            number,
            **{
                "$user_id": rng.choice([None, "ann"]),
                "$mp_api_timestamp_ms": moment + rng.randrange(3),
                "mp_processing_time_ms": moment + rng.randrange(3),
            },
        )
        for number, moment in enumerate(moments)
    ]

    def place(record):
        properties = record["properties"]
        return (
            properties["time"],
            "$user_id" in properties,
            properties["$mp_api_timestamp_ms"],
            properties["mp_processing_time_ms"],
            record["uuid"],
        )

    orders = []
    for seed in (1, 2):
        with fake(rows, seed=seed) as mixpanel:
            records = Sandbox(tmp_path, mixpanel).run().events
        assert records == sorted(records, key=place)
        orders.append([record["uuid"] for record in records])
    assert orders[0] == orders[1]
    assert len(orders[0]) == 400


def test_of_duplicates_the_one_processed_last_stands_in_the_place_of_the_first(tmp_path, caplog):
    twice = [
        row(at(1) + 100, 1, mp_processing_time_ms=at(1) + 1, v="first"),
        row(at(1) + 300, 2),
        row(
            at(1) + 900,
            1,
            mp_processing_time_ms=at(2),
            v="last",
            **{"$insert_id": f"{at(1) + 100}-1"},
        ),
    ]
    caplog.set_level("INFO")
    with fake(twice) as mixpanel:
        output = Sandbox(tmp_path, mixpanel).run()
    assert [record["properties"].get("v") for record in output.events] == ["last", None]
    assert any(message.startswith("1 rows were duplicates") for message in caplog.messages)


def test_rows_alike_without_an_id_all_pass_with_the_same_uuids_each_time(tmp_path):
    alike = [row(at(1), 1, **{"$insert_id": None}) for _ in range(3)]
    seen = []
    for seed in (1, 2):
        with fake(alike, seed=seed) as mixpanel:
            seen.append(Sandbox(tmp_path, mixpanel).run().uuids)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 3


@pytest.mark.parametrize(
    ("merge", "due"), [("simplified", {"Opened"}), ("original", {"Opened", "$identify"})]
)
def test_of_some_names_their_events_leave_with_those_that_say_who_is_who(tmp_path, merge, due):
    rows = [row(at(1), n, name) for n, name in enumerate(("Opened", "Closed", "$identify"))]
    with fake(rows) as mixpanel:
        output = Sandbox(tmp_path, mixpanel).run(event_names=["Opened"], identity_merge=merge)
    assert {record["event"] for record in output.events} == due


def test_the_schema_names_the_project_by_a_digest(sandbox):
    (schema,) = sandbox.run().of_type("SCHEMA")
    assert len(schema["schema"]["x-source-project"]) == 16
    assert "2195193" not in str(schema)


def test_the_login_travels_as_basic_auth_and_no_limit_but_at_the_opening_check(mixpanel, sandbox):
    sandbox.run()
    limits = [exchange.query.get("limit") for exchange in mixpanel.journal]
    assert limits[0] == "1"
    assert set(limits[1:]) == {None}
    assert {exchange.query["time_in_ms"] for exchange in mixpanel.journal} == {"true"}
