"""Events that wait in the ledger because Amplitude takes no more of their id today.

A kill before and after each durable write on their way in and out changes nothing: every event
arrives once, those of the id in the order they were read.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest

from tests.destinations import AMPLITUDE
from tests.end_to_end.killed_at import write_executable
from tests.end_to_end.pipe import Ended, Pipe, make_pipe
from tests.end_to_end.roads import EXPORT, row
from tests.end_to_end.test_security import found_in, leaks, watched

HOT, OTHERS = "hot-user", ("user-one", "user-two", "user-three")
COUNT = 60
QUOTA = 8
"""Less than the hot user's events in one request."""

INWARDS = ("parked", "claims", "ledger", "state")
OUTWARDS = ("request", "reply", "unparked", "listed")


class Hot:
    """A target whose runs read the same rows, and a service with a daily quota for each user."""

    def __init__(
        self, pipe: Pipe, service: Any, messages: Callable[[], Iterable[dict[str, Any]]]
    ) -> None:
        self.pipe, self.service = pipe, service
        self._messages = messages

    def allow(self, quota: int) -> None:
        """Let the service take so many events of a user a day."""
        self.service._users._quota = quota

    def run(self) -> Ended:
        lines = (json.dumps(each).encode() + b"\n" for each in (EXPORT, *self._messages()))
        return self.pipe.feed(b"".join(lines))

    def die_at(self, step: str, when: str, number: int = 1) -> bool:
        """Run up to that arrow; tell whether it came there."""
        name = self.pipe.target_name
        path = self.pipe.folder / "killed-at"
        self.pipe.target_name = write_executable(path, name, step, when, number)
        ended = self.run()
        self.pipe.target_name = name
        return ended.target_code == -signal.SIGKILL

    @property
    def waiting(self) -> int:
        """How many events wait, as a run that starts now would find them."""
        with closing(sqlite3.connect(self.pipe.folder / "ledger.sqlite3")) as database:
            return database.execute("SELECT count(*) FROM singer_delivery_parked").fetchone()[0]

    def check(self) -> None:
        """Every event is there once, and each user's are in their order."""
        stored = [each["event_properties"] for each in self.service.stored()]
        assert sorted(each["n"] for each in stored) == [*range(COUNT)]
        for user in (HOT, *OTHERS):
            numbers = [each["n"] for each in stored if each["of"] == user]
            assert numbers == sorted(numbers), user
        assert self.service.violations == []
        assert self.waiting == 0


def rows() -> list[dict[str, Any]]:
    """Half of them are the hot user's."""
    users = [HOT if number % 2 else OTHERS[number % 3] for number in range(COUNT)]
    return [
        row(
            number,
            user_id=user,
            device_id=f"device-of-{user}",
            event_properties={"n": number, "of": user},
        )
        for number, user in enumerate(users)
    ]


def as_records() -> Iterator[dict[str, Any]]:
    for number, record in enumerate(rows(), 1):
        yield {"type": "RECORD", "stream": "events", "record": record}
        if number % 20 == 0:
            yield {"type": "STATE", "value": {"seen": number}}


def as_files(folder: Any) -> Iterator[dict[str, Any]]:
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows()))
    encoding = {"format": "jsonl", "compression": "none"}
    manifest = [f"file://{path}"]
    yield {"type": "BATCH", "stream": "events", "encoding": encoding, "manifest": manifest}
    yield {"type": "STATE", "value": {"seen": COUNT}}


@contextmanager
def hot(folder: Any, *, in_files: bool = False) -> Iterator[Hot]:
    """Open a service that takes few events of a user, and a target with small requests."""
    messages = partial(as_files, folder) if in_files else as_records
    with AMPLITUDE.open(daily_quota=10**6) as service:
        more = {"max_batch_events": 20, "max_wait_minutes": 0, "processes": int(in_files)}
        begun = Hot(make_pipe(folder, None, AMPLITUDE, service, **more), service, messages)
        begun.allow(QUOTA)
        yield begun


IN_BRIEF = {("parked", "after"), ("unparked", "before")}
both_roads = pytest.mark.parametrize(
    "in_files", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["records", "files"]
)


def arrows(*steps: str) -> list[Any]:
    return [
        pytest.param(step, when, marks=() if (step, when) in IN_BRIEF else pytest.mark.slow)
        for step in steps
        for when in ("before", "after")
    ]


@both_roads
@pytest.mark.parametrize(("step", "when"), arrows(*INWARDS))
def test_a_kill_while_events_begin_to_wait_changes_nothing(tmp_path, step, when, in_files):
    with hot(tmp_path, in_files=in_files) as begun:
        assert begun.die_at(step, when)

        ended = begun.run()

        assert ended.target_code == 1
        assert f"{begun.waiting} events of " in ended.target_log
        assert "wait in the ledger: run again." in ended.target_log
        assert HOT not in ended.target_log
        assert begun.waiting >= COUNT // 2 - QUOTA
        begun.allow(10**6)
        assert begun.run().target_code == 0
        begun.check()


@pytest.mark.slow
@both_roads
@pytest.mark.parametrize(("step", "when"), arrows(*OUTWARDS))
def test_a_kill_while_events_that_waited_are_sent_changes_nothing(tmp_path, step, when, in_files):
    with hot(tmp_path, in_files=in_files) as begun:
        assert begun.run().target_code == 1
        begun.allow(10**6)

        assert begun.die_at(step, when)

        assert begun.run().target_code == 0
        begun.check()


def test_what_waits_is_in_the_ledger_without_the_key_and_in_no_log(tmp_path):
    with hot(tmp_path) as begun, watched():
        ended = begun.run()
        assert "DEBUG" in ended.target_log
        assert begun.waiting > 0
        assert found_in(ended.target_log, [*AMPLITUDE.secrets, HOT, "device-of"]) == set()
        assert leaks(tmp_path, AMPLITUDE.secrets).keys() == {"target.json"}
        assert "ledger.sqlite3" in leaks(tmp_path, [f"device-of-{HOT}"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_kills_wherever_they_strike_and_whenever_the_quota_returns_change_nothing(tmp_path, seed):
    chance = random.Random(seed)
    with hot(tmp_path, in_files=bool(seed % 2)) as begun:
        kills = 0
        for _ in range(15):
            begun.allow(chance.choice((QUOTA, 2 * QUOTA, 10**6)))
            step = chance.choice((*INWARDS, *OUTWARDS))
            kills += begun.die_at(step, chance.choice(("before", "after")), chance.randint(1, 2))
        begun.allow(10**6)
        assert begun.run().target_code == 0
        begun.check()
        assert kills
