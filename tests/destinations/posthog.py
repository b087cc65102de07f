"""PostHog and its target."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from target_posthog.target import TargetPostHog

from demo import balance
from tests.destinations.destination import Destination, Sent
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.exchanges import Reply
from tests.fakes.posthog import FakePostHog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from demo.checks import Check
    from tests.end_to_end.outcome import Outcome
    from tests.fakes.company import Company
    from tests.fakes.company.truth import Truth

KEY = "phc_planted_2f77"
EPOCH = date(1970, 1, 1).toordinal()
GROUP_TYPES = 5
"""Group types that PostHog links (PostHog docs, "Group analytics")."""


class PostHog(Destination):
    """PostHog by capture v0, where it says 401 to a key it does not know."""

    name = "posthog"
    capture: ClassVar[str] = "v0"
    plugin = TargetPostHog
    update = "/batch/"
    keys = ("api_key",)
    secrets = (KEY,)
    unkeyed: ClassVar[Mapping[str, Any]] = {"api_key": ""}
    key = "api_key"
    wrong_key = "Check `api_key`"
    first_wait = 1.0
    bad_key: ClassVar[Mapping[int, str]] = {401: "PostHog refused the project key (401)"}
    wrong_host = "check `host`"
    about_money = (
        Reply(402),
        Reply(200, b'{"status":"Ok","quota_limited":["events"]}'),
    )
    refusal = Reply(400, b"event submitted with an empty event name")
    rate_limited = Reply(429, headers={"Retry-After": "1"})
    city = "$geoip_city_name"

    def open(
        self, company: Company | None = None, group_keys: Sequence[str] = (), **options: Any
    ) -> FakePostHog:
        return FakePostHog(known_keys={KEY}, enforce_keys=True, **options)

    def settings(self, fake: FakePostHog) -> dict[str, Any]:
        return {"api_key": KEY, "host": fake.url, "capture": self.capture}

    def at(self, address: str) -> dict[str, Any]:
        return {"host": address}

    def truth(self, company: Company) -> Truth:
        return company.truth()

    def events(self, fake: FakePostHog) -> list[Sent]:
        return [
            Sent(
                each["uuid"],
                each["event"],
                each["distinct_id"],
                each["properties"],
                date.fromisoformat(each["timestamp"][:10]).toordinal() - EPOCH,
            )
            for each in fake.stored()
            if each["event"] not in balance.UPDATES
        ]

    def about_people(self, fake: FakePostHog) -> int:
        return sum(each["event"] in balance.LINKS for each in fake.arrivals)

    def groups_of(self, sent: Sent) -> Mapping[str, Any]:
        groups: Mapping[str, Any] = sent.properties["$groups"]
        return groups

    def kept(self, fake: FakePostHog) -> set[str]:
        return {each["uuid"] for each in fake.stored()}

    def check(self, fake: FakePostHog, outcome: Outcome) -> None:
        _check(fake, outcome)

    def checks(
        self, fake: FakePostHog, report: Mapping[str, Any], company: Company
    ) -> Iterable[Check]:
        return balance.checks(balance.arrived_at(fake), report, company.truth())


def _error(tag: str) -> bytes:
    """Return the body by which capture v1 refuses a request."""
    said = {"error": tag, "error_description": tag, "error_uri": "https://posthog.com/docs/api"}
    return json.dumps(said).encode()


class PostHogV1(PostHog):
    """PostHog by capture v1, which says of each event what becomes of it."""

    capture = "v1"
    update = "/i/v1/analytics/events"
    about_money = (
        Reply(402, _error("billing_limit_exceeded")),
        Reply(429, _error("billing_limit_exceeded"), {"Retry-After": "1"}),
    )
    refusal = Reply(400, _error("request_parsing_error"))

    def __str__(self) -> str:
        return "posthog v1"

    def misbehave(self, fake: FakePostHog, chance: Random) -> None:
        """Store nothing of some events, and say so."""
        for _ in range(chance.choice((0, 1, 1, 3))):
            digit = chance.choice("0123456789abcdef")
            fake.say(
                "retry",
                "not_persisted",
                when=lambda each, digit=digit: each.uuid[0] == digit,
                times=chance.randint(1, 6),
            )


POSTHOG = PostHog()
POSTHOG_V1 = PostHogV1()


def _check(posthog: FakePostHog, outcome: Outcome) -> None:
    """PostHog holds what it must, once, and nothing else."""
    truth, stored = outcome.company.truth(), list(posthog.stored())
    events = (each["uuid"] for each in stored if each["event"] not in balance.UPDATES)
    assert_exactly_once(events, truth.events)
    assert posthog.refused_merges == []
    assert posthog.swallowed.total() == 0
    _check_links(stored, outcome)
    _check_persons(posthog, outcome)
    _check_groups(posthog, outcome)


def _check_links(stored: Iterable[Mapping[str, Any]], outcome: Outcome) -> None:
    links = [each for each in stored if each["event"] in balance.LINKS]
    devices = Counter(link["properties"]["alias"] for link in links)
    assert max(devices.values(), default=1) == 1, "a device was linked in two ways"
    outcome.check_owners({link["properties"]["alias"]: link["distinct_id"] for link in links})


def _check_persons(posthog: FakePostHog, outcome: Outcome) -> None:
    truth, arrived = outcome.company.truth(), balance.arrived_at(posthog)
    shared = [each for each in posthog.people() if len(each.distinct_ids & truth.users) > 1]
    assert not shared, f"users that became one person: {shared}"
    assert arrived.profiles == len(truth.users) + len(truth.anonymous)
    outcome.check_people(arrived.people)


def _check_groups(posthog: FakePostHog, outcome: Outcome) -> None:
    types = {
        name
        for each in posthog.arrivals
        for name in (
            *each["properties"].get("$groups", ()),
            *filter(None, (each["properties"].get("$group_type"),)),
        )
    }
    assert len(types) <= GROUP_TYPES, f"more group types than PostHog has room for: {types}"
    newest = outcome.company.truth().groups
    assert posthog.groups() == {key: of for key, of in newest.items() if key[0] in types}
