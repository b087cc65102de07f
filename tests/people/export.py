"""A realistic Amplitude export, and its truth. The same seed makes the same one everywhere.

Some people own several devices, some share one; phones stay offline for days; parts of an hour are
shards in no order. `oddities` adds what is rare.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from tests.fakes.company.rows import DAY, HOUR, MINUTE, SECOND, Dice
from tests.people.amplitude import GROUP_IDENTIFY, Amplitude, Call, Upload
from tests.people.lives import CLOCKS, COMPANIES, Device, Life, Visit
from tests.people.oddities import SCENES, Play, Scene
from tests.people.truth import Truth

START = datetime(2026, 3, 2, tzinfo=timezone.utc)
SHARED_SHARE = 0.15
OFFLINE_SHARE = 0.08
PARTS = (627, 70, 1, 1003)
"""Numbers of parts are arbitrary, and the same in different hours."""


class Export:
    """The export of one project.

    Args:
        seed: everything follows from it.
        users: how many ordinary people there are who have a user id.
        days: over how many days they come.
        scenes: what is rare.
        times: how often each of them is played; None: once for 40 users.

    Attributes:
        lines: all rows in the order in which Amplitude took them.
        truth: what must come of them.
    """

    def __init__(
        self,
        seed: int,
        users: int = 400,
        days: int = 6,
        scenes: Sequence[Play] = SCENES,
        times: int | None = None,
    ) -> None:
        self._dice = Dice(seed)
        self._users, self._days, self._scenes = users, days, scenes
        self._times = max(1, users // 40) if times is None else times
        self._start = int(START.timestamp()) * SECOND
        amplitude = Amplitude(self._dice)
        self.lines = [
            line for upload in _one_at_a_time(self._uploads()) for line in amplitude.take(upload)
        ]
        self.truth: Truth = amplitude.truth()

    @cached_property
    def hours(self) -> dict[datetime, list[bytes]]:
        """The rows of each hour of their receipt, in order."""
        hours: dict[datetime, list[bytes]] = {}
        for line in self.lines:
            text = orjson.loads(line)["server_upload_time"]
            hour = datetime.fromisoformat(text).replace(minute=0, second=0, microsecond=0)
            hours.setdefault(hour.replace(tzinfo=timezone.utc), []).append(line)
        return hours

    def write(self, folder: Path, parts: int = 1) -> Path:
        """Write the export as Amplitude's files: each hour in parts, that are shards in no order.

        Args:
            folder: that is made.
            parts: how many files an hour has.
        """
        folder.mkdir(parents=True)
        dice = Dice(parts)
        for hour, lines in self.hours.items():
            shares: list[list[bytes]] = [[] for _ in range(parts)]
            for line in lines if parts == 1 else dice.shuffled(list(lines)):
                shares[dice.below(parts)].append(line)
            for number, share in zip(_numbers(parts), shares, strict=True):
                name = f"187520_{hour:%Y-%m-%d}_{hour.hour}#{number}.json.gz"
                (folder / name).write_bytes(gzip.compress(b"\n".join(share), 1, mtime=0))
        return folder

    # Who comes when -------------------------------------------------------------------------

    def _uploads(self) -> Iterator[Upload]:
        yield Upload(self._start, list(self._companies()))
        visits = sorted(self._visits(), key=lambda visit: visit.start)
        for visit in visits:
            yield from Life(self._dice, visit).uploads()
        for play in self._scenes:
            for number in range(self._times):
                start = self._start + HOUR + self._dice.below(self._days * DAY)
                yield from play(Scene(self._dice, start, number))

    def _companies(self) -> Iterator[Call]:
        for number, company in enumerate(COMPANIES):
            yield Call(
                name=GROUP_IDENTIFY,
                at=self._start - 50 * SECOND + number,
                user="administrator",
                groups={"company": [company]},
                about_group={"$set": {"name": f"{company} Inc.", "seats": 10}},
            )

    def _visits(self) -> Iterator[Visit]:
        tablets = {number: self._device("iOS", is_shared=True) for number in range(self._tablets)}
        opens = {number: self._dice.below(self._days * DAY) for number in tablets}
        for number in range(self._users):
            yield from self._visits_of(number)
            while self._dice.random() < 0.55:
                tablet = self._dice.below(self._tablets)
                start = opens[tablet] + self._dice.below(3 * HOUR)
                yield self._visit(tablets[tablet], f"user-{number:04}", number, start)
        for _ in range(self._users // 4):  # those who never log in
            device = self._device(self._dice.pick(["Web", "iOS"]))
            for _ in range(1 + self._dice.below(2)):
                yield self._visit(device, None, -1)

    @property
    def _tablets(self) -> int:
        """How many devices are shared, beside 1.5 of each user and those of visitors."""
        own = self._users * 1.5 + self._users / 4
        return max(1, int(own * SHARED_SHARE / (1 - SHARED_SHARE)))

    def _visits_of(self, number: int) -> Iterator[Visit]:
        dice, user = self._dice, f"user-{number:04}"
        own = [self._device(dice.pick(["Web", "iOS"])) for _ in range(1 + dice.below(2))]
        for device in own:
            for _ in range(1 + dice.below(2)):
                yield self._visit(device, user, number)

    def _device(self, platform: str, *, is_shared: bool = False) -> Device:
        clock = self._dice.pick(CLOCKS)
        return Device(self._dice, self._dice.uuid(), is_shared, clock, platform)

    def _visit(self, device: Device, user: Any, number: int, start: int | None = None) -> Visit:
        dice = self._dice
        if start is None:
            start = dice.below(self._days * DAY)
        offline = (1 + dice.below(12)) * DAY if dice.random() < OFFLINE_SHARE else 0
        return Visit(device, user, number, self._start + MINUTE + start, offline)


def _numbers(parts: int) -> list[int]:
    return [PARTS[part] if part < len(PARTS) else 2000 + 7 * part for part in range(parts)]


def _one_at_a_time(uploads: Iterable[Upload]) -> Iterator[Upload]:
    """Return uploads in the order of their receipt; a device's in the order of its events."""
    sent: dict[Any, int] = {}
    taken: set[int] = set()
    ready: list[Upload] = []
    for upload in uploads:
        sender = upload.calls[0].device
        received = max(upload.received, sent.get(sender, 0) + SECOND)
        while received in taken:
            received += 1
        taken.add(received)
        sent[sender] = received
        ready.append(Upload(received, upload.calls))
    return iter(sorted(ready, key=lambda upload: upload.received))
