"""A realistic Mixpanel export, and its truth. The same seed makes the same one everywhere.

Some people own several devices, some share one; phones stay offline for days. `scenes` adds what is
rare.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timezone
from pathlib import Path

import orjson

from tests.fakes.company.rows import Dice
from tests.fakes.mixpanel_export.engage import Profile
from tests.fakes.mixpanel_export.rows import Row
from tests.mixpanel_people.calls import DAY, HOUR, MINUTE, SECOND, System, Upload
from tests.mixpanel_people.lives import CLOCKS, COMPANIES, Device, Life, Visit
from tests.mixpanel_people.mixpanel import Mixpanel
from tests.mixpanel_people.scenes import SCENES, Kind, Scene
from tests.mixpanel_people.truth import Truth

START = datetime(2025, 3, 6, tzinfo=timezone.utc)
"""Three days before summer time begins in the United States."""

SHARED_SHARE = 0.15
OFFLINE_SHARE = 0.08
DATA_GROUPS = {"company": "-1234567890123456789"}
"""Group key -> its data group id."""


class Export:
    """The export of one project.

    Args:
        seed: everything follows from it.
        users: how many ordinary people there are who have a user id.
        days: over how many days they come.
        system: the identity system of the project.
        zone: IANA zone of an old project, whose times are wall clock; None: a new one.
        sessions_in: IANA zone of the project; None: `zone`, or UTC.
        scenes: what is rare.
        times: how often each of them is played; None: once for 40 users.
        start: when the first of them comes.
        readings: whether a second reading finds late rows and changed ids; else the first has all.

    Attributes:
        rows: in no order that means anything.
        profiles: of users.
        group_profiles: data group id -> profiles.
        truth: what must come of them.
        timezone: of the project.
    """

    def __init__(  # noqa: PLR0913 - a project has that many traits
        self,
        seed: int,
        users: int = 400,
        days: int = 6,
        *,
        system: System = "simplified",
        zone: str | None = None,
        sessions_in: str | None = None,
        scenes: Sequence[Kind] = SCENES,
        times: int | None = None,
        start: datetime = START,
        readings: bool = False,
    ) -> None:
        self.system, self.zone = system, zone
        self.timezone = sessions_in or zone or "UTC"
        self._dice = Dice(seed)
        self._users, self._days = users, days
        self._scenes = [scene for scene in scenes if system in scene.systems]
        self._times = max(1, users // 40) if times is None else times
        self._start = round(start.timestamp() * 1_000)
        self._project = Mixpanel(self._dice, system, zone, self.timezone, readings=readings)
        for upload in _one_at_a_time(self._uploads()):
            self._project.take(upload)
        self.rows: list[Row] = self._dice.shuffled(self._project.rows())
        self.profiles: list[Profile] = self._project.profiles()
        self.group_profiles = {
            DATA_GROUPS[key]: profiles for key, profiles in self._project.group_profiles().items()
        }
        self.truth: Truth = self._project.truth()

    @property
    def days(self) -> list[date]:
        """The project's days that have rows, in order."""
        return sorted({row.day for row in self.rows})

    def lines(self, day: date | None = None, reading: int = 1) -> list[bytes]:
        """The rows as exported in milliseconds: of a day, or all of them."""
        return [
            row.line(reading, in_ms=True)
            for row in self.rows
            if row.appears <= reading and day in (None, row.day)
        ]

    def write(self, folder: Path, *, files: int = 1, in_ms: bool = True) -> Path:
        """Write the export as files of JSON lines, in any cut, every other one compressed.

        Args:
            folder: that is made.
            files: among how many the rows are dealt, whatever their day.
            in_ms: whether times are in milliseconds.
        """
        folder.mkdir(parents=True)
        dice = Dice(files)
        shares: list[list[bytes]] = [[] for _ in range(files)]
        for row in self.rows:
            shares[dice.below(files)].append(row.line(9, in_ms=in_ms) + b"\n")
        for number, share in enumerate(shares):
            body = b"".join(share)
            if number % 2:
                packed = gzip.compress(body, 1, mtime=0)
                (folder / f"export-{number}.jsonl.gz").write_bytes(packed)
            else:
                (folder / f"export-{number}.jsonl").write_bytes(body)
        people = [orjson.dumps(profile.result(None)) + b"\n" for profile in self.profiles]
        if people:
            (folder / "people.jsonl").write_bytes(b"".join(people))
        return folder

    # Who comes when -------------------------------------------------------------------------

    def _uploads(self) -> Iterator[Upload]:
        if self._users:
            about = {("company", name): {"name": f"{name} Inc.", "seats": 10} for name in COMPANIES}
            yield Upload(self._start, groups=about)
        visits = sorted(self._visits(), key=lambda visit: visit.start)
        for visit in visits:
            yield from Life(self._dice, visit).uploads()
        for scene in self._scenes:
            for number in range(self._times):
                start = self._start + HOUR + self._dice.below(self._days * DAY)
                yield from scene.play(Scene(self._dice, self._project, start, number))

    def _visits(self) -> Iterator[Visit]:
        tablets = {
            number: self._device("iphone", is_shared=True) for number in range(self._tablets)
        }
        opens = {number: self._dice.below(self._days * DAY) for number in tablets}
        for number in range(self._users):
            yield from self._visits_of(number)
            while self._dice.random() < 0.55:
                tablet = self._dice.below(self._tablets)
                start = opens[tablet] + self._dice.below(3 * HOUR)
                yield self._visit(tablets[tablet], f"user-{number:04}", number, start)
        for _ in range(self._users // 4):  # those who never log in
            device = self._device(self._dice.pick(["web", "iphone"]))
            for _ in range(1 + self._dice.below(2)):
                yield self._visit(device, None, -1)

    @property
    def _tablets(self) -> int:
        """How many devices are shared, beside 1.5 of each user and those of visitors."""
        own = self._users * 1.5 + self._users / 4
        return max(1, int(own * SHARED_SHARE / (1 - SHARED_SHARE)))

    def _visits_of(self, number: int) -> Iterator[Visit]:
        dice, user = self._dice, f"user-{number:04}"
        self._project.knows_user(user)
        libraries = ["web", "web", "iphone", "android"]
        own = [self._device(dice.pick(libraries)) for _ in range(1 + dice.below(2))]
        for device in own:
            for _ in range(1 + dice.below(2)):
                yield self._visit(device, user, number)

    def _device(self, library: str, *, is_shared: bool = False) -> Device:
        clock = self._dice.pick(CLOCKS)
        return Device(self._dice, self.system, self._dice.uuid(), is_shared, clock, library)

    def _visit(
        self, device: Device, user: str | None, number: int, start: int | None = None
    ) -> Visit:
        dice = self._dice
        if start is None:
            start = dice.below(self._days * DAY)
        offline = (1 + dice.below(4)) * DAY if dice.random() < OFFLINE_SHARE else 0
        return Visit(device, user, number, self._start + MINUTE + start, offline)


def _one_at_a_time(uploads: Iterable[Upload]) -> Iterator[Upload]:
    """Return uploads in the order of their receipt; a device's in the order of its events."""
    sent: dict[object, int] = {}
    taken: set[int] = set()
    ready: list[Upload] = []
    for upload in uploads:
        sender = upload.calls[0].ids.get("$device_id") if upload.calls else None
        received = upload.received
        if sender is not None:
            received = max(received, sent.get(sender, 0) + SECOND)
            sent[sender] = received
        while received in taken:
            received += 1
        taken.add(received)
        upload.received = received
        ready.append(upload)
    return iter(sorted(ready, key=lambda each: each.received))
