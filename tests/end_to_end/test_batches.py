"""Files in BATCH messages: taken as records are, removed when decided, refused in a sentence."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from singer_delivery.sdk.batches import message_of
from singer_delivery.sdk.reader import MANY, record_head

from demo import mixpanel_balance
from tests.end_to_end.pipe import (
    BIN,
    assert_everything_arrived,
    batches_in,
    make_mixpanel_pipe,
    make_pipe,
)
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import DropConnection, LoseReply, Reply
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog

NAMES = (
    "uuid",
    "city",
    "event_type",
    "event_time",
    "user_id",
    "device_id",
    "amplitude_id",
    "server_upload_time",
)
SCHEMA = {
    "type": "SCHEMA",
    "stream": "events",
    "schema": {"properties": {name: {} for name in NAMES}},
    "key_properties": ["uuid"],
}
STATE = {"type": "STATE", "value": {"done": True}}


@pytest.fixture(scope="module")
def company():
    return Company(seed=12, events=3_000, hours=30)


@pytest.fixture
def posthog():
    with FakePostHog() as fake:
        yield fake


def from_amplitude(pipe, company):
    pipe.tap["start_date"] = company.start.isoformat()
    pipe.tap["end_date"] = (company.start + timedelta(hours=company.hour_count)).isoformat()
    pipe.tap["batch_config"] = batches_in(pipe.folder)
    pipe.target["map_ahead"] = True
    return pipe


def row(number, **columns):
    return {
        "uuid": f"5a1c1c1e-0c7f-4d3c-9a53-{number:012}",
        "event_type": "Played",
        "event_time": "2024-03-01 10:00:00.000000",
        "server_upload_time": "2024-03-01 10:00:01.000000",
        "user_id": f"user-{number}",
        "device_id": f"device-{number}",
        **columns,
    }


def batch(*paths, **encoding):
    encoding = {"format": "jsonl", "compression": "gzip", **encoding}
    manifest = [f"file://{path}" for path in paths]
    return {"type": "BATCH", "stream": "events", "encoding": encoding, "manifest": manifest}


def gzipped(path: Path, *rows) -> Path:
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in rows]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


def messages(*each):
    return b"".join(json.dumps(message).encode() + b"\n" for message in each)


def test_everything_arrives_once_in_batches_whatever_the_service_answers(
    tmp_path, company, posthog
):
    for number, act in ((2, Reply(503)), (4, LoseReply()), (5, DropConnection())):
        posthog.misbehave(act, when=lambda each, number=number: each.number == number)
    with FakeAmplitude(company.hours()) as amplitude:
        pipe = from_amplitude(make_pipe(tmp_path, amplitude, posthog), company)
        ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert_everything_arrived(posthog, pipe.report, company)
    assert list((tmp_path / "batches").glob("**/*.gz")) == []


def test_mixpanel_holds_the_same_in_batches(tmp_path, company):
    truth = company.mixpanel_truth()
    with (
        FakeAmplitude(company.hours()) as amplitude,
        FakeMixpanel(group_keys=truth.group_keys) as mixpanel,
    ):
        pipe = from_amplitude(make_mixpanel_pipe(tmp_path, amplitude, mixpanel), company)
        ended = pipe.run()
        assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
        arrived = mixpanel_balance.arrived_at(mixpanel)
    checks = mixpanel_balance.checks(arrived, pipe.report, truth)
    assert [check for check in checks if not check.holds] == []


@pytest.mark.parametrize("map_ahead", [False, True])
def test_the_report_is_the_same_whichever_process_maps(tmp_path, company, map_ahead):
    reports = []
    for way, settings in (("records", {}), ("batches", {"map_ahead": map_ahead})):
        (tmp_path / way).mkdir()
        with FakeAmplitude(company.hours()) as amplitude, FakePostHog() as posthog:
            pipe = from_amplitude(make_pipe(tmp_path / way, amplitude, posthog), company)
            pipe.target |= settings
            if way == "records":
                del pipe.tap["batch_config"]
            ended = pipe.run()
            assert (ended.tap_code, ended.target_code) == (0, 0), ended.target_log
            reports.append({k: pipe.report[k] for k in ("streams", "sent", "events", "notes")})
    assert reports[0] == reports[1]


def test_many_records_are_mapped_ahead_and_come_to_the_same(tmp_path, posthog):
    """The process starts in the middle; STATE, a second schema and a blank line come between."""
    many = Company(seed=13, events=MANY + 2_500, hours=40)
    lines = [
        message_of(record_head("events"), line) for hour in many.hours().values() for line in hour
    ]
    schema, state = messages(SCHEMA), messages(STATE)
    lines[MANY + 500 : MANY + 500] = [state, b"\n"]
    lines[MANY + 2_000 : MANY + 2_000] = [schema, state]
    reports = []
    for map_ahead in (False, True):
        with FakePostHog() as fake:
            (tmp_path / str(map_ahead)).mkdir()
            pipe = make_pipe(tmp_path / str(map_ahead), None, fake, map_ahead=map_ahead)
            ended = pipe.feed(schema + b"".join(lines) + state)
            assert ended.target_code == 0, ended.target_log
            assert len(ended.states) == 3
            assert_everything_arrived(fake, pipe.report, many)
        reports.append({k: pipe.report[k] for k in ("streams", "sent", "events", "notes")})
    assert reports[0] == reports[1]


@pytest.mark.parametrize("map_ahead", [True, None], ids=["from the first", "once it is up"])
def test_a_record_that_is_none_stops_the_run_where_records_are_mapped_ahead(
    tmp_path, posthog, map_ahead
):
    good = [
        message_of(record_head("events"), json.dumps(row(n)).encode()) for n in range(MANY + 600)
    ]
    lines = messages(SCHEMA) + b"".join(good) + b'{"type":"RECORD","stream":"events","record":[7]}'
    settings = {} if map_ahead is None else {"map_ahead": map_ahead}
    pipe = make_pipe(tmp_path, None, posthog, **settings)

    ended = pipe.feed(lines + b"\n" + messages(STATE))

    assert ended.target_code == 1
    assert f"Record {MANY + 601:,} of stream 'events' cannot be read" in ended.target_log
    assert "Traceback" not in ended.target_log
    assert ended.states == []


def test_a_file_is_removed_when_its_records_are_decided_and_state_follows(tmp_path, posthog):
    one, two = (gzipped(tmp_path / f"{n}.gz", row(n), row(n + 10)) for n in (1, 2))
    pipe = make_pipe(tmp_path, None, posthog)

    ended = pipe.feed(messages(SCHEMA, batch(one, two), STATE))

    assert ended.target_code == 0, ended.target_log
    assert ended.states == [STATE["value"]]
    assert not one.exists()
    assert not two.exists()
    assert {each["distinct_id"] for each in posthog.stored()} == {
        "user-1", "user-2", "user-11", "user-12",
    }  # fmt: skip


def test_plain_files_records_and_batches_keep_their_order(tmp_path, posthog):
    (tmp_path / "plain.jsonl").write_text(json.dumps(row(1, user_id="ann")) + "\n\n")
    record = {"type": "RECORD", "stream": "events", "record": row(2, user_id="ann")}
    last = gzipped(tmp_path / "last.gz", row(3, user_id="ann"))
    pipe = make_pipe(tmp_path, None, posthog)

    ended = pipe.feed(
        messages(SCHEMA, batch(tmp_path / "plain.jsonl", compression="none"), record, batch(last))
    )

    assert ended.target_code == 0, ended.target_log
    played = [each["uuid"][-1] for each in posthog.stored() if each["event"] == "Played"]
    assert played == ["1", "2", "3"]


def test_a_broken_line_is_a_dead_letter_and_a_cut_emoji_is_mended(tmp_path, posthog):
    cut = json.dumps(row(2, city="X")).replace("X", "\\ud83d").encode()
    path = gzipped(tmp_path / "rows.gz", row(1), b'{"broken": ', cut, b"[1]", row(3))
    pipe = make_pipe(tmp_path, None, posthog, max_dead_letters="100%")

    ended = pipe.feed(messages(SCHEMA, batch(path), STATE))

    assert ended.target_code == 0, ended.target_log
    counts = pipe.report["streams"]["events"]
    assert (counts["read"], counts["delivered"], counts["dead"]) == (5, 3, {"bad_line": 2})
    letters = [json.loads(line) for line in pipe.dead_letters.read_text().splitlines()][1:]
    assert [each["record"]["_dead_letter"]["message"] for each in letters] == [
        '{"type":"RECORD","stream":"events","record":{"broken": }\n',
        '{"type":"RECORD","stream":"events","record":[1]}\n',
    ]


def test_what_a_refused_event_told_is_told_again_where_records_are_mapped_ahead(tmp_path):
    """Bob's first event is refused with what it tells of him; his next comes when that is known."""
    told = {"device_id": None, "user_properties": {"plan": "pro"}}
    rows = [row(n, user_id=("ann", "bob")[n % 2], **told) for n in range(4)]
    one, two = gzipped(tmp_path / "1.gz", *rows[:2]), gzipped(tmp_path / "2.gz", *rows[2:])
    with FakePostHog(keep_bodies=True) as posthog:
        posthog.misbehave_always(
            Reply(400, b"event submitted with an empty event name"),
            when=lambda each: b"000000000001" in gzip.decompress(each.body),
        )
        pipe = make_pipe(tmp_path, None, posthog, map_ahead=True, max_dead_letters="50%")
        target = started(pipe)
        assert target.stdin is not None
        target.stdin.write(messages(SCHEMA, batch(one)))
        target.stdin.flush()
        while one.exists() and target.poll() is None:  # until its records are decided
            time.sleep(0.01)
        _, log = target.communicate(messages(batch(two), STATE), timeout=60)

        assert target.returncode == 0, log
        assert pipe.report["streams"]["events"]["dead"] == {"refused": 1}
        tells = {each["uuid"][-1]: "$set" in each["properties"] for each in posthog.stored()}
        assert tells == {"0": True, "2": False, "3": True}


def test_a_number_beyond_a_double_arrives_as_its_text(tmp_path, posthog):
    great = [
        json.dumps(row(n, event_properties={"n": "N"})).replace('"N"', "1e999").encode()
        for n in (1, 2)
    ]
    pipe = make_pipe(tmp_path, None, posthog)
    path = gzipped(tmp_path / "rows.gz", great[0])
    message = message_of(record_head("events"), great[1])

    ended = pipe.feed(messages(SCHEMA) + message + messages(batch(path), STATE))

    assert ended.target_code == 0, ended.target_log
    played = [each for each in posthog.stored() if each["event"] == "Played"]
    assert [each["properties"]["n"] for each in played] == ["1e999"] * 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path, "cannot be read (No such file or directory)"),
        (lambda path: path.write_bytes(gzip.compress(b"{}" * 99)[:-9]), "is damaged"),
        (lambda path: path.write_bytes(gzip.compress(b" " * 300_000_000)), "is no export"),
    ],
    ids=["gone", "cut off", "a bomb"],
)
def test_a_file_that_cannot_be_read_stops_the_run_in_a_sentence(tmp_path, posthog, make, sentence):
    good, bad = gzipped(tmp_path / "good.gz", row(1)), tmp_path / "bad.gz"
    make(bad)
    pipe = make_pipe(tmp_path, None, posthog)

    ended = pipe.feed(messages(SCHEMA, batch(good), batch(bad), STATE))

    assert ended.target_code == 1
    assert f"The file bad.gz of a BATCH message {sentence}" in ended.target_log
    assert "Traceback" not in ended.target_log
    assert ended.states == []


def test_an_encoding_or_an_address_that_is_not_read_gets_a_sentence(tmp_path, posthog):
    pipe = make_pipe(tmp_path, None, posthog)
    parquet = pipe.feed(messages(SCHEMA, batch("/x.parquet", format="parquet")))
    assert parquet.target_code == 1
    assert "this target reads jsonl, gzipped or plain" in parquet.target_log
    away = {**batch("/x"), "manifest": ["s3://bucket/x.gz"]}
    bucket = pipe.feed(messages(SCHEMA, away))
    assert bucket.target_code == 1
    assert "names a file at s3://" in bucket.target_log


def test_stream_maps_change_what_comes_in_files_too(tmp_path, posthog):
    path = gzipped(tmp_path / "rows.gz", row(1, city="Secret City"))
    maps = {"stream_maps": {"events": {"city": "'hidden'"}}}
    pipe = make_pipe(tmp_path, None, posthog, **maps)

    ended = pipe.feed(messages(SCHEMA, batch(path)))

    assert ended.target_code == 0, ended.target_log
    (event,) = [each for each in posthog.stored() if each["event"] == "Played"]
    assert event["properties"]["$geoip_city_name"] == "hidden"


def started(pipe):
    command = [str(BIN / pipe.target_name), "--config", pipe._write("target", pipe.target)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@contextmanager
def under_way(tmp_path, posthog):
    """Yield a target with many files before it, whose second process has started."""
    paths = [
        gzipped(tmp_path / f"{n}.gz", *(row(n * 1_000 + m) for m in range(300))) for n in range(20)
    ]
    pipe = make_pipe(tmp_path, None, posthog, map_ahead=True, max_batch_events=100)
    process = started(pipe)
    assert process.stdin is not None
    process.stdin.write(messages(SCHEMA, *map(batch, paths), STATE))
    process.stdin.flush()
    while not workers_of(process.pid):
        time.sleep(0.01)
    yield process

    ended = pipe.feed(messages(SCHEMA, *(batch(path) for path in paths if path.exists()), STATE))
    assert ended.target_code == 0, ended.target_log
    played = {each["uuid"] for each in posthog.stored() if each["event"] == "Played"}
    assert len(played) == 20 * 300


def test_a_second_process_that_is_killed_stops_the_run_and_nothing_is_lost(tmp_path, posthog):
    with under_way(tmp_path, posthog) as process:
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        output, log = process.communicate(timeout=60)

        assert process.returncode == 1
        assert b"The process that maps records ended" in log
        assert b"Traceback" not in log
        assert output == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_its_second_process_in_good_order(tmp_path, posthog, number):
    with under_way(tmp_path, posthog) as process:
        workers = workers_of(process.pid)
        posthog._wait_for(lambda: len(posthog.journal) > 2, "the first requests")
        process.send_signal(number)
        output, log = process.communicate(timeout=60)

        assert process.returncode == 128 + number
        assert b"Traceback" not in log
        assert output == b""
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def workers_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]
