"""What Mixpanel holds of what this target sent: by day and name, and by id.

Reports count days in the project's time zone and take no filter for many names at once. So:

- in a project whose zone is UTC, by day and name, 60 names a request; names of which more was
  found are asked for one by one, ours alone, while the requests last;
- in another zone, by name over the whole range; names that lack something are counted by UTC day
  from the raw export;
- `raw`: all of it from the raw export, exact, with every plan.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from singer_delivery.io.retry import Clock
from singer_delivery.proof.asking import Asker, Questions
from singer_delivery.proof.counting import (
    CannotAsk,
    CellKey,
    Cost,
    Counts,
    NotAsked,
    Reason,
    day_number,
    day_of,
    spans_of,
)

from target_mixpanel.asking import ALLOWED, Account, BeyondHistory, Queries, account_of
from target_mixpanel.exports import Exports, export_windows

NAMES_A_REQUEST = 60
URL_CHARACTERS = 6_000
"""Of the names in an address, which stays below 8 kB."""

DAYS_A_REQUEST = 366
RESERVED = 5
"""Requests that are kept for ids and people when names are asked for one by one."""

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
        self._asker, self._queries, self._clock = asker, Queries(account, asker), clock
        self._zone, self._raw = ZoneInfo(zone), raw
        self._by_day = zone.removeprefix("Etc/") in ("UTC", "GMT", "Zulu", "UCT")
        around = 0 if self._by_day else 1  # days of an old project are those of its zone
        self._exports = Exports(self._queries, self._latest, around, asker.tell)
        self._others: Tally[str] = Tally()
        self.time_zone = _how(zone, by_day=self._by_day, raw=raw)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._asker.requests

    def cost(self, sent: Mapping[CellKey, int]) -> Cost:
        """Return the requests for the counts and for the profiles."""
        if self._raw:
            requests, what = len([*export_windows(sent)]), "raw exports"
        else:
            requests = len([*_spans(sent)]) * len([*chunks(_names(sent))]) + 1
            what = "requests"
        sentence = (
            f"This takes {requests:,} of the 60 {what} that Mixpanel answers a project in an hour, "
            "which your team shares; then one for each name of which others send events too, and "
            "one for each day that lacks some."
        )
        return Cost(requests, sentence)

    def count(self, sent: Mapping[CellKey, int]) -> Counts:
        """Count what is there of ours on the days of these cells.

        Raises:
            CannotAsk: it is not answered.
        """
        counts = Counts()
        if self._raw:
            self._count_raw(sent, counts)
        elif self._by_day:
            self._count_days(sent, counts)
        else:
            self._count_names(sent, counts)
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
        return self._others

    def people(self) -> Mapping[str, int]:
        """Return the profiles."""
        return {} if self._raw else {"profiles": self._queries.profiles()}

    def groups(self) -> Mapping[str, int]:
        """Return nothing: no documented way counts them."""
        return {}

    def reasons(self) -> Iterable[Reason]:
        """Return what is known to make numbers differ."""
        return REASONS

    # By the Query API -------------------------------------------------------------------------

    def _count_days(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        for first, last in _spans(sent):
            for names in chunks(_names(sent, first, last)):
                answer = self._events(names, first, last, counts)
                counts.found.update(_cells(answer))
        days = {day for day, _ in sent}
        counts.found = {key: n for key, n in counts.found.items() if key[0] in days and n}
        more = Tally({name: 0 for _, name in sent})
        for key, found in counts.found.items():
            more[key[1]] += max(found - sent.get(key, 0), 0)
        for name in sorted(name for name, beyond in more.items() if beyond):
            self._count_ours(name, days, sent, counts)

    def _count_ours(
        self, name: str, days: set[int], sent: Mapping[CellKey, int], counts: Counts
    ) -> None:
        """Count events of a name again, ours alone, if requests are left for that."""
        spans = [*_spans({key: n for key, n in sent.items() if key[1] == name})]
        if self.requests + len(spans) + RESERVED > self.most_requests:
            counts.shared.add(name)
            return
        found = {key for key in counts.found if key[1] == name}
        before = sum(counts.found.pop(key) for key in found)
        for first, last in spans:
            ours = self._queries.ours(name, day_of(first), self._latest(day_of(last)))
            cells = _cells({name: ours}).items()
            counts.found.update({key: n for key, n in cells if key[0] in days and n})
        self._others[name] = before - sum(counts.found.get(key, 0) for key in found)

    def _count_names(self, sent: Mapping[CellKey, int], counts: Counts) -> None:
        """Count names over the whole range, a day more at both ends, where zones differ."""
        of_name: Tally[str] = Tally()
        for (_, name), count in sent.items():
            of_name[name] += count
        found: Tally[str] = Tally(dict.fromkeys(of_name, 0))
        first, last = min(day for day, _ in sent) - 1, max(day for day, _ in sent) + 1
        for start in range(first, last + 1, DAYS_A_REQUEST):
            end = min(start + DAYS_A_REQUEST - 1, last)
            for names in chunks([*of_name]):
                for name, days in self._events(names, start, end, counts).items():
                    found[name] += sum(days.values())
        lacking = [name for name in of_name if found[name] < of_name[name]]
        for name in sorted(name for name in of_name if found[name] > of_name[name]):
            if self.requests + RESERVED >= self.most_requests:
                counts.shared.add(name)
                continue
            self._others[name] = found[name]
            found[name] = self._total_of_ours(name, first, last)
            self._others[name] -= found[name]
            lacking += [name] if found[name] < of_name[name] else []
        of_lacking = {key: n for key, n in sent.items() if key[1] in lacking}
        if of_lacking and self.requests + len([*export_windows(of_lacking)]) <= self.most_requests:
            self._count_raw(of_lacking, counts, lacking)
        else:
            lacking = []
        counts.by_name = {name: n for name, n in found.items() if name not in lacking}

    def _total_of_ours(self, name: str, first: int, last: int) -> int:
        total = 0
        for start in range(first, last + 1, DAYS_A_REQUEST):
            end = min(start + DAYS_A_REQUEST - 1, last)
            ours = self._queries.ours(name, day_of(start), self._latest(day_of(end)))
            total += sum(ours.values())
        return total

    def _events(
        self, names: Sequence[str], first: int, last: int, counts: Counts
    ) -> Mapping[str, Mapping[str, int]]:
        """Return name -> day -> events; days beyond the plan's history are noted, not asked."""
        end = self._latest(day_of(last))
        try:
            return self._queries.events(names, day_of(first), end)
        except BeyondHistory as error:
            start = self._today - timedelta(days=error.days)
            unseen = NotAsked(
                first, min(day_number(start) - 1, last), "history", _history(error.days)
            )
            if unseen not in counts.not_asked:
                counts.not_asked.append(unseen)
            if start > end or day_number(start) <= first:
                return {}
            return self._queries.events(names, start, end)

    def _count_raw(
        self, sent: Mapping[CellKey, int], counts: Counts, names: Sequence[str] = ()
    ) -> None:
        """Count from the raw export, by UTC day: exact, whatever the project's zone."""
        self._exports.count(sent, counts, names)

    @property
    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), self._zone).date()

    def _latest(self, day: date) -> date:
        """Return the day, or today: a later one is refused."""
        return min(day, self._today)


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


def chunks(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names, so many at once as an address has room for."""
    chunk: list[str] = []
    size = 0
    for name in names:
        takes = len(quote_plus(name)) + 8  # the quotes and the comma, encoded
        if chunk and (len(chunk) >= NAMES_A_REQUEST or size + takes > URL_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += takes
    if chunk:
        yield chunk


def _spans(sent: Mapping[CellKey, int]) -> Iterator[tuple[int, int]]:
    return spans_of({day for day, _ in sent}, DAYS_A_REQUEST)


def _names(
    sent: Mapping[CellKey, int], first: int | None = None, last: int | None = None
) -> list[str]:
    """Return the names of a range, in order."""
    return sorted(
        {
            name
            for day, name in sent
            if (first is None or day >= first) and (last is None or day <= last)
        }
    )


def _cells(answer: Mapping[str, Mapping[str, int]]) -> dict[CellKey, int]:
    return {
        (day_number(date.fromisoformat(day[:10])), name): count
        for name, days in answer.items()
        for day, count in days.items()
    }


def _how(zone: str, *, by_day: bool, raw: bool) -> str:
    if raw:
        return "UTC, counted from the raw export."
    if by_day:
        return "UTC at both ends: the project's own zone (`project_timezone`)."
    return (
        f"the project's reports are in {zone}, the books in UTC: compared by name over the whole "
        "range, and by UTC day from the raw export where a name lacks something."
    )


def _history(days: int) -> str:
    return (
        f"The project's plan shows the last {days:,} days alone: older ones were not asked. The "
        "raw export may still have them (--raw)."
    )
