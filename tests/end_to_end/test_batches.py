"""Files in BATCH messages: taken as records are, removed when decided, refused in a sentence."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.destinations import POSTHOG
from tests.end_to_end.commands import Command
from tests.end_to_end.pipe import (
    BIN,
    MAPPED_ELSEWHERE,
    MAPPED_HERE,
    all_hours,
    batches_in,
    make_pipe,
)
from tests.examples import first_of
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import DropConnection, LoseReply, Reply
from tests.singer_delivery.toys import PlayedClock

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
LONG = 1_000
"""Records after which a run counts as long: a process that maps starts."""

STATE = {"type": "STATE", "value": {"done": True}}


@pytest.fixture(scope="module")
def company():
    return Company(seed=12, events=3_000, hours=30)


@pytest.fixture
def service(destination, company):
    with destination.open(company) as fake:
        yield fake


@pytest.fixture
def pipe(tmp_path, destination, service):
    return make_pipe(tmp_path, None, destination, service)


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    """The target in this process: for what needs no second one, nor a signal."""
    config = destination.settings(service)
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


def from_amplitude(folder, amplitude, destination, fake, company):
    """Make a pipe that hands over files, which another process maps."""
    pipe = all_hours(make_pipe(folder, amplitude, destination, fake), company)
    pipe.tap["batch_config"] = batches_in(pipe.folder)
    pipe.target |= MAPPED_ELSEWHERE
    return pipe


def record_of(line: bytes) -> bytes:
    """Return the RECORD message of a line of an export."""
    return b'{"type":"RECORD","stream":"events","record":%b}\n' % line


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


def played(destination, service):
    """Return the events of the rows of this module, in order of arrival."""
    return [each for each in destination.events(service) if each.name == "Played"]


def test_everything_arrives_once_in_batches_whatever_the_service_answers(
    tmp_path, destination, service, company
):
    for number, act in ((2, Reply(503)), (4, LoseReply()), (5, DropConnection())):
        service.misbehave(act, when=lambda each, number=number: each.number == number)
    with FakeAmplitude(company.hours()) as amplitude:
        pipe = from_amplitude(tmp_path, amplitude, destination, service, company)
        ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    destination.assert_everything_arrived(service, pipe.report, company)
    assert list((tmp_path / "batches").glob("**/*.gz")) == []


@pytest.mark.slow
def test_the_report_is_the_same_whichever_process_maps(tmp_path, destination, company):
    reports = []
    for way in ("records", "batches", "batches, mapped here"):
        (tmp_path / way).mkdir()
        with FakeAmplitude(company.hours()) as amplitude, destination.open(company) as fake:
            pipe = from_amplitude(tmp_path / way, amplitude, destination, fake, company)
            if way == "records":
                del pipe.tap["batch_config"]
            if way != "batches":
                pipe.target |= MAPPED_HERE
            ended = pipe.run()
            assert (ended.tap_code, ended.target_code) == (0, 0), ended.target_log
            assert destination.failed(fake, pipe.report, company) == []
            reports.append({k: pipe.report[k] for k in ("streams", "sent", "events", "notes")})
    assert reports[0] == reports[1] == reports[2]


@pytest.mark.slow
def test_records_of_a_long_run_are_mapped_elsewhere_and_come_to_the_same(tmp_path, destination):
    """The process starts in the middle; STATE, a second schema and a blank line come between."""
    many = Company(seed=13, events=LONG + 2_500, hours=40)
    lines = [record_of(line) for hour in many.hours().values() for line in hour]
    schema, state = messages(SCHEMA), messages(STATE)
    lines[LONG + 500 : LONG + 500] = [state, b"\n"]
    lines[LONG + 2_000 : LONG + 2_000] = [schema, state]
    reports = []
    for way, settings in (("here", MAPPED_HERE), ("elsewhere", MAPPED_ELSEWHERE)):
        with destination.open(many) as fake:
            (tmp_path / way).mkdir()
            pipe = make_pipe(tmp_path / way, None, destination, fake, **settings)
            ended = pipe.feed(schema + b"".join(lines) + state)
            assert ended.target_code == 0, ended.target_log
            assert len(ended.states) == 3
            destination.assert_everything_arrived(fake, pipe.report, many)
        reports.append({k: pipe.report[k] for k in ("streams", "sent", "events", "notes")})
    assert reports[0] == reports[1]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [MAPPED_ELSEWHERE, {}], ids=["from the first", "once long"])
def test_a_record_that_is_none_is_a_dead_letter_where_records_are_mapped_elsewhere(pipe, settings):
    good = [record_of(json.dumps(row(number)).encode()) for number in range(LONG + 600)]
    lines = messages(SCHEMA) + b"".join(good) + record_of(b"[7]")
    pipe.target |= settings

    ended = pipe.feed(lines + messages(STATE))

    assert ended.target_code == 0, ended.target_log
    counts = pipe.report["streams"]["events"]
    assert (counts["delivered"], counts["dead"]) == (LONG + 600, {"bad_line": 1})
    assert ended.states == [STATE["value"]]


@pytest.mark.parametrize(
    "settings", first_of([MAPPED_HERE, MAPPED_ELSEWHERE]), ids=["here", "elsewhere"]
)
def test_bytes_that_are_no_text_are_a_dead_letter_on_both_roads(tmp_path, pipe, settings):
    """In a column that no decision asks for, so that they are found when the record is mapped."""
    no_text = json.dumps(row(2, library="X")).encode().replace(b"X", b"\xff")
    pipe.target |= {**settings, "max_dead_letters": "100%"}

    good = record_of(json.dumps(row(1)).encode())
    for road in (
        messages(SCHEMA) + good + record_of(no_text) + messages(STATE),
        messages(SCHEMA, batch(gzipped(tmp_path / "1.gz", row(3), no_text)), STATE),
    ):
        ended = pipe.feed(road)
        assert ended.target_code == 0, ended.target_log
        counts = pipe.report["streams"]["events"]
        assert (counts["delivered"], counts["dead"]) == (1, {"bad_line": 1})
        assert ended.states == [STATE["value"]]


def test_a_file_is_removed_when_its_records_are_decided_and_state_follows(
    tmp_path, destination, service, command
):
    one, two = (gzipped(tmp_path / f"{n}.gz", row(n), row(n + 10)) for n in (1, 2))
    ended = command.run(messages(SCHEMA, batch(one, two), STATE))

    assert ended.code == 0, ended.log
    assert ended.states == [STATE["value"]]
    assert not one.exists()
    assert not two.exists()
    assert set(destination.people(service)) == {
        "user-1", "user-2", "user-11", "user-12",
    }  # fmt: skip


def test_plain_files_records_and_batches_keep_their_order(tmp_path, destination, service, command):
    (tmp_path / "plain.jsonl").write_text(json.dumps(row(1, user_id="ann")) + "\n\n")
    record = {"type": "RECORD", "stream": "events", "record": row(2, user_id="ann")}
    last = gzipped(tmp_path / "last.gz", row(3, user_id="ann"))
    ended = command.run(
        messages(SCHEMA, batch(tmp_path / "plain.jsonl", compression="none"), record, batch(last))
    )

    assert ended.code == 0, ended.log
    assert [each.id[-1] for each in played(destination, service)] == ["1", "2", "3"]


def test_a_broken_line_is_a_dead_letter_and_a_cut_emoji_is_mended(tmp_path, command):
    cut = json.dumps(row(2, city="X")).replace("X", "\\ud83d").encode()
    path = gzipped(tmp_path / "rows.gz", row(1), b'{"broken": ', cut, b"[1]", row(3))
    command.config["max_dead_letters"] = "100%"

    ended = command.run(messages(SCHEMA, batch(path), STATE))

    assert ended.code == 0, ended.log
    counts = command.report["streams"]["events"]
    assert (counts["read"], counts["delivered"], counts["dead"]) == (5, 3, {"bad_line": 2})
    letters = [json.loads(line) for line in command.dead_letter_path.read_text().splitlines()][1:]
    assert [each["record"]["_dead_letter"]["message"] for each in letters] == [
        '{"type":"RECORD","stream":"events","record":{"broken": }\n',
        '{"type":"RECORD","stream":"events","record":[1]}\n',
    ]


@pytest.mark.slow
@pytest.mark.parametrize("destination", [POSTHOG], ids=str)
def test_what_a_refused_event_says_of_its_person_the_next_one_says_again(tmp_path, destination):
    """Bob's first event is refused with his properties; his next comes when that is known.

    Mixpanel's events say nothing of persons.
    """
    told = {"device_id": None, "user_properties": {"plan": "pro"}}
    rows = [row(n, user_id=("ann", "bob")[n % 2], **told) for n in range(4)]
    one, two = gzipped(tmp_path / "1.gz", *rows[:2]), gzipped(tmp_path / "2.gz", *rows[2:])
    with destination.open(keep_bodies=True) as posthog:
        posthog.misbehave_always(
            Reply(400, b"event submitted with an empty event name"),
            when=lambda each: b"000000000001" in gzip.decompress(each.body),
        )
        pipe = make_pipe(tmp_path, None, destination, posthog, max_dead_letters="50%")
        pipe.target |= MAPPED_ELSEWHERE
        target = started(pipe)
        assert target.stdin is not None
        target.stdin.write(messages(SCHEMA, batch(one)))
        target.stdin.flush()
        while one.exists() and target.poll() is None:  # until its records are decided
            time.sleep(0.01)
        _, log = target.communicate(messages(batch(two), STATE), timeout=60)

        assert target.returncode == 0, log
        assert pipe.report["streams"]["events"]["dead"] == {"refused": 1}
        tells = {each.id[-1]: "$set" in each.properties for each in destination.events(posthog)}
        assert tells == {"0": True, "2": False, "3": True}


def test_a_number_beyond_a_double_arrives_as_its_text(tmp_path, destination, service, command):
    great = [
        json.dumps(row(n, event_properties={"n": "N"})).replace('"N"', "1e999").encode()
        for n in (1, 2)
    ]
    path = gzipped(tmp_path / "rows.gz", great[0])
    message = record_of(great[1])

    ended = command.run(messages(SCHEMA) + message + messages(batch(path), STATE))

    assert ended.code == 0, ended.log
    found = [each.properties["n"] for each in played(destination, service)]
    assert found == ["1e999"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path, "cannot be read (No such file or directory)"),
        (lambda path: path.write_bytes(gzip.compress(b"{}" * 99)[:-9]), "is damaged"),
        (lambda path: path.write_bytes(gzip.compress(b" " * 300_000_000)), "is no export"),
    ],
    ids=["gone", "cut off", "a bomb"],
)
def test_a_file_that_cannot_be_read_stops_the_run_in_a_sentence(tmp_path, command, make, sentence):
    good, bad = gzipped(tmp_path / "good.gz", row(1)), tmp_path / "bad.gz"
    make(bad)
    ended = command.run(messages(SCHEMA, batch(good), batch(bad), STATE))

    assert ended.code == 1
    assert f"The file bad.gz of a BATCH message {sentence}" in ended.log
    assert "Traceback" not in ended.log
    assert ended.states == []


def test_an_encoding_or_an_address_that_is_not_read_gets_a_sentence(command):
    parquet = command.run(messages(SCHEMA, batch("/x.parquet", format="parquet")))
    assert parquet.code == 1
    assert "this target reads jsonl, gzipped or plain" in parquet.log
    away = {**batch("/x"), "manifest": ["s3://bucket/x.gz"]}
    bucket = command.run(messages(SCHEMA, away))
    assert bucket.code == 1
    assert "names a file at s3://" in bucket.log


def test_stream_maps_change_what_comes_in_files_too(tmp_path, destination, service, command):
    path = gzipped(tmp_path / "rows.gz", row(1, city="Secret City"))
    command.config["stream_maps"] = {"events": {"city": "'hidden'"}}

    ended = command.run(messages(SCHEMA, batch(path)))

    assert ended.code == 0, ended.log
    (event,) = played(destination, service)
    assert event.properties[destination.city] == "hidden"


def started(pipe):
    command = [str(BIN / pipe.target_name), "--config", pipe._write("target", pipe.target)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@contextmanager
def under_way(tmp_path, destination, service, pipe):
    """Yield a target with many files before it, whose second process has started."""
    paths = [
        gzipped(tmp_path / f"{n}.gz", *(row(n * 1_000 + m) for m in range(300))) for n in range(20)
    ]
    pipe.target |= {**MAPPED_ELSEWHERE, "max_batch_events": 100}
    process = started(pipe)
    assert process.stdin is not None
    process.stdin.write(messages(SCHEMA, *map(batch, paths), STATE))
    process.stdin.flush()
    while not workers_of(process.pid):
        time.sleep(0.01)
    yield process

    ended = pipe.feed(messages(SCHEMA, *(batch(path) for path in paths if path.exists()), STATE))
    assert ended.target_code == 0, ended.target_log
    assert len({each.id for each in played(destination, service)}) == 20 * 300


@pytest.mark.slow
def test_a_second_process_that_is_killed_stops_the_run_and_nothing_is_lost(
    tmp_path, destination, service, pipe
):
    with under_way(tmp_path, destination, service, pipe) as process:
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        output, log = process.communicate(timeout=60)

        assert process.returncode == 1
        assert b"A process that maps records ended" in log
        assert b"Traceback" not in log
        assert output == b""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_its_second_process_in_good_order(
    tmp_path, destination, service, pipe, number
):
    with under_way(tmp_path, destination, service, pipe) as process:
        workers = workers_of(process.pid)
        service.wait_until_asked(3)
        process.send_signal(number)
        output, log = process.communicate(timeout=60)

        assert process.returncode == 128 + number
        assert b"Traceback" not in log
        assert output == b""
        assert not [pid for pid in workers if maps(pid)]


def workers_of(pid: int) -> list[int]:
    """Return the processes that map; multiprocessing has a helper beside them."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split() if maps(int(each))]


def maps(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
