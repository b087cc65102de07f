"""What a fake project of Mixpanel holds, for tests to look at."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from tests.fakes.http.arrivals import Arrivals
from tests.fakes.http.server import FakeServer
from tests.fakes.mixpanel.events import Accepted
from tests.fakes.mixpanel.identity import (
    Conflict,
    Merge,
    OriginalPeople,
    Person,
    RefusedMerge,
    SimplifiedPeople,
    Who,
    persons,
)
from tests.fakes.mixpanel.lookup import LookupTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Key = tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """One request that reached one of the addresses for events and profiles.

    Attributes:
        request: Number of its exchange in the journal.
        path: `/import`, `/engage` or `/groups`.
        records: How many events or updates it held; 0 if it was refused as a whole.
        accepted: How many of them Mixpanel says it took.
        bytes: Size of the body as received.
        status: What it was answered.
    """

    request: int
    path: str
    records: int
    accepted: int
    bytes: int
    status: int


@dataclass(frozen=True)
class Arrival:
    """An accepted event, packed."""

    accepted: Accepted
    request: int

    def identity(self) -> tuple[str, int, str, str]:
        """By which Mixpanel deduplicates (Mixpanel docs, "Event Deduplication")."""
        event = self.accepted
        return event.event, event.time, event.who.distinct_id, event.insert_id

    def as_stored(self) -> dict[str, Any]:
        """Unpack it for its reader."""
        event = self.accepted
        return {
            "event": event.event,
            "time": event.time,
            "distinct_id": event.who.distinct_id,
            "insert_id": event.insert_id,
            "ip": event.ip,
            "properties": orjson.loads(event.data),
            "request": self.request,
        }


class Project(FakeServer):
    """The holdings of one project; `mixpanel.FakeMixpanel` fills them.

    Attributes:
        batches: Every request to `/import`, `/engage` and `/groups`, refused ones too.
        swallowed: Events and updates that were answered 200 and are nowhere, by reason.
        merges: Identity events that were accepted; they are not among the other events.
        updates: Every accepted update of a user profile as sent, with its `request`, in order of
            arrival.
        group_updates: The same of group profiles.
        lookup_tables: Id -> table.
    """

    def __init__(
        self,
        *,
        identity_merge: Literal["simplified", "original"],
        lookup_tables: Mapping[str, str],
        keep_bodies: bool,
    ) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.identity_merge = identity_merge
        self.batches: list[Batch] = []
        self.swallowed: Counter[str] = Counter()
        self.merges: list[Merge] = []
        self.updates: list[dict[str, Any]] = []
        self.group_updates: list[dict[str, Any]] = []
        self.lookup_tables = {key: LookupTable(name) for key, name in lookup_tables.items()}
        self._packed: list[Arrival] = []
        self._profiles: dict[Key, dict[str, Any]] = {}
        self._group_profiles: dict[Key, dict[str, Any]] = {}
        self._simplified = SimplifiedPeople()
        self._original = OriginalPeople()
        self._met = self._merged = 0

    # Events ---------------------------------------------------------------------------------

    @property
    def arrivals(self) -> Arrivals:
        """Every accepted event in order of arrival, duplicates too.

        Each is a dict: event, time (milliseconds since 1970), distinct_id (as derived, before
        links), insert_id, ip (as sent; None if it was not), properties (as stored, with `$user_id`
        and `$device_id`), request (number of the exchange).
        """
        return Arrivals(self._packed)

    def stored(self) -> Arrivals:
        """Events as reports show them: same event, time, distinct_id and insert_id, latest wins."""
        last = {arrival.identity(): arrival for arrival in list(self._packed)}
        return Arrivals(list(last.values()))

    # What happens behind the sender's back ----------------------------------------------------

    def lose(self, lost: Callable[[dict[str, Any]], bool]) -> int:
        """Forget stored events, as if they had been dropped after they were accepted."""
        with self._changed:
            kept = [arrival for arrival in self._packed if not lost(arrival.as_stored())]
            count = len(self._packed) - len(kept)
            self._packed[:] = kept
            self._met = min(self._met, len(kept))
        return count

    def plant(self, event: str, time: int, *, insert_id: str, lib: str = "web") -> None:
        """Store an event that somebody else sent, at a time in milliseconds since 1970."""
        data = orjson.dumps({"mp_lib": lib})
        accepted = Accepted(event, time, Who("somebody"), insert_id, None, data, None)
        with self._changed:
            self._packed.append(Arrival(accepted, 0))

    def repeat(self, chosen: Callable[[dict[str, Any]], bool]) -> int:
        """Store events a second time, as a request that was lost and sent again does."""
        with self._changed:
            again = [arrival for arrival in self._packed if chosen(arrival.as_stored())]
            self._packed += again
        return len(again)

    # People ---------------------------------------------------------------------------------

    def resolve(self, distinct_id: str) -> str:
        """Return the id of the person that events stored under this id count for."""
        return self._people().resolve(distinct_id)

    def people(self) -> list[Person]:
        """Everyone who has done something, or was merged, with the number of stored events."""
        people = self._people()
        stored = {arrival.identity() for arrival in list(self._packed)}
        return persons(people, (distinct_id for _, _, distinct_id, _ in stored))

    def clusters(self) -> set[frozenset[str]]:
        """The ids of each person; devices of a simplified project as `$device:…`."""
        return {frozenset(cluster) for cluster in self._people().clusters()}

    def owner(self, device: str) -> str | None:
        """Return the user a device belongs to for good (simplified projects)."""
        self._people()
        return self._simplified.owners.get(device)

    @property
    def conflicts(self) -> list[Conflict]:
        """Events of a second user on a device, in order of arrival (simplified projects)."""
        self._people()
        return self._simplified.conflicts

    @property
    def refused_merges(self) -> list[RefusedMerge]:
        """Merges that were answered 200 and not made, in order of arrival (original projects)."""
        self._people()
        return self._original.refused_merges

    def _people(self) -> SimplifiedPeople | OriginalPeople:
        people = self._simplified if self.identity_merge == "simplified" else self._original
        with self._changed:
            for arrival in self._packed[self._met :]:
                people.meet(arrival.accepted.who)
            for merge in self.merges[self._merged :]:
                self._original.merge(merge)
            self._met, self._merged = len(self._packed), len(self.merges)
        return people

    # Profiles -------------------------------------------------------------------------------

    def profiles(self) -> dict[str, dict[str, Any]]:
        """User profiles as they stand: distinct_id -> properties."""
        with self._changed:
            return {key[0]: deepcopy(profile) for key, profile in self._profiles.items()}

    def group_profiles(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Group profiles as they stand: (group key, group id) -> properties."""
        with self._changed:
            held = self._group_profiles.items()
            return {(key[0], key[1]): deepcopy(profile) for key, profile in held}
