"""Any Singer stream -> PostHog, by naming its columns: see `PlainStream` of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_records.named_columns import PlainStream, at, no_news
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Known, Mapped

from target_posthog.mappings.groups import group_event, link_types
from target_posthog.mappings.posthog import (
    GUARDED_KEYS,
    IDS,
    MAX_NAME_CHARACTERS,
    SET,
    make_event,
)
from target_posthog.mappings.settings import MappingSettings


class PlainMapping:
    """Makes events, person updates or group updates of one stream's records.

    Args:
        stream: the stream's name, for ids, for the report and before guarded property names.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        settings: of the target.

    Raises:
        ValueError: `columns` is none of the three ways.
    """

    needs_keys = True  # its uuid is made of them

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, str],
        key_properties: Sequence[str],
        settings: MappingSettings,
    ) -> None:
        self._stream = PlainStream(stream, columns, key_properties, IDS, MAX_NAME_CHARACTERS)
        self._settings = settings
        self._make = self._stream.choose(self._event, self._person, self._group)
        self._base = {
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": settings.version,
            "analytics_source": stream,
        }

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a clean record becomes.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        return self._make(record, known)

    def _event(self, record: Mapping[str, Any], _known: Known) -> Mapped:
        stream = self._stream
        distinct_id, when = stream.id(record, "distinct_id"), stream.time(record)
        event = make_event(
            "event",
            stream.columns["event"],
            person=distinct_id,
            distinct_id=distinct_id,
            uuid=stream.uuid(record),
            when=when,
            properties=stream.properties(record, distinct_id, GUARDED_KEYS, self._base),
        )
        return Mapped((event,))

    def _person(self, record: Mapping[str, Any], known: Known) -> Mapped:
        stream, mode = self._stream, self._settings.person_properties
        person, when = stream.id(record, "person"), stream.time(record)
        if mode == "none":
            return Mapped((), "person_properties: none")
        content = dict(stream.others(record))
        fact = stream.person_fact(person, content, when)
        if (none := no_news(known, fact, when)) is not None:
            return none
        event = make_event(
            "person",
            SET,
            person=person,
            distinct_id=person,
            uuid=stable_uuid("person", stream.name, person, fact.value),
            when=when,
            properties={**self._base, f"${mode}": content},
            facts=(fact,),
        )
        return Mapped((event,))

    def _group(self, record: Mapping[str, Any], known: Known) -> Mapped:
        stream = self._stream
        group = (stream.columns["group"], stream.id(record, "key"))
        when, content = stream.time(record), dict(stream.others(record))
        linked = link_types([group[0]], self._settings.group_types, known, at(when))
        if not linked.types:
            return Mapped((), linked.notes[0].name, linked.notes)
        fact = stream.group_fact(group, content, when)
        if (none := no_news(known, fact, when)) is not None:
            return none
        event = group_event(
            group,
            content,
            uuid=stable_uuid("group", stream.name, *group, fact.value),
            moment=when,
            base=self._base,
            facts=(fact,),
        )
        event.claims = linked.claims
        return Mapped((event,))
