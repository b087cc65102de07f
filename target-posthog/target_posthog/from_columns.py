"""Any Singer stream -> PostHog, by naming its columns: see `analytics_records.named_columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from analytics_records.named_columns.description import (
    EVENT,
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
from singer_delivery.mapping.identity import Ids, Who, Whose
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.properties import PropertyTable
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Decision, Effects, Event, Facts, Mapped, Note, RecordMapping

from target_posthog import links, nesting
from target_posthog.events import PostHog, young
from target_posthog.groups import group_event, link_types, order_of
from target_posthog.people import PostHogDecision
from target_posthog.posthog import (
    GUARDED_KEYS,
    IDS,
    MAX_NAME_CHARACTERS,
    READER,
    SERVICE,
    SET,
    base_properties,
    harmless_name,
    make_event,
)
from target_posthog.settings import MappingSettings

__all__ = ["EventsFromColumns", "Lent", "UpdatesFromColumns", "description", "from_columns"]

OF_PEOPLE = besides(IDS)
"""What PostHog makes of ids of people."""

known = Ids(OF_PEOPLE).who
"""Returns the ids of a user and a device."""

Words = Mapping[str, Any]
"""How a stream is loaded, as under `streams` in the settings."""


def description(stream: str, words: Words) -> Description:
    """Return how a stream is loaded.

    Raises:
        ValueError: the words are no description.
    """
    return described(stream, words, MAX_NAME_CHARACTERS)


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
        key_properties: its key, which makes the uuid where no column is one.
        settings: of the target.
        lent: by the run, where records are decided.

    Raises:
        ValueError: the words are no description.
        SettingsError: the schema lacks a column that they name.
    """
    it = description(stream, words)
    check_columns(it, schema)
    if it.form == EVENT:
        warn_of(Rows(it, key_properties, IDS, READER), lent.warn)
        return EventsFromColumns(stream, words, key_properties, settings, lent)
    return UpdatesFromColumns(stream, words, key_properties, settings)


class EventsFromColumns(EventRows[PostHogDecision]):
    """Makes events of one stream's records: see `from_columns`."""

    decision_type: ClassVar[type[Decision]] = PostHogDecision

    def __init__(
        self,
        stream: str,
        words: Words,
        key_properties: Sequence[str],
        settings: MappingSettings,
        lent: Lent = NOTHING_LENT,
    ) -> None:
        rows = Rows(description(stream, words), key_properties, OF_PEOPLE, READER)
        source = NamedColumns(rows)
        names, table = _event_names(rows, settings), _property_table(source, settings)
        choice = chosen(rows, lent.choice or settings.choice())
        destination = PostHog(settings, source, names, table, _who_of(rows))
        args = (stream, words, key_properties, settings)
        super().__init__(source, rows, destination, choice, lent.number, args)


def _who_of(rows: Rows) -> Any:
    def who(seen: Observation, notes: list[Note]) -> Who:
        found = known(seen.user, seen.device, notes)
        if not found.distinct_id:
            raise rows.no_identity()
        return found

    return who


def _event_names(rows: Rows, settings: MappingSettings) -> EventNames:
    """Return what names the events: a fixed name stays as the user wrote it."""
    it = rows.description
    renamed = settings.rename_events if it.name_column else {}

    def harmless(name: str) -> str:
        return harmless_name(name, f"{rows.stream}_")

    return EventNames(renamed, {it.name: it.name}, harmless, MAX_NAME_CHARACTERS, SERVICE)


def _property_table(source: NamedColumns, settings: MappingSettings) -> PropertyTable:
    return PropertyTable(
        (),
        (),
        base=base_properties(settings.version, source.name),
        conditions=(),
        also_written=(f"${source.name}_event_name", f"${source.name}_group_properties"),
        guarded=GUARDED_KEYS,
        layout=source.layout(),
        fit=nesting.STORED,
    )


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
        self._settings, self._name = settings, it.name
        self._decide = self._decide_person if is_person else self._decide_group
        self._event = self._person if is_person else self._group
        self._base = base_properties(settings.version, stream)
        is_linked = settings.link_identities != "none"
        self._owners = Whose(stream, links=is_linked, apart=False)

    def map(self, record: Record, decision: PairDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        made: list[Event] = []
        if decision.link is not None:
            device, user, _ = decision.link
            uuid = link_uuid(self._rows.stream, user, device)
            made.append(
                links.event(decision.link, uuid, self._settings.link_identities, self._base)
            )
        if decision.skipped is None:
            made.append(self._event(Update(self._rows, record), decision.person))
        return Mapped(made, young(made, self._settings.live_from) + nesting.fit(made))

    def decide_update(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        """Return the decision of a record that says something of somebody."""
        return self._decide(record, update, facts, effects)

    def _decide_person(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        it = self._whose(record, update, facts, effects)
        if self._settings.person_properties == "none":
            it.skipped = "person_properties: none"
        else:
            it.skipped = update.skipped(facts, effects.renewed)
        if it.skipped is None:
            effects.facts.append(update.fact)
        it.sends = it.skipped is None or it.link is not None
        return it

    def _whose(
        self, record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        """Return whose the record is, with the link that is due."""
        seen = seen_with(update.id, device_of(self._rows, record), update.fact.at)
        who = known(seen.user, seen.device, effects.notes)
        person, who, own_device, due, _ = self._owners.of(who, seen, facts, effects)
        it = PairDecision(person, user=who.user, own_device=own_device)
        links.decide(it, due, facts, effects)
        return it

    def _decide_group(
        self, _record: Record, update: Update, facts: Facts, effects: Effects
    ) -> PairDecision:
        at = update.fact.at
        linked = link_types([self._name], self._settings.group_types, facts, at)
        if not linked.types:
            effects.notes += linked.notes
            return PairDecision(skipped=linked.notes[0].name, sends=False)
        skipped = update.skipped(facts, effects.renewed)
        if skipped is not None:
            return PairDecision(skipped=skipped, sends=False)
        effects.facts.append(update.fact)
        effects.claims += linked.claims
        return PairDecision(person=order_of((self._name, update.id)))

    def _person(self, update: Update, person: str) -> Event:
        how = f"${self._settings.person_properties}"
        return make_event(
            "person",
            SET,
            distinct_id=person,
            uuid=stable_uuid("person", self._rows.stream, update.id, update.fact.value),
            when=update.when,
            properties={**self._base, how: update.content},
        )

    def _group(self, update: Update, _person: str) -> Event:
        group = (self._name, update.id)
        uuid = stable_uuid("group", self._rows.stream, *group, update.fact.value)
        return group_event(group, update.content, uuid=uuid, moment=update.when, base=self._base)
