"""The target against the stand-in over HTTP: refusals, throttled ids, quotas, and the next run."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timezone

import pytest
from target_amplitude.target import TargetAmplitude

from tests.end_to_end.commands import Command
from tests.fakes.amplitude_batch import BROKEN, BUSY, PAGE, RATE_LIMITED, FakeAmplitudeBatch
from tests.fakes.amplitude_batch.http import json_reply
from tests.fakes.http.server import DropConnection, LoseReply
from tests.singer_delivery.toys import PlayedClock

KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
PLAYED = {
    "event": "Played", "distinct_id": "user", "anonymous_id": "device", "timestamp": "at",
    "insert_id": "id",
}  # fmt: skip
SCHEMA = {
    "type": "SCHEMA",
    "stream": "plays",
    "schema": {"properties": {name: {} for name in ("id", "user", "device", "at")}},
    "key_properties": ["id"],
}
STATE = {"type": "STATE", "value": {"seen": 1}}


class Scene:
    """A target and the stand-in, on one clock."""

    def __init__(self, folder, patch, **options) -> None:
        self.clock = PlayedClock()
        self.amplitude = FakeAmplitudeBatch(
            api_key=KEY,
            now=lambda: datetime.fromtimestamp(self.clock.now(), timezone.utc),
            **options,
        )
        patch.chdir(folder)
        config = {"api_key": KEY, "streams": {"plays": PLAYED}, "processes": 0}
        self.command = Command(TargetAmplitude, folder, config, patch, self.clock)

    def run(self, *rows, **settings):
        config = {"base_url": self.amplitude.url, **settings}
        return self.command.run(lines(*rows), **config)

    def of(self, device):
        """Return the numbers of a device's events, in the order of arrival."""
        events = self.amplitude.stored()
        return [number(each) for each in events if each["device_id"] == device]

    @property
    def counts(self):
        return self.command.report["streams"]["plays"]


def row(at: int, device: str, user: str | None = None):
    minute, second = divmod(at, 60)
    return {
        "id": f"row-{at}", "user": user, "device": device,
        "at": f"2026-03-01T10:{minute:02}:{second:02}Z",
    }  # fmt: skip


def number(event) -> int:
    """Return the number of a row, by its event's time."""
    return event["time"] // 1000 % 3600


def lines(*rows) -> bytes:
    records = ({"type": "RECORD", "stream": "plays", "record": each} for each in rows)
    messages = (SCHEMA, *records, STATE)
    return b"".join(json.dumps(each).encode() + b"\n" for each in messages)


@pytest.fixture
def opened(tmp_path, monkeypatch):
    scenes = []

    def scene(**options) -> Scene:
        made = Scene(tmp_path, monkeypatch, **options)
        made.amplitude.start()
        scenes.append(made)
        return made

    yield scene
    for each in scenes:
        each.amplitude.stop()


def hot_and_cold(count: int):
    return [row(n, "device-hot" if n % 4 else "device-cold") for n in range(count)]


def test_a_device_that_is_throttled_waits_while_the_others_go_on(opened):
    scene = opened(eps_threshold=1)  # 30 in 30 seconds
    ended = scene.run(*hot_and_cold(120), max_batch_events=16)

    assert ended.code == 0, ended.log
    assert scene.of("device-cold") == [n for n in range(120) if not n % 4]
    assert scene.of("device-hot") == [n for n in range(120) if n % 4]
    assert scene.counts["delivered"] == 120
    assert ended.states == [{"seen": 1}]
    assert {batch.status for batch in scene.amplitude.batches} == {200, 429}
    assert "device-hot" not in ended.log


def test_a_user_of_many_devices_that_is_throttled_waits_as_a_whole(opened):
    scene = opened(eps_threshold=1)
    rows = [row(n, f"device-{n % 7}", "user-hot") for n in range(90)]
    ended = scene.run(*rows, max_batch_events=16)
    assert ended.code == 0, ended.log
    for device in range(7):
        assert scene.of(f"device-{device}") == [n for n in range(90) if n % 7 == device]


def test_a_daily_quota_ends_the_run_with_a_sentence_and_the_next_sends_first(opened):
    scene = opened(daily_quota=20)
    ended = scene.run(*hot_and_cold(80), max_batch_events=8, max_wait_minutes=30)

    assert ended.code == 1
    waits = 60 - len(scene.of("device-hot"))
    said = f"{waits} events of 1 id wait in the ledger: run again."
    assert ended.log.splitlines()[-1].endswith(said)
    assert ended.states == [{"seen": 1}]
    assert scene.counts["waiting"] == waits
    assert scene.of("device-cold") == [n for n in range(80) if not n % 4]

    scene.clock.sleep(25 * 3_600)
    ended = scene.run(row(100, "device-hot"), max_wait_minutes=60 * 72)
    assert ended.code == 0, ended.log
    assert scene.of("device-hot") == [*(n for n in range(80) if n % 4), 100]


def test_a_429_that_names_only_ids_of_no_event_here_ends_the_run(opened):
    scene = opened()
    elsewhere = {"throttled_devices": {"device-elsewhere": 1_000}, "throttled_events": []}
    scene.amplitude.misbehave_always(json_reply(429, error="Too many requests", **elsewhere))
    ended = scene.run(*hot_and_cold(8), max_retries=3)
    assert ended.code == 1
    assert "names no event of the request. It was tried 4 times. Nothing is lost" in ended.log
    assert "device-elsewhere" not in ended.log
    assert ended.states == []

    scene.amplitude.behave()
    ended = scene.run(*hot_and_cold(8))
    assert ended.code == 0, ended.log
    assert sorted(number(each) for each in scene.amplitude.stored()) == [*range(8)]


def test_our_own_pace_keeps_a_device_below_what_amplitude_refuses(opened):
    scene = opened(eps_threshold=2)
    rows = [row(n, "device-hot") for n in range(200)]
    ended = scene.run(*rows, max_batch_events=40, max_events_per_second_per_id=2)
    assert ended.code == 0, ended.log
    assert scene.of("device-hot") == [*range(200)]
    assert {batch.status for batch in scene.amplitude.batches} == {200}


def test_silenced_devices_are_dead_letters_and_the_others_arrive(opened):
    scene = opened()
    scene.amplitude.silenced.add("device-hot")
    ended = scene.run(*hot_and_cold(40), max_dead_letters="100%")
    assert ended.code == 0, ended.log
    assert scene.counts["dead"] == {"silenced": 30}
    assert scene.of("device-cold") == [n for n in range(40) if not n % 4]


@pytest.mark.parametrize("named", ["all", "first"])
def test_refused_events_leave_and_the_rest_arrives_once(opened, named):
    scene = opened(named=named)
    short = [row(n, "ab" if n % 3 == 0 else "device-fine") for n in range(60)]
    ended = scene.run(*short, min_id_length=5, max_dead_letters="100%")
    assert ended.code == 0, ended.log
    assert scene.counts["dead"] == {"refused": 20}
    assert scene.of("device-fine") == [n for n in range(60) if n % 3]


@pytest.mark.parametrize(
    "act", [BROKEN, BUSY, PAGE, RATE_LIMITED, DropConnection(), LoseReply()], ids=repr
)
def test_whatever_fails_each_event_arrives_once(opened, act):
    scene = opened()
    scene.amplitude.misbehave(act, act)
    ended = scene.run(*hot_and_cold(20))
    assert ended.code == 0, ended.log
    assert sorted(number(each) for each in scene.amplitude.stored()) == [*range(20)]


def test_a_413_halves_and_a_403_is_searched(opened):
    scene = opened(max_events=7, firewall=["row-13"])
    rows = [{**each, "note": each["id"]} for each in hot_and_cold(30)]
    ended = scene.run(*rows, max_dead_letters="100%")
    assert ended.code == 0, ended.log
    assert scene.counts["dead"] == {"forbidden": 1}
    assert len(scene.amplitude.stored()) == 29


def test_a_wrong_key_stops_before_anything_is_read_and_is_never_quoted(opened):
    scene = opened()
    wrong = "f" * 32
    ended = scene.run(*hot_and_cold(4), api_key=wrong)
    assert ended.code == 1
    assert "`region`" in ended.log
    for secret in (wrong, KEY):
        assert secret not in ended.log
    assert ended.states == []
    assert len(scene.amplitude.stored()) == 0


def test_the_key_is_in_requests_alone(opened):
    scene = opened(daily_quota=5, keep_bodies=True)
    scene.amplitude.silenced.add("device-cold")
    ended = scene.run(*hot_and_cold(40), max_wait_minutes=0, max_dead_letters="100%")
    assert ended.code == 1
    folder = scene.command.folder
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "config.json"]
    assert len(files) >= 3
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path.name
    assert KEY not in ended.log
    bodies = [gzip.decompress(each.body) for each in scene.amplitude.journal]
    assert all(body.count(KEY.encode()) == 1 for body in bodies)


def test_where_gzip_is_refused_plain_bodies_go(opened):
    scene = opened(unzips=False)
    ended = scene.run(*hot_and_cold(20))
    assert ended.code == 0, ended.log
    assert len(scene.amplitude.stored()) == 20


@pytest.mark.parametrize(("remembers", "copies"), [(True, 1), (False, 2)])
def test_a_month_later_a_record_is_not_sent_again(opened, remembers, copies):
    scene = opened()
    for _ in range(2):
        ended = scene.run(*hot_and_cold(8), remember_deliveries=remembers)
        assert ended.code == 0, ended.log
        scene.clock.sleep(30 * 86_400)
    assert len(scene.amplitude.stored()) == 8 * copies
    if remembers:
        assert scene.counts["skipped"] == {"delivered_before": 8}
