"""What the suites ask of a destination: where the services and their targets differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tests.fakes.http.exactly_once import assert_exactly_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from singer_delivery.sdk.target import DeliveryTarget

    from demo.checks import Check
    from tests.end_to_end.outcome import Outcome
    from tests.fakes.company import Company
    from tests.fakes.http.exchanges import Reply

Fake = Any
"""A FakePostHog, a FakeMixpanel or a FakeAmplitudeBatch."""

NOTHING: frozenset[str] = frozenset()
NO_STATUS: frozenset[int] = frozenset()
OF_ONE_RUN = frozenset({"records read", "dead letters", "identity conflicts"})
"""Checks that compare the report of a run with the export as a whole."""

TWICE = frozenset({"events that arrived twice"})
"""A lost reply makes it so; what counts is what the service keeps after deduplication."""


class Sent(NamedTuple):
    """An event that a fake stores.

    Attributes:
        id, name, person: its id, its name, the id of its person.
        properties: of it.
        day: on which it happened, since 1970-01-01 UTC.
    """

    id: str
    name: str
    person: str
    properties: Mapping[str, Any]
    day: int


class Destination(ABC):
    """A target and the fake service behind it.

    Attributes:
        name: of the service, in lower case.
        plugin: the class of the target.
        update: path of the requests that leave last.
        keys: the settings that authorise the target.
        secrets: what no run may write anywhere, as `settings` gives it.
        unkeyed: settings that take the keys away.
        key: the setting that a wrong key is put into, and `wrong_key` what the target then says.
        first_wait: seconds before the first retry.
        bad_key: {status: sentence} of the statuses that speak of keys.
        of_events: statuses that speak of events, with the reason of an event that gets one alone.
        remembers: whether the target lists what it delivered, and never sends it again.
        patient_with: statuses that are asked again for as long as it takes.
        wrong_host: what a status that is no answer to events makes the target say.
        about_money: replies of a service that is not paid.
        refusal: reply that refuses the events of a request for what they are.
        rate_limited: reply that asks for patience.
        city: property of the city in the row of an export.
        of_the_report: checks that do not hold for a second run over the same export.
    """

    name: ClassVar[str]
    plugin: ClassVar[type[DeliveryTarget]]
    update: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    secrets: ClassVar[tuple[str, ...]]
    unkeyed: ClassVar[Mapping[str, Any]]
    key: ClassVar[str]
    wrong_key: ClassVar[str]
    first_wait: ClassVar[float]
    bad_key: ClassVar[Mapping[int, str]]
    of_events: ClassVar[Mapping[int, str]] = {400: "refused", 413: "event_too_large"}
    patient_with: ClassVar[frozenset[int]] = NO_STATUS
    remembers: ClassVar[bool] = False
    wrong_host: ClassVar[str]
    about_money: ClassVar[Sequence[Reply]] = ()
    refusal: ClassVar[Reply]
    rate_limited: ClassVar[Reply]
    city: ClassVar[str]
    of_the_report: ClassVar[frozenset[str]] = frozenset()

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """Name of the plugin and of its executable."""
        return f"target-{self.name}"

    # The fake -------------------------------------------------------------------------------

    @abstractmethod
    def open(
        self, company: Company | None = None, group_keys: Sequence[str] = (), **options: Any
    ) -> Fake:
        """Return a fake that knows the keys of `settings` and the groups of an export.

        They are those of the company, if there is one; `options` are the fake's own.
        """

    def misbehave(self, fake: Fake, chance: Random) -> None:  # noqa: B027 - not all have any
        """Let a fake misbehave in ways of its own, at random; in none by default."""

    @abstractmethod
    def settings(self, fake: Fake) -> dict[str, Any]:
        """Return the settings of a target that reach the fake and authorise it."""

    @abstractmethod
    def at(self, address: str) -> dict[str, Any]:
        """Return the setting that sends a target to another address."""

    # What arrived ---------------------------------------------------------------------------

    @abstractmethod
    def truth(self, company: Company) -> Any:
        """Return what must come of an export: `events` by id, `dead` by id, and more."""

    def due(self, company: Company, uuids: set[str]) -> set[str]:
        """Return the ids at the service of the events of these rows of an export."""
        return {id_ for id_ in self.truth(company).events if id_ in uuids}

    @abstractmethod
    def events(self, fake: Fake) -> list[Sent]:
        """Return the events after deduplication, in order of arrival, without updates."""

    @abstractmethod
    def about_people(self, fake: Fake) -> int:
        """Count the requests about people that a second run must not repeat."""

    @abstractmethod
    def kept(self, fake: Fake) -> set[str]:
        """Return the ids that stand for a record."""

    @abstractmethod
    def check(self, fake: Fake, outcome: Outcome) -> None:
        """Assert that the fake keeps what it must, once, in whatever order hours were read."""

    @abstractmethod
    def checks(self, fake: Fake, report: Mapping[str, Any], company: Company) -> Iterable[Check]:
        """Compare the fake, and the report of a single run, with what the generator knows."""

    def revenue(self, sent: Sent) -> float | None:
        """Return the revenue of an event, None where it has none."""
        found: float | None = sent.properties.get("revenue")
        return found

    def groups_of(self, sent: Sent) -> Mapping[str, Any]:
        """Return the first group of each type of an event."""
        return {name: of[0] for name, of in sent.properties.items() if isinstance(of, list) and of}

    def properties_of_users(self, fake: Fake) -> dict[str, Mapping[str, Any]]:
        """Return what is known of each person, by each id."""
        people = fake.people()
        return {who: person.properties for person in people for who in person.distinct_ids}

    def ids(self, person: Any) -> set[str]:
        """Return the ids of a person of the fake, those of devices as they are."""
        return set(person.distinct_ids)

    def people(self, fake: Fake) -> list[str]:
        """Return the sorted ids of the persons of all events."""
        return sorted(event.person for event in self.events(fake))

    def failed(
        self,
        fake: Fake,
        report: Mapping[str, Any],
        company: Company,
        forgiven: frozenset[str] = NOTHING,
    ) -> list[Check]:
        """Return the checks that do not hold, but for those whose names are forgiven."""
        checks = self.checks(fake, report, company)
        return [each for each in checks if not each.holds and each.what not in forgiven]

    def assert_everything_arrived(
        self,
        fake: Fake,
        report: Mapping[str, Any],
        company: Company,
        forgiven: frozenset[str] = NOTHING,
    ) -> None:
        """Compare the fake, and the report of the last run, with what the generator knows."""
        failed = self.failed(fake, report, company, TWICE | forgiven)
        assert not failed, failed
        due = set(self.truth(company).events)
        assert_exactly_once([event.id for event in self.events(fake)], due)

    @property
    def cut_off(self) -> frozenset[str]:
        """What to forgive the report of a run that went on where another one was cut off."""
        return OF_ONE_RUN | self.of_the_report
