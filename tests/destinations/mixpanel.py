"""Mixpanel and its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from target_mixpanel.target import TargetMixpanel

from demo import mixpanel_balance
from demo.checks import behind
from tests.destinations.destination import Destination, Sent
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.exchanges import Reply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel, Person

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.checks import Check
    from tests.end_to_end.outcome import Outcome
    from tests.fakes.company import Company
    from tests.fakes.company.mixpanel import MixpanelTruth

TOKEN = "mp-token-c04a"
ACCOUNT = "importer.4e1.mp-service-account"
ACCOUNT_SECRET = "mp+secret/77ad"
DEVICE = "$device:"
MILLISECONDS_A_DAY = 86_400_000


class Mixpanel(Destination):
    """Mixpanel; the target holds its token and a service account."""

    name = "mixpanel"
    plugin = TargetMixpanel
    update = "/engage"
    keys = (
        "project_token",
        "project_id",
        "service_account_username",
        "service_account_secret",
    )
    secrets = (TOKEN, ACCOUNT_SECRET)
    unkeyed: ClassVar[Mapping[str, Any]] = dict.fromkeys(keys, "")
    key = "service_account_secret"
    wrong_key = "Owner or Admin"
    first_wait = 4.0  # 2 s at least (docs, "Import Events"), and chance may halve it
    bad_key: ClassVar[Mapping[int, str]] = {
        401: "Mixpanel refused the credentials (401)",
        403: "Mixpanel refused the credentials (403)",
    }
    wrong_host = "check `region`"
    refusal = Reply(400, b'{"code":400,"error":"no","failed_records":["it cannot be taken"]}')
    rate_limited = RATE_LIMITED
    city = "$city"
    of_the_report = frozenset(
        {"delivered to /import", "delivered to /engage", "delivered to /groups"}
    )

    def open(
        self, company: Company | None = None, group_keys: Sequence[str] = (), **options: Any
    ) -> FakeMixpanel:
        declared = company.mixpanel_truth().group_keys if company else group_keys
        return FakeMixpanel(
            token=TOKEN, username=ACCOUNT, secret=ACCOUNT_SECRET, group_keys=declared, **options
        )

    def settings(self, fake: FakeMixpanel) -> dict[str, Any]:
        known = fake.credentials
        return {
            "base_url": fake.url,
            "project_token": known.token,
            "project_id": known.project_id,
            "service_account_username": known.username,
            "service_account_secret": known.secret,
        }

    def at(self, address: str) -> dict[str, Any]:
        return {"base_url": address}

    def truth(self, company: Company) -> MixpanelTruth:
        return company.mixpanel_truth()

    def events(self, fake: FakeMixpanel) -> list[Sent]:
        return [
            Sent(
                each["insert_id"],
                each["event"],
                each["distinct_id"],
                each["properties"],
                each["time"] // MILLISECONDS_A_DAY,
            )
            for each in fake.stored()
        ]

    def about_people(self, fake: FakeMixpanel) -> int:
        return len(fake.updates)

    def properties_of_users(self, fake: FakeMixpanel) -> dict[str, Mapping[str, Any]]:
        return dict(fake.profiles())

    def ids(self, person: Person) -> set[str]:
        return {each.removeprefix(DEVICE) for each in person.ids}

    def kept(self, fake: FakeMixpanel) -> set[str]:
        return {each["insert_id"] for each in fake.stored()}

    def check(self, fake: FakeMixpanel, outcome: Outcome) -> None:
        _check(fake, outcome)

    def checks(
        self, fake: FakeMixpanel, report: Mapping[str, Any], company: Company
    ) -> Iterable[Check]:
        arrived = mixpanel_balance.arrived_at(fake)
        return mixpanel_balance.checks(arrived, report, company.mixpanel_truth())


MIXPANEL = Mixpanel()


def _check(mixpanel: FakeMixpanel, outcome: Outcome) -> None:
    """Mixpanel holds what it must, once, and nothing else."""
    truth, stored = outcome.company.mixpanel_truth(), list(mixpanel.stored())
    due = {insert_id: (sent.name, sent.time) for insert_id, sent in truth.events.items()}
    found = [(each["insert_id"], (each["event"], each["time"])) for each in stored]
    assert_exactly_once(found, due.items())
    assert mixpanel.conflicts == []
    assert mixpanel.swallowed.total() == 0
    _check_devices(mixpanel, outcome)
    profiles = mixpanel.profiles()
    assert profiles.keys() == truth.profiles.keys()
    assert behind(profiles, truth.profiles) == [], "older properties than the newest"
    assert mixpanel.group_profiles() == truth.groups


def _check_devices(mixpanel: FakeMixpanel, outcome: Outcome) -> None:
    outcome.check_owners(
        {
            distinct_id.removeprefix(DEVICE): person.distinct_id
            for person in mixpanel.people()
            for distinct_id in person.ids
            if distinct_id.startswith(DEVICE) and not person.distinct_id.startswith(DEVICE)
        }
    )
