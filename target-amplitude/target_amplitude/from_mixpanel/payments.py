"""Payments of a profile: events with revenue, each sent once for good. Pure.

Mixpanel keeps a person's payments in a list of the profile (Mixpanel docs, Revenue). Nobody can
take revenue back from Amplitude, which forgets after seven days what it has; so the ledger knows
each payment by what it says, wherever it stands in the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from analytics_records.mixpanel.profiles import Profile
from singer_delivery.mapping.values import moment, stable_uuid
from singer_delivery.model import Effects, Event, Fact, Facts

from target_amplitude import limits
from target_amplitude.amplitude import SKIP_SYNC, ids_of, make_event

TRANSACTIONS = "$transactions"


class Payment(NamedTuple):
    """A payment: its amount, its time in microseconds, and how many like it come before."""

    amount: int | float
    at: int
    copy: int

    def insert_id(self, user: str) -> str:
        """Return the id that its event has whenever it is sent."""
        copy = [str(self.copy)] if self.copy else []
        return stable_uuid("transaction", user, str(self.at), str(float(self.amount)), *copy)


class Payments:
    """Decides which payments of profiles are sent, and makes their events.

    Fact: `payment`, insert id -> "": it was sent.

    Args:
        event: that a payment becomes; empty for none.
    """

    def __init__(self, event: str) -> None:
        self._event = event

    def drops(self, profile: Profile) -> bool:
        """Tell whether a profile has payments that become nothing."""
        listed = profile.properties.get(TRANSACTIONS)
        if not (self._event and isinstance(listed, list)):
            return bool(listed)
        return any(_read(of) is None for of in listed)

    def new(self, user: str, profile: Profile, facts: Facts, effects: Effects) -> tuple[int, ...]:
        """Return which payments were not sent before, by their number."""
        found = []
        for number, payment in enumerate(self._of(profile)):
            id_ = payment.insert_id(user)
            if facts.recall("payment", id_) is None:
                effects.facts.append(Fact("payment", id_, "", payment.at))
                found.append(number)
        return tuple(found)

    def events(self, user: str, profile: Profile, numbers: tuple[int, ...]) -> list[Event]:
        """Return the events of these payments."""
        chosen = {*numbers}
        return [
            self._made(user, payment)
            for number, payment in enumerate(self._of(profile))
            if number in chosen
        ]

    def _of(self, profile: Profile) -> Iterator[Payment]:
        listed = profile.properties.get(TRANSACTIONS)
        if not self._event or not isinstance(listed, list):
            return
        before: Counter[tuple[float, int]] = Counter()
        for of in listed:
            read = _read(of)
            if read is not None:
                yield Payment(*read, before[read])
                before[read] += 1

    def _made(self, user: str, payment: Payment) -> Event:
        content = {**ids_of(user, None), "revenue": payment.amount, SKIP_SYNC: True}
        insert_id = payment.insert_id(user)
        return make_event("event", self._event, payment.at, insert_id, content)


def _read(of: Any) -> tuple[int | float, int] | None:
    """Return amount and time of a payment; None where it has not both."""
    if not isinstance(of, Mapping):
        return None
    amount, when = limits.number(of.get("$amount")), moment(of.get("$time"))
    return None if amount is None or when is None or when.at < 0 else (amount, when.at)
