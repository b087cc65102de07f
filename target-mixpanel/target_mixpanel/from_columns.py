"""Any Singer stream -> Mixpanel, by naming its columns: see `analytics_records.named_columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from analytics_records.named_columns.description import (
    EVENT,
    GROUP,
    PERSON,
    Description,
    check_columns,
    described,
)
from analytics_records.named_columns.events import NOTHING_LENT, EventRows, Lent, chosen, warn_of
from analytics_records.named_columns.rows import Record, Rows
from analytics_records.named_columns.source import NamedColumns, link_uuid
from analytics_records.named_columns.updates import Update, UpdateRows, device_of, seen_with
from analytics_records.nobody import besides
from singer_delivery.mapping.identity import Ids, Link, Who, Whose
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.model import Decision, Effects, Event, Facts, Mapped, Note, RecordMapping

from target_mixpanel.destination import Mixpanel
from target_mixpanel.events import SourceTables
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.links import bare_device, count_ids, merge_event
from target_mixpanel.mixpanel import IDS, MAX_NAME_CHARACTERS, READER
from target_mixpanel.people import MixpanelDecision, PersonTable
from target_mixpanel.profiles import group_profile, harmless, person_profile, updates
from target_mixpanel.settings import MappingSettings, check_event_name, check_group_key

__all__ = ["EventsFromColumns", "Lent", "UpdatesFromColumns", "description", "from_columns"]

OF_PEOPLE = besides(IDS)
"""What Mixpanel makes of ids of people."""

Words = Mapping[str, Any]
"""How a stream is loaded, as under `streams` in the settings."""

NO_ROWS = PersonTable((), (), {})


def description(stream: str, words: Words) -> Description:
    """Return how a stream is loaded.

    Raises:
        ValueError: the words are no description, or name what is Mixpanel's own.
    """
    it = described(stream, words, MAX_NAME_CHARACTERS)
    if it.form == EVENT:
        check_event_name(f"The stream `{stream}` is called", it.name)
    if it.form == GROUP:
        check_group_key(f"The stream `{stream}` has the group", it.name)
    for of in it.groups:
        check_group_key(f"The stream `{stream}` has the group", of.type)
    return it


def from_columns(
    stream: str,
    words: Words,
    schema: Mapping[str, Any],
    key_properties: Sequence[str],
    settings: MappingSettings,
    lent: Lent = NOTHING_LENT,
    hot_ids: HotIds | None = None,
) -> RecordMapping:
    """Return what the records of a stream become that the user describes.

    Args:
        stream: its name, for ids, for the report and before guarded property names.
        words: how it is loaded.
        schema: of its records.
        key_properties: its key, which makes the id where no column is one.
        settings: of the target.
        lent: by the run, where records are decided.
        hot_ids: counts the events of each person and day, likewise.

    Raises:
        ValueError: the words are no description, or name what is Mixpanel's own.
        SettingsError: the schema lacks a column that they name.
    """
    it = description(stream, words)
    check_columns(it, schema)
    if it.form == EVENT:
        warn_of(Rows(it, key_properties, IDS, READER), lent.warn)
        return EventsFromColumns(stream, words, key_properties, settings, lent, hot_ids)
    return UpdatesFromColumns(stream, words, key_properties, settings)


class EventsFromColumns(EventRows[MixpanelDecision]):
    """Makes events of one stream's records: see `from_columns`."""

    decision_type: ClassVar[type[Decision]] = MixpanelDecision

    def __init__(
        self,
        stream: str,
        words: Words,
        key_properties: Sequence[str],
        settings: MappingSettings,
        lent: Lent = NOTHING_LENT,
        hot_ids: HotIds | None = None,
    ) -> None:
        rows = Rows(description(stream, words), key_properties, OF_PEOPLE, READER)
        source = NamedColumns(rows)
        choice = chosen(rows, lent.choice or settings.choice())
        destination = _OfSomebody(rows, source, settings, hot_ids or HotIds())
        args = (stream, words, key_properties, settings)
        super().__init__(source, rows, destination, choice, lent.number, args)


class _OfSomebody(Mixpanel):
    """Takes no event of nobody. A fixed name, and types of groups, stay as the user wrote them."""

    def __init__(
        self, rows: Rows, source: NamedColumns, settings: MappingSettings, hot_ids: HotIds
    ) -> None:
        it, self._rows = rows.description, rows
        tables = SourceTables(
            source=source,
            layout=source.layout(),
            event_names={it.name: it.name},
            properties=(),
            of_event_properties=(),
            people=NO_ROWS,
            insert_id=source.event_uuid,
            ids=OF_PEOPLE,
        )
        super().__init__(_own_settings(it, settings), tables, hot_ids)

    def who(self, seen: Observation, notes: list[Note]) -> Who:
        """Return the ids of a record.

        Raises:
            Unmappable: it has none (`no_identity`).
        """
        found = super().who(seen, notes)
        if not found.distinct_id:
            raise self._rows.no_identity()
        return found


def _own_settings(it: Description, settings: MappingSettings) -> MappingSettings:
    """Return the settings without those that are about another source's names.

    A stream with one id sends it as `distinct_id`, as it stands there: Mixpanel tells by its
    `$device:` whether it is a device's.
    """
    return replace(
        settings,
        group_keys={},
        rename_events=settings.rename_events if it.name_column else {},
        identity_merge=settings.identity_merge if it.device else "original",
    )


class UpdatesFromColumns(UpdateRows):
    """Makes updates of profiles or groups of one stream's records: see `from_columns`."""

    def __init__(
        self, stream: str, words: Words, key_properties: Sequence[str], settings: MappingSettings
    ) -> None:
        it = description(stream, words)
        ids = OF_PEOPLE if it.form == PERSON else IDS
        rows = Rows(it, key_properties, ids, READER)
        super().__init__(rows, (stream, words, key_properties, settings))
        self._settings, self._ids = settings, Ids(OF_PEOPLE)
        self._is_person = self._rows.description.form == PERSON
        self._simplified = settings.identity_merge == "simplified"
        self._owners = Whose(stream, links=True, apart=self._simplified)

    def decide_update(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        """Return the decision of a record that says something of somebody."""
        it, due = PairDecision(person=update.id), None
        if self._is_person:
            it, due = self._whose(record, update, facts, effects)
        it.skipped = self._left_out() or update.skipped(facts, effects.renewed)
        if it.skipped is None:
            effects.kept.append(update.fact)
        if due is not None:
            self._link(it, due, facts, effects)
        it.sends = it.skipped is None or it.link is not None
        return it

    def map(self, record: Record, decision: PairDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        made, notes = list[Event](), list[Note]()
        if decision.link is not None:
            device, user, at = decision.link
            made.append(merge_event(user, device, at, link_uuid(self._rows.stream, user, device)))
        if decision.skipped is None:
            made += self._updates(Update(self._rows, record), decision.person, notes)
        return Mapped(made, notes)

    def _left_out(self) -> str | None:
        if self._is_person:
            return None if self._settings.profiles else "profiles: false"
        return None if self._settings.groups else "groups: false"

    def _whose(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> tuple[PairDecision, Link | None]:
        """Return whose the record is, and the link that is due."""
        device = device_of(self._rows, record)
        device = bare_device(device) if self._simplified else device
        seen = seen_with(update.id, device, update.fact.at)
        who = self._ids.who(seen.user, seen.device, effects.notes)
        person, who, own_device, due, _ = self._owners.of(who, seen, facts, effects)
        return PairDecision(person=person, user=who.user, own_device=own_device), due

    def _link(self, it: PairDecision, due: Link, facts: Facts, effects: Effects) -> None:
        """Merge device and user; under Simplified ID Merge the next event of both links them."""
        if not self._simplified:
            it.link, it.merges = due.values, due.device
            effects.claims += due.claims
            effects.facts.insert(0, due.sent)
            count_ids(due, facts, effects)
        elif it.skipped is None:
            effects.claims += due.claims

    def _updates(self, update: Update, person: str, notes: list[Note]) -> list[Event]:
        stream, found = self._rows.stream, set[str]()
        content = harmless(dict(update.content), found, f"{stream}_")
        notes.extend(Note(name) for name in sorted(found))
        group_type = self._rows.description.name
        profile = (
            person_profile(person) if self._is_person else group_profile(group_type, update.id)
        )
        # Another stream may update the same profile: neither takes the other's place.
        profile = profile._replace(order=f"{stream}\x1f{profile.order}")
        at = None if update.when is None else update.when.at
        return updates(profile, {"$set": content}, at, update.fact)
