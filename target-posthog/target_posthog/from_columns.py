"""Any Singer stream -> PostHog, by naming its columns: see `analytics_records.named_columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from analytics_records.named_columns import PlainStream, at, not_newer
from analytics_records.nobody import besides
from singer_delivery.mapping.values import digest, stable_uuid
from singer_delivery.model import Decision, Effects, Event, Fact, Facts, Mapped

from target_posthog import nesting
from target_posthog.events import young
from target_posthog.groups import group_event, link_types, order_of
from target_posthog.posthog import (
    GUARDED_KEYS,
    IDS,
    MAX_NAME_CHARACTERS,
    READER,
    SET,
    base_properties,
    make_event,
)
from target_posthog.settings import MappingSettings

Record = Mapping[str, Any]


class FromColumns:
    """Makes events, person updates or group updates of one stream's records.

    Args:
        stream: the stream's name, for ids, for the report and before guarded property names.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        settings: of the target.

    Raises:
        ValueError: `columns` is none of the three ways.
    """

    decision_type: ClassVar[type[Decision]] = Decision

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, str],
        key_properties: Sequence[str],
        settings: MappingSettings,
    ) -> None:
        self._args = (stream, columns, key_properties, settings)
        ids = IDS if "group" in columns else besides(IDS)
        self._stream = PlainStream(stream, columns, key_properties, ids, MAX_NAME_CHARACTERS)
        self._settings = settings
        choose = self._stream.choose
        self._decide = choose(self._decide_event, self._decide_person, self._decide_group)
        self._make = choose(self._event, self._person, self._group)
        self._base = base_properties(settings.version, stream)

    def __reduce__(self) -> tuple[type[FromColumns], tuple[Any, ...]]:
        """Let another process make the same."""
        return type(self), self._args

    def observe(self, line: bytes, *, is_message: bool) -> Record:
        """Return the record: decisions may need any column.

        Raises:
            Unmappable: the line is no record, an unreadable one, or lacks its key.
        """
        return self._stream.read(line, is_message=is_message, service=READER)

    def decide(self, observation: Record, facts: Facts, effects: Effects) -> Decision:
        """Return the decision of a record, and fill in its effects.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        return self._decide(observation, facts, effects)

    def map(self, record: Record, decision: Decision) -> Mapped:  # noqa: ARG002 - it says nothing more
        """Return what a clean record becomes. Pure."""
        event = self._make(record)
        notes = young((event,), self._settings.live_from)
        return Mapped((event,), notes + nesting.fit((event,)))

    def _decide_event(self, record: Record, _facts: Facts, _effects: Effects) -> Decision:
        distinct_id = self._stream.id(record, "distinct_id")
        self._stream.time(record)
        return Decision(person=distinct_id)

    def _decide_person(self, record: Record, facts: Facts, effects: Effects) -> Decision:
        stream = self._stream
        person, when = stream.id(record, "person"), stream.time(record)
        if self._settings.person_properties == "none":
            return Decision(person=person, skipped="person_properties: none", sends=False)
        fact = stream.person_fact(person, dict(stream.others(record)), when)
        return _decision(person, fact, not_newer(facts, fact, when, effects.renewed), effects)

    def _decide_group(self, record: Record, facts: Facts, effects: Effects) -> Decision:
        stream = self._stream
        group = (stream.columns["group"], stream.id(record, "key"))
        when = stream.time(record)
        linked = link_types([group[0]], self._settings.group_types, facts, at(when))
        if not linked.types:
            effects.notes += linked.notes
            return Decision(skipped=linked.notes[0].name, sends=False)
        fact = stream.group_fact(group, dict(stream.others(record)), when)
        decision = _decision(
            order_of(group), fact, not_newer(facts, fact, when, effects.renewed), effects
        )
        if decision.sends:
            effects.claims += linked.claims
        return decision

    def _event(self, record: Record) -> Event:
        stream = self._stream
        distinct_id = stream.id(record, "distinct_id")
        return make_event(
            "event",
            stream.columns["event"],
            distinct_id=distinct_id,
            uuid=stream.uuid(record),
            when=stream.time(record),
            properties=stream.properties(record, distinct_id, GUARDED_KEYS, self._base),
        )

    def _person(self, record: Record) -> Event:
        stream = self._stream
        person, content = stream.id(record, "person"), dict(stream.others(record))
        return make_event(
            "person",
            SET,
            distinct_id=person,
            uuid=stable_uuid("person", stream.name, person, digest(content)),
            when=stream.time(record),
            properties={**self._base, f"${self._settings.person_properties}": content},
        )

    def _group(self, record: Record) -> Event:
        stream = self._stream
        group = (stream.columns["group"], stream.id(record, "key"))
        content = dict(stream.others(record))
        return group_event(
            group,
            content,
            uuid=stable_uuid("group", stream.name, *group, digest(content)),
            moment=stream.time(record),
            base=self._base,
        )


def _decision(person: str, fact: Fact, none: str | None, effects: Effects) -> Decision:
    """Return the decision of an update, which is sent unless there is a reason against it."""
    if none is not None:
        return Decision(person=person, skipped=none, sends=False)
    effects.facts.append(fact)
    return Decision(person=person)
