"""What becomes of a record at Mixpanel, field by field: the guides of the mappings here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from singer_delivery.mapping.guide import (
    Columns,
    Guide,
    Made,
    Placed,
    Subject,
    described,
    guide_of_table,
    outcomes_of,
)
from singer_delivery.mapping.pair import Pair
from singer_delivery.mapping.properties import Layout
from singer_delivery.model import RecordMapping

from target_mixpanel import from_amplitude, from_columns, from_mixpanel
from target_mixpanel.destination import Mixpanel
from target_mixpanel.events import OF_THE_USER
from target_mixpanel.from_amplitude import table as of_amplitude
from target_mixpanel.from_mixpanel import table as of_mixpanel
from target_mixpanel.lookup_tables import LookupTable
from target_mixpanel.settings import MappingSettings

PEOPLE = ("person", "device")
OPERATIONS = ("$set", "$set_once", "$unset")


def guide_of(
    mapping: RecordMapping,
    settings: MappingSettings,
    stream: str = "",
    words: Mapping[str, Any] | None = None,
    keys: Sequence[str] = (),
) -> Guide:
    """Return the guide of a mapping of this target.

    Args:
        mapping: of a stream.
        settings: of the target.
        stream: its name.
        words: how it is loaded, where the settings name its columns.
        keys: the stream's key.
    """
    if isinstance(mapping, from_amplitude.FromAmplitude):
        return _from_amplitude(mapping, settings)
    if isinstance(mapping, from_mixpanel.FromMixpanel):
        return _from_mixpanel(settings)
    if isinstance(mapping, LookupTable):
        return Guide(table="the setting `streams`")
    if words is not None:
        return _from_columns(mapping, from_columns.description(stream, words), keys)
    return _profiles()


_OF_UPDATES = (
    Made("$ip", (), "always 0: nobody is where the importer runs", (*PEOPLE, "group")),
    Made("$ignore_time", (), "always: nobody was seen just now", (*PEOPLE, "group")),
)


def fields(prefix: str, of: Columns) -> tuple[Made, ...]:
    """Return what Mixpanel gets of a source's records beside the rows of properties."""
    return _of_links(of) + _of_people(of) + _of_groups(of) + _of_events(prefix, of) + _OF_UPDATES


def _of_links(of: Columns) -> tuple[Made, ...]:
    link = ("link",)
    return (
        Made("event", (), "Mixpanel's name of a link", link),
        Made("properties.$distinct_ids", of.ids, "the device and its user", link),
        Made("properties.$device_id", of.ids, "the device", link),
        Made("properties.$user_id", of.ids, "the user who owns it", link),
        Made("properties.distinct_id", of.ids, "the id that the row came with", link),
        Made("properties.$insert_id", of.ids, "made of user and device", link),
        Made("properties.time", of.time, "since when the device is the user's", link),
        Made("properties.ip", (), "always 0: nobody is where the importer runs", link),
    )


def _of_people(of: Columns) -> tuple[Made, ...]:
    how = "a property of the person, newer than what was sent before"
    each = tuple(Made(f"{at}.*", of.each_of_person, how, PEOPLE) for at in OPERATIONS)
    return (
        Made("$distinct_id", of.ids, "whose profile it is", PEOPLE),
        *each,
        Made("$unset", of.person, "names that are gone", PEOPLE),
    )


def _of_groups(of: Columns) -> tuple[Made, ...]:
    group, how = ("group",), "a property of the group"
    each = tuple(Made(f"{at}.*", of.of_groups, how, group) for at in OPERATIONS)
    return (
        Made("$group_key", of.groups, "the group key, as `group_keys` names it", group),
        Made("$group_id", of.groups, "the id of the group", group),
        *each,
        Made("$unset", of.of_groups, "names that are gone", group),
        Made("$set", of.of_groups, "the properties of the group", group),
    )


def _of_events(prefix: str, of: Columns) -> tuple[Made, ...]:
    event = ("event",)
    return (
        Made("properties.ip", (), "always 0: nobody is where the importer runs", event),
        Made("properties.mp_lib", (), "always: the name of this software", event),
        Made("properties.$lib_version", (), "always: the version of this software", event),
        Made("properties.analytics_source", (), "always: where the record is from", event),
        Made("properties.distinct_id", of.ids, "the user, else the device", event),
        Made("properties.$user_id", of.ids, "the user", event),
        Made("properties.$device_id", of.ids, "the device, where it is the user's", event),
        Made("properties.$insert_id", of.id, "the record's own id, or made of its key", event),
        Made("properties.time", of.time, "in milliseconds since 1970", event),
        Made(f"properties.{prefix}event_name", of.name, "the name before it was changed", event),
        Made(f"properties.{prefix}overflow*", ("",), "properties beyond Mixpanel's 255", event),
        Made(f"properties.{OF_THE_USER}*", of.each_of_person, "as it was at the time", event),
    )


def _guide(table: ModuleType, placed: tuple[Placed, ...], **more: Any) -> Guide:
    vendor = "Amplitude" if table is of_amplitude else "Mixpanel"
    return guide_of_table(table, placed, vendor=vendor, own_at="properties", **more)


def _from_amplitude(mapping: from_amplitude.FromAmplitude, settings: MappingSettings) -> Guide:
    table, layout = of_amplitude, from_amplitude.LAYOUT
    of = Columns(
        ("event_type",),
        ("user_id", "device_id", "amplitude_id"),
        table.ENVELOPE[2].columns,
        ("uuid",),
        ("user_properties",),
        ("groups",),
        ("group_properties", "groups"),
    )
    of_event = (
        Placed("", table.ENVELOPE[:1], is_told=True),
        Placed("properties", table.ENVELOPE[1:], is_told=True),
        Placed("properties", table.PROPERTIES),
        Placed("properties", table.EVENT_PROPERTY_ROWS, of_own=True),
    )
    of_people = tuple(
        Placed(at, rows, is_told=True, kinds=PEOPLE)
        for at in ("$set", "$set_once")
        for rows in (
            tuple(row._replace(source=_in_person(row.columns)) for row in table.OF_THE_PERSON),
            table.OF_THE_RECORD,
        )
    )
    renamed = tuple(
        Made(f"{at}.{to}", (f"user_properties.{name}",), "Mixpanel's own name of it", PEOPLE)
        for name, to in table.RENAMED_ATTRIBUTION.items()
        for at in ("$set", "$set_once")
    )
    return _guide(
        table,
        of_event + of_people,
        made=(
            Made("properties.$insert_id", (*of.ids, "app"), "made of both", ("link",)),
            *renamed,
            *fields("amplitude_", of),
        ),
        named=_groups_of(mapping, ("groups",)),
        own="event_properties",
        prefix="amplitude_",
        holds=_holding(settings, layout),
        read={
            "event_id": "read for the order of records",
            "user_properties": "of the person: not newer than what was sent, or the settings",
            "group_properties": "of groups: not newer than what was sent",
        },
    )


def _groups_of(mapping: RecordMapping, columns: tuple[str, ...]) -> Any:
    """Return what names the group keys of a record's event."""

    def named(of: Subject) -> list[Made]:
        if not (isinstance(mapping, Pair) and isinstance(mapping.destination, Mixpanel)):
            return []
        keys = mapping.source.groups(of.record, "").keys
        how, event = "the keys of the groups of a type", ("event",)
        named = mapping.destination.group_keys.properties(keys)
        return [Made(f"properties.{key}", columns, how, event) for key in named]

    return named


def _in_person(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"user_properties.{name}" for name in columns)


def _holding(settings: MappingSettings, layout: Layout) -> Any:
    always = [settings.identity_merge, *(["geolocate_ip"] if settings.geolocate_ip else [])]

    def holds(of: Subject) -> set[str]:
        return {*always, layout.variant_of(of.record)}

    return holds


def _from_mixpanel(settings: MappingSettings) -> Guide:
    table = of_mixpanel
    ids = table.ENVELOPE[1].columns
    of = Columns(("event",), ids, ("time", "$mp_api_timestamp_ms"), ("$insert_id", "uuid"))
    return _guide(
        table,
        (
            Placed("", table.ENVELOPE[:1], is_told=True),
            Placed("properties", table.ENVELOPE[1:], is_told=True),
            Placed("properties", table.PROPERTIES, is_told=True),
        ),
        made=(
            Made("event", ("event",), "an identity event, as it is", ("link",)),
            *_of_links(of),
            Made("properties.*", ("*",), "as it is, under its own name", ("link",)),
            *(
                Made(f"properties.{name}", ids, "of the person whom the row is of", ("event",))
                for name in ("distinct_id", "$user_id", "$device_id")
            ),
            Made("properties.ip", (), "always 0: nobody is where the importer runs", ("event",)),
            Made(
                f"properties.{from_mixpanel.PREFIX}overflow*",
                ("",),
                "beyond Mixpanel's 255",
                ("event",),
            ),
        ),
        prefix=from_mixpanel.PREFIX,
        holds=lambda _: (settings.identity_merge,),
        dropped={**table.DROPPED, **table.COLUMNS_DROPPED},
        read={
            "properties": "each of its properties is named by itself",
            "uuid": "stands for the row where it has no `$insert_id`",
        },
    )


def _profiles() -> Guide:
    each, keys, all_of_it = ("$*",), ("group_key", "group_id"), ("properties",)
    how = "a property of the profile, as it is"
    of = Columns(ids=("distinct_id",), groups=keys, person=all_of_it, of_groups=all_of_it)
    kinds = (*PEOPLE, "group")
    return _guide(
        of_mixpanel,
        (),
        made=(
            *(Made(f"{at}.*", ("*",), how, kinds) for at in OPERATIONS),
            *fields(from_mixpanel.PREFIX, of._replace(of_groups=each)),
        ),
        dropped=of_mixpanel.PROFILE_DROPPED,
        read={
            "properties": "each of its properties is named by itself",
            "read_at": "read for what is newer",
        },
    )


def _from_columns(mapping: RecordMapping, it: Any, keys: Sequence[str]) -> Guide:
    """Return the guide of a stream whose columns the settings name."""
    of = described(it, keys)
    source = it.properties if isinstance(it.properties, str) else ""
    each = (f"{source}.*",) if source else ("*",)
    how = "a column that the setting `streams` names, or one that it does not"
    kinds = (*PEOPLE, "group")
    is_event = it.form == "event"
    updates = () if is_event else tuple(Made(f"{at}.*", each, how, kinds) for at in OPERATIONS)
    return Guide(
        table="the setting `streams`",
        made=(
            Made("event", of.name, "as the setting `streams` says", ("event",)),
            *updates,
            *fields(f"{it.stream}_", of._replace(groups=of.groups or (it.id,))),
        ),
        own_at="properties",
        own=source,
        prefix=f"{it.stream}_",
        named=_groups_of(mapping, of.groups),
        outcomes=outcomes_of(of_mixpanel.COUNTED, of_amplitude.COUNTED),
    )
