"""What Mixpanel holds of what this target sent: by day and name, and by id.

Reports count days in the project's time zone and take no filter for many names at once. So:

- in a project whose zone is UTC, by day and name, 60 names a request; names of which more was
  found are asked for one by one, ours alone, while the requests last;
- in another zone, by name over the whole range; names that lack something are counted by UTC day
  from the raw export;
- `raw`: all of it from the raw export, exact, with every plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from singer_delivery.io.retry import Clock
from singer_delivery.proof.asking import Asker, Questions
from singer_delivery.proof.counting import (
    CannotAsk,
    CellKey,
    Cost,
    Counts,
    Reason,
)

from target_mixpanel.asking import ALLOWED, Account, Queries, account_of
from target_mixpanel.exports import Exports, export_windows
from target_mixpanel.reports import Calendar, Reports

OWN_NAMES = ("$identify", "$create_alias", "$merge")
"""Calls that link ids; they are no events in a report."""

REASONS = (
    Reason("retention", "Mixpanel deletes events that are older than the project's retention."),
    Reason("hidden", "Events that are hidden in Lexicon are not in all reports."),
    Reason(
        "insert_id",
        "Mixpanel drops an event whose `$insert_id`, name, time and person it has already.",
    ),
)


class MixpanelCounter:
    """Counts events of a project; a `Counter`.

    Args:
        account: whom to ask.
        asker: sends.
        zone: IANA name of the project's time zone.
        own_names: of events that the target makes itself.
        raw: whether all is counted from the raw export.
        clock: says what today is.
        most_requests: that may be sent in all.
    """

    destination = "Mixpanel"

    def __init__(
        self,
        account: Account,
        asker: Asker,
        *,
        zone: str,
        own_names: Iterable[str],
        raw: bool,
        clock: Clock,
        most_requests: int = 30,
    ) -> None:
        self.project = f"project {account.project_id}"
        self.own_names = frozenset(own_names)
        self.most_requests = most_requests
        self._asker, self._queries, self._raw = asker, Queries(account, asker), raw
        self._by_day = zone.removeprefix("Etc/") in ("UTC", "GMT", "Zulu", "UCT")
        calendar = Calendar(ZoneInfo(zone), clock)
        around = 0 if self._by_day else 1  # days of an old project are those of its zone
        self._exports = Exports(self._queries, calendar.latest, around, asker.tell)
        self._reports = Reports(self._queries, asker, calendar, self._exports, around)
        self.time_zone = _how(zone, by_day=self._by_day, raw=raw)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._asker.requests

    def cost(self, sent: Mapping[CellKey, int]) -> Cost:
        """Return the requests for the counts and for the profiles."""
        if self._raw:
            requests, what, more = len([*export_windows(sent)]), "raw exports", ""
        else:
            requests, what = self._reports.cost(sent) + 1, "requests"
            more = "one for each name of which others send events too, and "
        sentence = (
            f"This takes {requests:,} of the 60 {what} that Mixpanel answers a project in an hour, "
            f"which your team shares; then {more}one for each day that lacks some."
        )
        return Cost(requests, sentence)

    def count(self, sent: Mapping[CellKey, int]) -> Counts:
        """Count what is there of ours on the days of these cells.

        Raises:
            CannotAsk: it is not answered.
        """
        counts = Counts()
        self._reports.most_requests = self.most_requests
        if self._raw:
            self._exports.count(sent, counts)
        elif self._by_day:
            self._reports.count_days(sent, counts)
        else:
            self._reports.count_names(sent, counts)
        return counts

    def cost_of_ids(self, events: int) -> int:  # noqa: ARG002 - one export, however many
        """Return the requests for the ids of a day: one export."""
        return 1

    def ids(self, day: int) -> Sequence[str]:
        """Return the ids of our events of a day, as they were sent.

        Raises:
            CannotAsk: it is not answered.
        """
        return self._exports.ids(day)

    def others(self, first: int, last: int) -> Mapping[str, int]:  # noqa: ARG002 - known by now
        """Return others' events of names that were asked for one by one; no other way is known."""
        return +self._reports.others

    def people(self) -> Mapping[str, int]:
        """Return the profiles."""
        return {} if self._raw else {"profiles": self._queries.profiles()}

    def groups(self) -> Mapping[str, int]:
        """Return nothing: no documented way counts them."""
        return {}

    def reasons(self) -> Iterable[Reason]:
        """Return what is known to make numbers differ."""
        return REASONS


def counter_of(
    config: Mapping[str, Any],
    user_agent: str,
    clock: Clock,
    tell: Callable[[str], None],
    *,
    raw: bool,
) -> MixpanelCounter:
    """Return a counter by the settings of the target.

    Raises:
        CannotAsk: one is missing or wrong.
    """
    account, zone = account_of(config), str(config.get("project_timezone") or "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = "`project_timezone` must be a zone such as US/Pacific, as Mixpanel shows it."
        raise CannotAsk(msg) from error
    asker = Asker(Questions(user_agent), ALLOWED, "Mixpanel", clock, tell)
    own_names = {config["link_event"], *OWN_NAMES}
    return MixpanelCounter(account, asker, zone=zone, own_names=own_names, raw=raw, clock=clock)


def _how(zone: str, *, by_day: bool, raw: bool) -> str:
    if raw:
        return "UTC, counted from the raw export."
    if by_day:
        return "UTC at both ends: the project's own zone (`project_timezone`)."
    return (
        f"the project's reports are in {zone}, the books in UTC: compared by name over the whole "
        "range, and by UTC day from the raw export where a name lacks something."
    )
