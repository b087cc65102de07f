"""People whom the user leaves out: at every target, on every road, in every form of record."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.end_to_end.commands import Command
from tests.singer_delivery.toys import PlayedClock

STREAMS = {
    "orders": {
        "event": "Order", "distinct_id": "customer", "anonymous_id": "device", "timestamp": "at",
    },
    "people": {"person": "customer", "anonymous_id": "device", "timestamp": "at"},
    "firms": {"group": "company", "key": "firm"},
}  # fmt: skip
COLUMNS = {
    "orders": ("id", "customer", "device", "at"),
    "people": ("customer", "device", "at", "plan"),
    "firms": ("firm", "plan"),
    "events": (
        "uuid", "event_type", "event_time", "user_id", "device_id", "amplitude_id", "library",
        "event_properties", "user_properties", "groups", "group_properties", "server_upload_time",
    ),
}  # fmt: skip
AT = "2026-03-01 10:00:00.000000"
LIST = "\ufeff# who asked us to\r\n  gone-user \n\ngone-device\r\n#\n990011\n#17 is an id\nfirm-1\n"
OUT = [
    ("gone-user", "device-of-gone-user", 1),
    ("someone", "gone-device", 2),
    (None, "gone-device", 3),
    (" gone-user ", None, 4),
    (None, "anonymous-again", 990011),
]
IN = [("ann", "device-of-ann", 5), (None, "lone-device", 6), ("Gone-User", "another-device", 7)]


def order(number: int, user: str | None, device: str | None) -> dict[str, Any]:
    return {"id": number, "customer": user, "device": device, "at": "2026-03-01T10:00:00Z"}


def person(_number: int, user: str | None, device: str | None) -> dict[str, Any]:
    return {"customer": user, "device": device, "at": "2026-03-01T10:00:00Z", "plan": "pro"}


def event(number: int, user: str | None, device: str | None, of: int) -> dict[str, Any]:
    return {
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "event_type": "Played",
        "event_time": AT,
        "server_upload_time": AT,
        "user_id": user,
        "device_id": device,
        "amplitude_id": of,
        "user_properties": {"plan": "pro"},
    }


def records(stream: str) -> list[dict[str, Any]]:
    """Return records of those who are out, then of those who stay."""
    people = [*OUT, *IN]
    if stream == "firms":
        return [{"firm": f"firm-{number}", "plan": "pro"} for number in range(2)]
    if stream == "events":
        return [event(number, *each) for number, each in enumerate(people)]
    make = order if stream == "orders" else person
    usable = [each for each in people if each[2] != 990011]
    return [make(number, user, device) for number, (user, device, _) in enumerate(usable)]


def messages(stream: str, road: str, command: Command) -> bytes:
    schema = {"properties": {name: {} for name in COLUMNS[stream]}}
    keys = {"orders": ["id"], "people": ["customer"], "firms": ["firm"], "events": ["uuid"]}[stream]
    first = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys}
    if road == "RECORD":
        rest = [{"type": "RECORD", "stream": stream, "record": each} for each in records(stream)]
    else:
        path = command.folder / f"{stream}.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in records(stream)))
        rest = [{"type": "BATCH", "stream": stream, "encoding": {"format": "jsonl"},
                 "manifest": [path.name]}]  # fmt: skip
    return b"".join(json.dumps(each).encode() + b"\n" for each in (first, *rest))


@pytest.fixture
def service(destination):
    with destination.open(group_keys=["company"]) as fake:
        fake.keep_bodies = True
        yield fake


def text(body: bytes) -> str:
    return (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()


@pytest.fixture
def command(tmp_path, destination, service, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone.txt").write_text(LIST)
    config = {
        **destination.settings(service),
        "streams": STREAMS,
        "exclude_people_path": "gone.txt",
        "max_dead_letters": "100%",
    }
    return Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())


@pytest.mark.parametrize(
    ("road", "processes"), [("RECORD", 0), pytest.param("RECORD", 2, marks=pytest.mark.slow),
                            ("BATCH", 0), pytest.param("BATCH", 2, marks=pytest.mark.slow)],
)  # fmt: skip
@pytest.mark.parametrize(("stream", "out"), [("orders", 4), ("people", 4), ("events", 5)])
def test_nothing_of_them_leaves(command, service, stream, out, road, processes):
    ended = command.run(messages(stream, road, command), processes=processes)

    assert ended.code == 0, ended.log
    counts = command.report["streams"][stream]
    assert counts["skipped"].pop("excluded_person") == out
    assert counts["dead"] == {}
    sent = "".join(text(exchange.body) for exchange in service.journal)
    written = sent + ended.log + json.dumps(command.report)
    for one in ("gone-user", "gone-device", "device-of-gone-user", "anonymous-again"):
        assert one not in written
    assert "ann" in sent


ROWS_OUT = [
    {"$user_id": "gone-user", "$device_id": "device-of-gone-user"},
    {"$user_id": "someone", "$device_id": "gone-device"},
    {"distinct_id": "$device:gone-device", "$device_id": "gone-device"},
    {"distinct_id": "$device:gone-device"},
    {"distinct_id": "someone", "$distinct_id_before_identity": "$device:gone-device"},
    {"distinct_id": "someone", "$distinct_id_before_identity": " gone-user "},
    {"distinct_id": "someone", "$preshuffle_distinct_id": "gone-user"},
    {"distinct_id": 990011},
]
ROWS_IN = [{"$user_id": "ann", "$device_id": "device-of-ann"}, {"$user_id": "Gone-User"}]
JOINS_OUT = [
    ("$identify", {"$identified_id": "gone-user", "$anon_id": "device-of-gone-user"}),
    ("$identify", {"$identified_id": "someone", "$anon_id": "gone-device"}),
    ("$identify", {"distinct_id": "gone-user", "$failure_reason": "too many ids"}),
    ("$create_alias", {"distinct_id": "someone", "alias": "gone-user"}),
    ("$merge", {"$distinct_ids": ["someone", "someone-else", "gone-user"]}),
]


def exported(number: int, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A row of a Mixpanel export."""
    moment = 1_772_359_200_000 + number
    known = {"time": moment, "$insert_id": f"insert-{number}", "$mp_api_timestamp_ms": moment + 5}
    return {
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "time": "2026-03-01T10:00:00.000Z",
        "day": "2026-03-01",
        "session_start": None,
        "identity_merge": "original" if name.startswith("$") else None,
        "event": name,
        "properties": {**known, **properties},
    }


def profile(id_: str | int) -> dict[str, Any]:
    return {
        "distinct_id": str(id_),
        "read_at": "2026-03-02T10:00:00.000Z",
        "properties": {"plan": "pro"},
    }


OF_MIXPANEL = {
    "events": (
        [
            *(exported(number, "Played", of) for number, of in enumerate(ROWS_OUT)),
            *(exported(50 + number, *of) for number, of in enumerate(JOINS_OUT)),
        ],
        [exported(90 + number, "Played", of) for number, of in enumerate(ROWS_IN)],
    ),
    "profiles": (
        [profile(one) for one in ("gone-user", "$device:gone-device", "gone-device", 990011)],
        [profile("ann"), profile("Gone-User")],
    ),
}


@pytest.mark.parametrize("stream", [*OF_MIXPANEL])
def test_nothing_of_them_leaves_of_an_export_of_mixpanel(command, service, stream):
    out, stays = OF_MIXPANEL[stream]
    schema = {"properties": {name: {} for name in stays[0]}}
    first = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []}
    rest = [{"type": "RECORD", "stream": stream, "record": each} for each in (*out, *stays)]

    ended = command.run(b"".join(json.dumps(each).encode() + b"\n" for each in (first, *rest)))

    assert ended.code == 0, ended.log
    counts = command.report["streams"][stream]
    assert counts["skipped"].pop("excluded_person") == len(out)
    assert counts["dead"] == {}
    sent = "".join(text(exchange.body) for exchange in service.journal)
    written = sent + ended.log + json.dumps(command.report)
    assert not [one for one in ("gone-user", "gone-device", "990011") if one in written]
    assert "ann" in sent


def test_they_are_asked_for_before_a_record_can_be_a_dead_letter(command):
    nameless = {"id": 1, "customer": "gone-user", "device": None, "at": "never"}
    lines = messages("orders", "RECORD", command)
    line = {"type": "RECORD", "stream": "orders", "record": nameless}

    ended = command.run(lines + json.dumps(line).encode() + b"\n")

    assert ended.code == 0
    assert command.dead_letters == []


def test_groups_are_no_people(command):
    ended = command.run(messages("firms", "RECORD", command))

    assert ended.code == 0
    assert command.report["streams"]["firms"]["delivered"] == 2


def test_a_dry_run_leaves_them_out_too(command, tmp_path):
    ended = command.run(
        messages("orders", "RECORD", command), dry_run=True, output_path=str(tmp_path / "out")
    )
    assert ended.code == 0
    assert "gone-" not in (tmp_path / "out").read_text()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere.txt", "(No such file or directory)"),
        ("", "no file, which cannot be read (Is a directory)"),
        (".", "(Is a directory)"),
        ("odd.txt", "(it is no text in UTF-8)"),
        ("a\0b", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_run_at_the_start(command, service, path, why):
    (command.folder / "odd.txt").write_bytes(b"secret-person\xff\n")

    ended = command.run(messages("orders", "RECORD", command), exclude_people_path=path)

    assert ended.code == 1
    (said,) = [line for line in ended.log.splitlines() if "exclude_people_path" in line]
    assert why in said
    assert "_EXCLUDE_PEOPLE_PATH)" in said
    assert "secret-person" not in ended.log
    assert "Traceback" not in ended.log
    assert service.journal == []
