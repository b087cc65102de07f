"""Amplitude as a destination, and its target."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, ClassVar

from target_amplitude.target import TargetAmplitude

from tests.destinations import amplitude_balance as balance
from tests.destinations.destination import Destination, Sent
from tests.fakes.amplitude_batch import FakeAmplitudeBatch, Person
from tests.fakes.amplitude_batch.people import revenue_of
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.exchanges import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.checks import Check
    from tests.end_to_end.outcome import Outcome
    from tests.fakes.company import Company
    from tests.fakes.company.amplitude import AmplitudeTruth

KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
MILLISECONDS_A_DAY = 86_400_000


def plain(body: bytes) -> bytes:
    """Return a body without its compression."""
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


class Amplitude(Destination):
    """Amplitude, which asks for a key and says 400 to one it does not know."""

    name = "amplitude"
    plugin = TargetAmplitude
    update = "/batch"
    keys = ("api_key",)
    secrets = (KEY,)
    unkeyed: ClassVar[Mapping[str, Any]] = {"api_key": ""}
    key = "api_key"
    wrong_key = "knows no project with this key (400). Check `api_key`"
    first_wait = 2.0
    bad_key: ClassVar[Mapping[int, str]] = {}
    of_events: ClassVar[Mapping[int, str]] = {**Destination.of_events, 403: "forbidden"}
    patient_with = frozenset({429})
    remembers = True
    wrong_host = "check `region`"
    refusal = Reply(400, b'{"code":400,"error":"Invalid event JSON"}')
    rate_limited = Reply(429, headers={"Retry-After": "1"})
    city = "city"

    def open(
        self, company: Company | None = None, group_keys: Sequence[str] = (), **options: Any
    ) -> FakeAmplitudeBatch:
        return FakeAmplitudeBatch(**{"api_key": KEY, **options})

    def settings(self, fake: FakeAmplitudeBatch) -> dict[str, Any]:
        return {"base_url": fake.url, "api_key": fake.api_key}

    def at(self, address: str) -> dict[str, Any]:
        return {"base_url": address}

    def truth(self, company: Company) -> AmplitudeTruth:
        return company.amplitude_truth()

    def due(self, company: Company, uuids: set[str]) -> set[str]:
        events = self.truth(company).events.items()
        return {insert_id for insert_id, sent in events if sent.uuid in uuids}

    def events(self, fake: FakeAmplitudeBatch) -> list[Sent]:
        names = fake.names()
        return [
            Sent(
                each["insert_id"],
                each["event_type"],
                names[each["insert_id"]],
                {**each, **each.get("event_properties", {})},
                each["time"] // MILLISECONDS_A_DAY,
            )
            for each in fake.stored()
        ]

    def about_people(self, fake: FakeAmplitudeBatch) -> int:
        return len(fake.orders())

    def revenue(self, sent: Sent) -> float | None:
        """Return what is at the top of the event, or in it as Amplitude's SDKs send it."""
        within = sent.properties.get("event_properties", {})
        top = {name: value for name, value in sent.properties.items() if name not in within}
        as_sdks = {name[1:]: value for name, value in within.items() if name.startswith("$")}
        found = revenue_of(top)
        return revenue_of(as_sdks) if found is None else found

    def groups_of(self, sent: Sent) -> Mapping[str, Any]:
        return {name: of[0] for name, of in sent.properties["groups"].items()}

    def properties_of_users(self, fake: FakeAmplitudeBatch) -> dict[str, Mapping[str, Any]]:
        people = fake.people()
        return {each.user_id: each.properties for each in people if each.user_id is not None}

    def ids(self, person: Person) -> set[str]:
        return {*person.device_ids, *filter(None, (person.user_id,))}

    def kept(self, fake: FakeAmplitudeBatch) -> set[str]:
        return {each["insert_id"] for each in fake.stored()}

    def check(self, fake: FakeAmplitudeBatch, outcome: Outcome) -> None:
        _check(fake, outcome)

    def checks(
        self, fake: FakeAmplitudeBatch, report: Mapping[str, Any], company: Company
    ) -> Iterable[Check]:
        return balance.checks(balance.arrived_at(fake), report, company.amplitude_truth())


AMPLITUDE = Amplitude()


def _check(amplitude: FakeAmplitudeBatch, outcome: Outcome) -> None:
    """Amplitude holds what it must, once, and nothing else."""
    truth, arrived = outcome.company.amplitude_truth(), balance.arrived_at(amplitude)
    assert_exactly_once(arrived.copies.elements(), truth.events)
    wrong = [*balance.of_events(arrived, truth), *balance.of_people(arrived, truth)]
    assert [check for check in wrong if not check.holds] == []
    assert arrived.violations.total() == arrived.lost == 0
