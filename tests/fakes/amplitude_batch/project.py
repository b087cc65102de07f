"""What a fake project of Amplitude holds, for tests to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tests.fakes.amplitude_batch.events import OPERATIONAL, Accepted
from tests.fakes.amplitude_batch.people import Group, People, Person, Properties, Shown
from tests.fakes.http.arrivals import Arrivals
from tests.fakes.http.server import FakeServer


@dataclass(frozen=True)
class Batch:
    """One request that reached the service.

    Attributes:
        request: Number of its exchange in the journal.
        events: How many it held; 0 if it could not be read.
        accepted: How many of them Amplitude took: all or none.
        bytes: Size of its JSON, decompressed; of the body, if it could not be read.
        status: What it was answered.
    """

    request: int
    path: str
    events: int
    accepted: int
    bytes: int
    status: int


@dataclass(frozen=True)
class Violation:
    """One thing that an import should not have sent.

    Attributes:
        request: Number of its exchange in the journal.
        index: Place in the request; None if it is about the request.
        event_type: None likewise.
    """

    what: str
    request: int
    index: int | None = None
    event_type: str | None = None


@dataclass(frozen=True)
class Arrival:
    """An accepted event, packed.

    Attributes:
        at_ms: When it arrived, by the server's clock.
        is_duplicate: Whether Amplitude dropped it.
    """

    accepted: Accepted
    request: int
    at_ms: int
    is_duplicate: bool

    @property
    def time(self) -> int:
        """When it happened; events that do not say so happened when they arrived."""
        return self.at_ms if self.accepted.time is None else self.accepted.time

    @property
    def is_order(self) -> bool:
        """Whether it is no event."""
        return self.accepted.event_type in OPERATIONAL

    def as_stored(self) -> dict[str, Any]:
        """Unpack it for its reader."""
        ids = {"user_id": None, "device_id": None, "insert_id": None}
        sent = orjson.loads(self.accepted.data)
        return {**ids, **sent, "time": self.time, "request": self.request}


class Project(FakeServer):
    """The holdings of one project; `amplitude_batch.FakeAmplitudeBatch` fills them.

    Attributes:
        batches: Every request that reached the service, refused ones too.
        violations: What an import should not have sent although it was taken.
        swallowed: Events that were answered 200 and are nowhere, by reason; duplicates are not
            among them.
    """

    def __init__(self, *, elsewhere: Mapping[str, str], keep_bodies: bool) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.batches: list[Batch] = []
        self.violations: list[Violation] = []
        self.swallowed: Counter[str] = Counter()
        self._packed: list[Arrival] = []
        self._people = People(elsewhere)
        self._rows: list[tuple[Arrival, Shown]] = []
        self._applied = 0

    # Events ---------------------------------------------------------------------------------

    @property
    def arrivals(self) -> Arrivals:
        """Every accepted event in order of arrival, duplicates and orders too.

        Each is a dict with the keys that were sent, as stored, and always with event_type, time
        (milliseconds since 1970), user_id, device_id, insert_id (None without), request (number of
        the exchange).
        """
        return Arrivals(self._packed)

    def stored(self) -> Arrivals:
        """The events that Amplitude keeps, without orders."""
        return Arrivals([each for each in self._kept() if not each.is_order])

    def orders(self) -> Arrivals:
        """Every `$identify` and `$groupidentify` that Amplitude carried out."""
        return Arrivals([each for each in self._kept() if each.is_order])

    def duplicates(self) -> Arrivals:
        """The events and orders that Amplitude dropped."""
        return Arrivals([each for each in list(self._packed) if each.is_duplicate])

    def rows(self) -> list[dict[str, Any]]:
        """The events as reports show them: as `stored`, and with what their person had then.

        `amplitude_id` is the one the row was given, `canonical` the one it counts under, `person`
        the name of whom that is. `user_properties`, `groups` and `group_properties` are those of
        `Shown`.
        """
        people = self._ingested()
        return [
            {
                **arrival.as_stored(),
                **vars(shown),
                "canonical": people.identities.canonical(shown.amplitude_id),
                "person": _sure(people.by_id(shown.amplitude_id)).name,
            }
            for arrival, shown in list(self._rows)
        ]

    def _kept(self) -> list[Arrival]:
        return [each for each in list(self._packed) if not each.is_duplicate]

    # People ---------------------------------------------------------------------------------

    def people(self) -> list[Person]:
        """Everybody as they stand after all that arrived."""
        return self._ingested().persons()

    def user(self, user_id: str) -> Person | None:
        """The person with this user id."""
        people = self._ingested()
        return people.by_id(people.identities.of_user(user_id))

    def device(self, device_id: str) -> Person | None:
        """The person to whom the next anonymous event of this device would go."""
        people = self._ingested()
        return people.by_id(people.identities.of_device(device_id))

    def names(self) -> dict[str, str]:
        """For each stored event by its insert id: name of the person it counts for."""
        people = self._ingested()
        return {
            arrival.accepted.insert_id or "": _sure(people.by_id(shown.amplitude_id)).name
            for arrival, shown in list(self._rows)
        }

    def groups(self) -> dict[Group, Properties]:
        """(type, value) -> properties."""
        return self._ingested().groups

    @property
    def lost_updates(self) -> int:
        """Changes of properties beyond those that an hour has room for."""
        return self._ingested().lost_updates

    def _ingested(self) -> People:
        with self._changed:
            for arrival in self._packed[self._applied :]:
                if not arrival.is_duplicate:
                    event = orjson.loads(arrival.accepted.data)
                    shown = self._people.apply(event, arrival.time, arrival.at_ms)
                    if shown is not None:
                        self._rows.append((arrival, shown))
            self._applied = len(self._packed)
            return self._people


def _sure(person: Person | None) -> Person:
    assert person is not None
    return person
