"""A seeded company whose Amplitude export is real-shaped, and the truth of what must arrive.

People come to the web and to the app without a name, log in, go on, log out; some own several
devices, some share a tablet; what is known of them and of their organisations changes on the way.
Devices that were offline deliver hours later, the lines of an hour stand in no order, and about one
row in a hundred is odd (see `odd`). The same seed makes the same export everywhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from tests.fakes.company import events as deeds
from tests.fakes.company.amplitude import AmplitudeTruth
from tests.fakes.company.mixpanel import MixpanelTruth
from tests.fakes.company.odd import ODDITIES, ONCE
from tests.fakes.company.people import Town
from tests.fakes.company.rows import HOUR, MINUTE, SECOND, Dice, time_text
from tests.fakes.company.truth import Meant, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.company.odd import Row
    from tests.fakes.company.people import Device, Person

ODD_EVERY = 61
LATE_SHARE = 0.07
FIRST_HOUR = datetime(2024, 3, 1, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# How busy each hour of the day is, UTC.
RHYTHM = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 8, 8, 9, 9, 9, 8, 8, 7, 7, 6, 5, 4, 3)


class Line(NamedTuple):
    """A line of the export and what the generator means by it."""

    raw: bytes
    meant: Meant


class Visit(NamedTuple):
    """One session of one person on one device."""

    person: Person
    device: Device
    start: int
    upload: int | None  # a device that was offline delivers all of it from then on
    names_itself_at: int  # from which event on the user_id is there
    settled: bool  # nothing in it may be spoilt, since later hours rely on its login


class Company:
    """The export of one company.

    Args:
        seed: everything follows from it.
        events: number of lines of the export.
        start: first hour of the export (UTC, a whole hour).
        hours: number of hours of the export; lines are spread over them by upload time.
        people: number of people; by default it follows from the number of events.
    """

    def __init__(
        self,
        seed: int = 7,
        events: int = 5_000,
        start: datetime = FIRST_HOUR,
        hours: int = 72,
        people: int | None = None,
    ) -> None:
        self.seed = seed
        self.events = events
        self.start = start
        self.hour_count = hours
        self.people = people or min(2_000, max(24, events // 45))
        self._hours: dict[datetime, list[bytes]] | None = None
        self._truth = Truth()
        self._mixpanel_truth = MixpanelTruth()
        self._amplitude_truth = AmplitudeTruth()

    def hours(self) -> dict[datetime, list[bytes]]:
        """Return the raw lines by upload hour; hours without lines are left out."""
        if self._hours is None:
            self._hours = {}
            for hour, lines in self._lines(self.events):
                self._hours[hour] = [line.raw for line in lines]
                for line in lines:
                    self._truth.note(line.meant)
                    self._mixpanel_truth.note(line.meant)
                    self._amplitude_truth.note(line.meant)
        return self._hours

    def truth(self) -> Truth:
        """Return what PostHog must hold once `hours()` was delivered in its order."""
        self.hours()
        return self._truth

    def mixpanel_truth(self) -> MixpanelTruth:
        """Return what Mixpanel must hold once `hours()` was delivered in its order."""
        self.hours()
        return self._mixpanel_truth

    def amplitude_truth(self) -> AmplitudeTruth:
        """Return what another project of Amplitude must hold, likewise."""
        self.hours()
        return self._amplitude_truth

    def stream(self, events: int | None = None) -> Iterator[tuple[datetime, list[bytes]]]:
        """Yield (hour, raw lines) without keeping them, for exports larger than memory."""
        for hour, lines in self._lines(self.events if events is None else events):
            yield hour, [line.raw for line in lines]

    def _lines(self, events: int) -> Iterator[tuple[datetime, list[Line]]]:
        simulation = Simulation(Dice(self.seed), self.people, self.start, self.hour_count, events)
        for index in range(self.hour_count):
            lines = simulation.hour(index)
            if lines:
                yield self.start + timedelta(hours=index), lines


class Simulation:
    """The life of the company, hour by hour."""

    def __init__(self, dice: Dice, people: int, start: datetime, hours: int, events: int) -> None:
        self._dice = dice
        self._town = Town(dice, people)
        self._first = int((start - EPOCH).total_seconds()) * SECOND
        self._last_hour = hours - 1
        self._quotas = _quotas(start, hours, events)
        self._made = 0
        self._waiting: dict[int, list[Line]] = {}
        self._oddity = 0
        self._rows_since_odd = 0
        self._oversize_made = False

    def hour(self, index: int) -> list[Line]:
        """Live through one hour; return the lines that were uploaded in it, in that order."""
        lines = self._waiting.pop(index, [])
        while self._made < self._quotas[index]:
            visit = self._next_visit(index)
            made = self._visit_lines(visit, self._quotas[self._last_hour] - self._made)
            self._made += len(made)
            upload_hour = index if visit.upload is None else (visit.upload - self._first) // HOUR
            home = lines if upload_hour == index else self._waiting.setdefault(upload_hour, [])
            home.extend(made)
        return sorted(lines, key=lambda line: line.meant.received)

    def _next_visit(self, index: int) -> Visit:
        dice = self._dice
        person, device = self._town.somebody()
        start = self._first + index * HOUR + dice.below(38 * MINUTE)
        names_itself_at, settled = self._login(person, device, index)
        upload = None
        if not settled and index < self._last_hour and dice.random() < LATE_SHARE:
            upload_hour = min(index + 1 + dice.below(9), self._last_hour)
            upload = self._first + upload_hour * HOUR + dice.below(50 * MINUTE)
        return Visit(person, device, start, upload, names_itself_at, settled)

    def _login(self, person: Person, device: Device, index: int) -> tuple[int, bool]:
        """Return from which event of the visit on the user is named, and whether it is a login."""
        dice, never = self._dice, 1_000
        if person.user is None:
            return never, False
        if device.shared:
            return (0 if dice.random() < 0.9 else never), False
        if device.login_hour is None:
            if dice.random() < 0.4:
                return never, False
            device.login_hour = index
            return 3, True
        logged_out = index > device.login_hour and dice.random() < 0.12
        return (never if logged_out else 0), index == device.login_hour

    def _visit_lines(self, visit: Visit, limit: int) -> list[Line]:
        dice, lines, moment = self._dice, [], visit.start
        session = visit.start // 1_000
        doings = self._doings(visit)[:limit]
        if doings[-1][0] == "$identify":
            doings.pop()  # a newer row must follow, which tells its result
        for place, (name, properties) in enumerate(doings):
            moment += 400_000 + dice.below(40 * SECOND) if place else 0
            user = visit.person.user if place >= visit.names_itself_at else None
            sent = moment if visit.upload is None else visit.upload + place * 1_009
            stamps = (moment, sent + 200_000 + dice.below(SECOND))
            lines.append(self._line(visit, session, user, stamps, name, properties))
        return lines

    def _doings(self, visit: Visit) -> list[deeds.Deed]:
        dice = self._dice
        choices = deeds.WEB if visit.device.base["platform"] == "Web" else deeds.MOBILE
        doings = [dice.pick(choices)(dice) for _ in range(2 + dice.below(10))]
        if visit.settled and visit.names_itself_at:
            doings[2:2] = [("Signed Up", {"method": "email"}), ("Logged In", {"method": "email"})]
        elif not visit.names_itself_at and dice.random() < 0.15:
            doings.insert(1, ("$identify", {}))
        if not visit.names_itself_at and dice.random() < 0.3:
            doings.insert(-1, deeds.revenue(dice))
        return [("session_start", {}), *doings, ("session_end", {})]

    def _line(
        self,
        visit: Visit,
        session: int,
        user: str | None,
        stamps: tuple[int, int],
        name: str,
        properties: dict[str, Any],
    ) -> Line:
        moment, received = stamps
        dice, person, device = self._dice, visit.person, visit.device
        if user is not None:
            person.live(name, dice)
        row = device.base.copy()
        meant = person.tell(row, device, named=user is not None)
        row["uuid"] = uuid = dice.uuid()
        row["$insert_id"] = f"{dice.getrandbits(80):020x}"
        row["event_type"] = name
        row["event_id"] = device.count()
        row["session_id"] = session
        row["event_properties"] = properties
        row["event_time"] = row["client_event_time"] = time_text(moment)
        row["client_upload_time"] = time_text(received - 150_000)
        row["server_received_time"] = time_text(received)
        row["server_upload_time"] = time_text(received + 1_400_000)
        row["processed_time"] = time_text(received + 2_903_000)
        meant = meant._replace(
            uuid=uuid,
            name=name,
            moment=moment,
            received=received,
            amplitude_id=row["amplitude_id"],
            session=session,
            insert_id=row["$insert_id"],
        )
        if name == "$identify":
            row.update(user_properties=person.identify(dice), groups={}, group_properties={})
            return Line(orjson.dumps(row), _identify(meant))
        if not visit.settled:
            meant = self._perhaps_odd(row, meant)
        return Line(orjson.dumps(row), meant)

    def _perhaps_odd(self, row: Row, meant: Meant) -> Meant:
        """Spoil every so many rows, each time in the next way, as soon as a row suits it."""
        self._rows_since_odd += 1
        if self._rows_since_odd < ODD_EVERY:
            return meant
        oddity = ODDITIES[self._oddity % len(ODDITIES)] if self._oversize_made else ONCE
        if not oddity.fits(meant):
            return meant
        self._rows_since_odd = 0
        if oddity is ONCE:
            self._oversize_made = True
        else:
            self._oddity += 1
        return oddity.spoil(row, meant)


def _identify(meant: Meant) -> Meant:
    """An identify row tells no snapshot of the person; a newer row always does."""
    nothing: dict[Any, Any] = {}
    return meant._replace(
        kind="identify", person=None, initial=None, groups=nothing, group_properties=nothing
    )


def _quotas(start: datetime, hours: int, events: int) -> list[int]:
    """Return how many lines there are after each hour, following the rhythm of the day."""
    weights = [RHYTHM[(start.hour + index) % 24] for index in range(hours)]
    total, passed, quotas = sum(weights), 0, []
    for weight in weights:
        passed += weight
        quotas.append(events * passed // total)
    return quotas
