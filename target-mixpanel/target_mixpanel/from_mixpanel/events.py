"""Events of one Mixpanel project for another: what is sent of a row, and its body."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from analytics_records.mixpanel.columns import EVENTS
from analytics_records.mixpanel.pair import COUNT_ROW, VERB_ROW
from analytics_records.mixpanel.record import HOT_SHARD_COUNT
from analytics_records.mixpanel.row import hour
from analytics_records.mixpanel.source import PREFIX
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.identity import Link
from singer_delivery.mapping.lines import read as read_line
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.records import is_bookkeeping, put_aside
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Decision, Effects, Event, Fact, Facts, Mapped, Note, Unmappable

from target_mixpanel import limits
from target_mixpanel.events import check_time, import_event, leaves_out
from target_mixpanel.from_mixpanel import conversions
from target_mixpanel.from_mixpanel.properties import ENVELOPE, is_dropped, kept
from target_mixpanel.from_mixpanel.rows import EventRow, read
from target_mixpanel.from_mixpanel.table import COLUMNS_DROPPED
from target_mixpanel.from_mixpanel.whose import CopiedIds, Sent, Unlinked
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.links import count_ids, merge_event, simplified_ids
from target_mixpanel.mixpanel import IMPORT, MAX_NAME_CHARACTERS, MAX_PROPERTIES, READER, SERVICE
from target_mixpanel.settings import MappingSettings

_COLUMNS = frozenset(column.name for column in EVENTS) | {*COLUMNS_DROPPED}


class CopyDecision(Decision, array_like=True, gc=False):
    """What is decided of a row.

    Attributes:
        sent_as: the name its event gets; empty where none is sent.
        user: of the event.
        device: of the event.
        distinct_id: of the event, under Original ID Merge.
        own_user: the row's own user, where the event goes to another.
        at: when it happened, in microseconds since 1970.
        as_it_is: whether it is an identity event that is sent as it is.
        links: device, user and time of each link that is sent before the event.
    """

    sent_as: str = ""
    user: str | None = None
    device: str | None = None
    distinct_id: str = ""
    own_user: str | None = None
    at: int = 0
    as_it_is: bool = False
    links: tuple[tuple[str, str, int], ...] = ()


class _Named(NamedTuple):
    """What is decided of a row by its name alone."""

    sent_as: str = ""
    skipped: str | None = None
    refused: tuple[str, str] | None = None


class FromMixpanel:
    """Makes events for `/import` of the rows of another project.

    Facts, beside those of `CopiedIds`:

    - `verb`, id of a row -> "": the identity event was sent as it is;
    - `source_mode`, "mixpanel" -> how the source merges ids: a claim.

    Args:
        settings: of the target.
        hot_ids: counts the events of each person and day, where records are decided.
        choice: of the events that travel; by default the one of the settings.
        unlinked: counts devices without their link, where records are decided.
    """

    decision_type: ClassVar[type[Decision]] = CopyDecision

    def __init__(
        self,
        settings: MappingSettings,
        hot_ids: HotIds | None = None,
        choice: Choice | None = None,
        unlinked: Unlinked | None = None,
    ) -> None:
        self._settings, self._hot_ids = settings, hot_ids or HotIds()
        self._choice = choice or settings.choice()
        self._is_simplified = settings.identity_merge == "simplified"
        self._ids = CopiedIds(settings.identity_merge, settings.bare_distinct_ids, unlinked)
        self._names = EventNames(
            settings.rename_events, {}, lambda name: name, MAX_NAME_CHARACTERS, SERVICE
        )
        self._named = lru_cache(1024)(self._look_at_name)
        self._kept = lru_cache(512)(kept)

    def __reduce__(self) -> tuple[type[FromMixpanel], tuple[MappingSettings]]:
        """Let another process make the same."""
        return type(self), (self._settings,)

    def observe(self, line: bytes, *, is_message: bool) -> EventRow:
        """Return the row of a line. Raises as `RecordMapping.observe` does."""
        return read(read_line(line, is_message=is_message, service=READER))

    def ids_of(self, row: EventRow) -> list[str]:
        """Return every id of a person in a row."""
        return row.ids

    def people_of(self, row: EventRow) -> tuple[str, ...]:
        """Return the user, else the `distinct_id`, or the ids that the row joins."""
        return row.people

    def decide(self, row: EventRow, facts: Facts, effects: Effects) -> CopyDecision:
        """Return the decision of a row, and fill in its effects.

        Raises:
            Unmappable: it has no name or time that Mixpanel takes.
        """
        if row.is_identity_event:
            return self._decide_identity(row, facts, effects)
        if row.exported_name == HOT_SHARD_COUNT:
            return CopyDecision(skipped=COUNT_ROW, sends=False)
        named = self._named(row.name)
        if named.refused is not None:
            raise Unmappable(*named.refused)
        if named.skipped is not None and self._is_simplified:
            return CopyDecision(skipped=named.skipped, sends=False)  # only an event could link
        self._check(row, effects.notes)
        skipped = named.skipped or leaves_out(row.at, self._settings, effects.notes)
        if skipped is not None and self._is_simplified:
            return CopyDecision(skipped=skipped, sends=False)
        _remember_mode(row, facts, effects)
        sent = self._ids.sent(row, facts, effects)
        it = _of(sent, row)
        it.skipped, it.sent_as = skipped, "" if skipped else named.sent_as
        if it.sent_as:
            self._count(it, effects.notes)
        self._link(it, sent, facts, effects)
        it.sends = bool(it.sent_as or it.links)
        return it

    def map(self, record: Mapping[str, Any], decision: CopyDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        row, it = read(record), decision
        notes: list[Note] = []
        made = [self._link_event(row, *link) for link in it.links]
        if it.as_it_is:
            made.append(_as_it_is(row, it))
        elif it.sent_as:
            event = self._event(row, it, notes)
            event.source_name, event.source_hour = row.name, hour(record)
            made.append(event)
            unknown = record.keys() - _COLUMNS
            notes += [Note("unknown_column", n) for n in sorted(unknown) if not is_bookkeeping(n)]
        return Mapped(made, notes)

    def _look_at_name(self, name: str) -> _Named:
        if not name.strip():
            return _Named(refused=("no_event_name", "`event` is missing, empty or not text"))
        try:
            return _Named(self._names.sent_as(name), self._choice.leaves_out(name))
        except Unmappable as error:
            return _Named(refused=(error.reason, error.detail))

    def _check(self, row: EventRow, notes: list[Note]) -> None:
        """Refuse a row without a time that Mixpanel takes."""
        if row.refused is not None:
            raise Unmappable(*row.refused)
        check_time(row.at, self._settings)
        notes += row.notes

    def _count(self, it: CopyDecision, notes: list[Note]) -> None:
        if not (it.user or it.device or it.distinct_id):
            notes.append(Note("no_identity"))
        self._hot_ids.count(it.person, it.at, notes)

    def _decide_identity(self, row: EventRow, facts: Facts, effects: Effects) -> CopyDecision:
        """Decide what an identity event becomes: a link, itself, or nothing."""
        joined, skipped = row.joined, CopyDecision(skipped=VERB_ROW, sends=False)
        if joined is None or row.mode == "simplified":
            return skipped
        self._check(row, effects.notes)
        _remember_mode(row, facts, effects)
        sent = self._ids.joined(*joined, row, facts, effects)
        if not self._is_simplified:
            return self._decide_verb(row, joined[0], facts, effects) or skipped
        if sent is None or sent.due is None:
            return skipped
        it = _of(sent, row)
        it.skipped = VERB_ROW
        self._link(it, sent, facts, effects)
        return it

    def _decide_verb(
        self, row: EventRow, ids: tuple[str, str], facts: Facts, effects: Effects
    ) -> CopyDecision | None:
        """Decide that an identity event is sent as it is, unless it was."""
        uuid = conversions.insert_id(row)
        if facts.recall("verb", uuid) is not None:
            return None
        effects.facts.append(Fact("verb", uuid, "", row.at))
        return CopyDecision(ids[0], merges=ids[1], sent_as=row.name, at=row.at, as_it_is=True)

    def _link(self, it: CopyDecision, sent: Sent, facts: Facts, effects: Effects) -> None:
        """Let Mixpanel know whose device it is: by the event itself, or by a link before it."""
        dues = [due for due in (sent.due, sent.earlier) if due is not None]
        is_told = bool(it.sent_as) and self._is_simplified and sent.due is not None
        it.links = tuple(due.values for due in dues if not (is_told and due is sent.due))
        for due in dues:
            it.merges = it.merges or due.device
            _claim(due, effects)
            if not self._is_simplified:
                count_ids(due, facts, effects)

    def _link_event(self, row: EventRow, device: str, user: str, at: int) -> Event:
        """Return the event that makes a device a user's."""
        uuid = stable_uuid("link", "mixpanel", user, device)
        if not self._is_simplified:
            return merge_event(user, device, at, uuid)
        insert_id = conversions.insert_id(row) if row.is_identity_event else uuid
        ids = simplified_ids(user, device)
        properties = {"time": at // 1000, "$insert_id": insert_id, "ip": 0, **ids}
        name = self._settings.link_event
        return Event(IMPORT, "link", name, at, {"event": name, "properties": properties})

    def _event(self, row: EventRow, it: CopyDecision, notes: list[Note]) -> Event:
        """Return the event of a row."""
        of = row.properties
        split = self._kept(tuple(of))
        properties = {name: of[name] for name in split.names}
        for name in split.aside:
            put_aside(properties, name, of[name], PREFIX)
        properties.update(self._ids_of(row, it))
        properties |= {"time": it.at // 1000, "$insert_id": conversions.insert_id(row), "ip": 0}
        if len(properties) > MAX_PROPERTIES or not limits.fit_as_they_are(properties.values()):
            limits.fit(properties, notes, ENVELOPE | {"ip"}, (), PREFIX)
        return import_event(it.sent_as, it.at, properties)

    def _ids_of(self, row: EventRow, it: CopyDecision) -> dict[str, Any]:
        """Return the ids of an event, and those of the row that it does not go by."""
        user, device = it.user, it.device
        if self._is_simplified:
            made: dict[str, Any] = simplified_ids(user, device)
        else:
            made = {"distinct_id": it.distinct_id, "$user_id": user, "$device_id": device}
        own_user = it.own_user or row.user
        made["mixpanel_user_id"] = conversions.other_user(own_user, user)
        made["mixpanel_device_id"] = conversions.other_device(row.device, device)
        return {name: value for name, value in made.items() if value is not None}


def _of(sent: Sent, row: EventRow) -> CopyDecision:
    return CopyDecision(
        sent.person, user=sent.user, device=sent.device, distinct_id=sent.distinct_id,
        own_user=sent.own_user, at=row.at,
    )  # fmt: skip


def _claim(due: Link, effects: Effects) -> None:
    effects.claims += due.claims
    effects.facts.append(due.sent)


def _as_it_is(row: EventRow, it: CopyDecision) -> Event:
    """Return an identity event as it is: the ids in it are what it says."""
    properties = {n: v for n, v in row.properties.items() if not is_dropped(n)}
    if row.ingested is not None:
        properties["distinct_id"] = row.ingested
    properties |= {"time": it.at // 1000, "$insert_id": conversions.insert_id(row), "ip": 0}
    return Event(IMPORT, "link", row.name, it.at, {"event": row.name, "properties": properties})


def _remember_mode(row: EventRow, facts: Facts, effects: Effects) -> None:
    """Remember how the source merges ids: profiles do not say."""
    if row.mode and facts.recall("source_mode", "mixpanel") is None:
        effects.claims.append(Fact("source_mode", "mixpanel", row.mode, row.at))
