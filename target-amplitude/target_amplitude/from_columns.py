"""Any Singer stream -> Amplitude, by naming its columns: see `analytics_records.named_columns`."""

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
from analytics_records.named_columns.source import NamedColumns
from analytics_records.named_columns.updates import Update, UpdateRows, device_of, seen_with
from analytics_records.nobody import besides
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.identity import Ids, Whose
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.model import Decision, Effects, Event, Facts, Mapped, Note, RecordMapping

from target_amplitude import limits, links
from target_amplitude.amplitude import IDS, MAX_TEXT_CHARACTERS, READER
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.destination import Amplitude
from target_amplitude.groups import update_event
from target_amplitude.people import closing_event
from target_amplitude.settings import MappingSettings, check_event_name, check_group_type
from target_amplitude.tables import SourceTables

__all__ = ["EventsFromColumns", "Lent", "UpdatesFromColumns", "description", "from_columns"]

OF_PEOPLE = besides(IDS)
"""What Amplitude makes of ids of people."""

Words = Mapping[str, Any]
"""How a stream is loaded, as under `streams` in the settings."""


def description(stream: str, words: Words) -> Description:
    """Return how a stream is loaded.

    Raises:
        ValueError: the words are no description, or name what is Amplitude's own.
    """
    it = described(stream, words, MAX_TEXT_CHARACTERS)
    if it.form == EVENT and not it.name_column:
        check_event_name(f"The stream `{stream}` is called", it.name)
    if it.form == GROUP:
        check_group_type(f"The stream `{stream}` has the group", it.name)
    for of in it.groups:
        check_group_type(f"The stream `{stream}` has the group", of.type)
    return it


def from_columns(
    stream: str,
    words: Words,
    schema: Mapping[str, Any],
    key_properties: Sequence[str],
    settings: MappingSettings,
    lent: Lent = NOTHING_LENT,
) -> RecordMapping:
    """Return what the records of a stream become that the user describes.

    Args:
        stream: its name, for ids, for the report and before guarded property names.
        words: how it is loaded.
        schema: of its records.
        key_properties: its key, which makes the id where no column is one.
        settings: of the target.
        lent: by the run, where records are decided.

    Raises:
        ValueError: the words are no description, or name what is Amplitude's own.
        SettingsError: the schema lacks a column that they name.
    """
    it = description(stream, words)
    check_columns(it, schema)
    if it.form == EVENT:
        warn_of(Rows(it, key_properties, IDS, READER), lent.warn)
        return EventsFromColumns(stream, words, key_properties, settings, lent)
    return UpdatesFromColumns(stream, words, key_properties, settings)


class EventsFromColumns(EventRows[AmplitudeDecision]):
    """Makes events of one stream's records: see `from_columns`."""

    decision_type: ClassVar[type[Decision]] = AmplitudeDecision

    def __init__(
        self,
        stream: str,
        words: Words,
        key_properties: Sequence[str],
        settings: MappingSettings,
        lent: Lent = NOTHING_LENT,
    ) -> None:
        rows = Rows(description(stream, words), key_properties, OF_PEOPLE, READER)
        source = NamedColumns(rows, knows_ids=True)
        choice = chosen(rows, lent.choice or settings.choice())
        destination = _OfStream(rows, source, settings)
        args = (stream, words, key_properties, settings)
        super().__init__(source, rows, destination, choice, lent.number, args)


class _OfStream(Amplitude):
    """Says in the stream's own words what a record of nobody lacks."""

    def __init__(self, rows: Rows, source: NamedColumns, settings: MappingSettings) -> None:
        it, self._of_stream = rows.description, rows
        tables = SourceTables(
            source=source,
            prefix=f"{rows.stream}_",
            event_names={it.name: it.name},
            insert_id=source.event_uuid,
            ids=OF_PEOPLE,
            changes=source.changes,
            of_person=source.person_properties,
            no_values=(None,),
        )
        super().__init__(_own_settings(it, settings), tables)

    def nobody(self, seen: Observation) -> str:
        """Return what stands for the person of an event without any id.

        Raises:
            Unmappable: nothing does (`no_identity`).
        """
        if self.settings.events_without_id == "dead_letter":
            raise self._of_stream.no_identity()
        return super().nobody(seen)


def _own_settings(it: Description, settings: MappingSettings) -> MappingSettings:
    """Return the settings without those that are about another source's names."""
    renamed = settings.rename_events if it.name_column else {}
    return replace(settings, group_keys={}, rename_events=renamed)


class UpdatesFromColumns(UpdateRows):
    """Makes updates of people or groups of one stream's records: see `from_columns`."""

    def __init__(
        self, stream: str, words: Words, key_properties: Sequence[str], settings: MappingSettings
    ) -> None:
        it = description(stream, words)
        is_person = it.form == PERSON
        leaves_out = settings.leaves_out_property() if is_person else None
        rows = Rows(it, key_properties, OF_PEOPLE if is_person else IDS, READER, leaves_out)
        super().__init__(rows, (stream, words, key_properties, settings))
        self._settings, self._is_person = settings, is_person
        self._ids, self._owners = Ids(OF_PEOPLE), Whose(stream, links=True, apart=True)

    def decide_update(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        """Return the decision of a record that says something of somebody."""
        it = PairDecision(person=update.id)
        it.skipped = self._left_out() or update.skipped(facts, effects.renewed)
        if it.skipped is None:
            (effects.kept if self._is_person else effects.facts).append(update.fact)
        if self._is_person:
            self._link_device(it, record, update, facts, effects)
        it.sends = it.skipped is None or it.link is not None
        return it

    def map(self, record: Record, decision: PairDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        made = [] if decision.link is None else [links.link_event(decision.link)]
        if decision.skipped is not None:
            return Mapped(made)
        event, notes = self._update(Update(self._rows, record), decision)
        return Mapped([*made, event], notes)

    def _update(self, update: Update, decision: PairDecision) -> tuple[Event, Sequence[Note]]:
        content, found = dict(update.content), set[str]()
        limits.fit(content, found, flattens=True)
        at, change = None if update.when is None else update.when.at, Changes(set=content)
        if self._is_person:
            mode = self._settings.user_properties
            event = closing_event(decision.person, None, change, mode, at=at, fact=update.fact)
        else:
            group = (self._rows.description.name, update.id)
            event = update_event(group, change, at=at)
        return event, limits.notes_of(found)

    def _link_device(
        self, it: PairDecision, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> None:
        """Let the person have what happens on the device beside them, if it is nobody's yet."""
        device = device_of(self._rows, record)
        if device is None:
            return
        seen = seen_with(update.id, device, update.fact.at)
        who = self._ids.who(seen.user, seen.device, effects.notes)
        due = self._owners.of(who, seen, facts, effects).due
        if due is not None:
            effects.claims += due.claims
            effects.facts.append(due.sent)
            it.link = due.values

    def _left_out(self) -> str | None:
        if self._is_person:
            return "user_properties: none" if self._settings.user_properties == "none" else None
        return None if self._settings.groups else "groups: false"
