"""What becomes of a record at PostHog, field by field: the guides of the mappings here."""

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
from singer_delivery.mapping.table import Row
from singer_delivery.model import RecordMapping

from target_posthog import from_amplitude, from_mixpanel
from target_posthog.from_amplitude import table as of_amplitude
from target_posthog.from_columns import description
from target_posthog.from_mixpanel import people as profiles
from target_posthog.from_mixpanel import table as of_mixpanel
from target_posthog.settings import MappingSettings

OF_EVENTS = ("event", "person")


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
    if words is not None:
        return _from_columns(description(stream, words), keys)
    return _profiles()


def fields(source: str, of: Columns) -> tuple[Made, ...]:
    """Return what PostHog gets of a source's records beside the rows of properties."""
    return _OF_ALL + _of_links(of) + _of_groups(of) + _of_events(source, of)


_OF_ALL = (
    Made("properties.$geoip_disable", (), "always: nobody is where the importer runs"),
    Made("properties.$lib", (), "always: the name of this software"),
    Made("properties.$lib_version", (), "always: the version of this software"),
    Made("properties.historical_migration", (), "always: it is no live event"),
    Made("properties.analytics_source", (), "always: where the record is from"),
)


def _of_links(of: Columns) -> tuple[Made, ...]:
    link = ("link",)
    return (
        Made("event", (), "how the setting `link_identities` merges a device", link),
        Made("distinct_id", of.ids, "the user who owns the device", link),
        Made("uuid", of.ids, "made of user and device", link),
        Made("timestamp", of.time, "since when the device is the user's", link),
        Made("properties.alias", of.ids, "the device", link),
        Made("properties.$anon_distinct_id", of.ids, "the device", link),
    )


def _of_groups(of: Columns) -> tuple[Made, ...]:
    group, both = ("group",), (*of.groups, *of.of_groups)
    return (
        Made("event", (), "PostHog's name of an update of a group", group),
        Made("distinct_id", of.groups, "`$<type>_<key>`, as PostHog's libraries have it", group),
        Made("uuid", both, "made of the group and its properties", group),
        Made("timestamp", of.time, "when the record happened", group),
        Made("properties.$group_type", of.groups, "the type of the group", group),
        Made("properties.$group_key", of.groups, "the key of the group", group),
        Made("properties.$group_set.*", of.of_groups, "a property of the group", group),
        Made("properties.$group_set", of.of_groups, "the properties of the group", group),
    )


def _of_events(source: str, of: Columns) -> tuple[Made, ...]:
    how = "a property of the person, newer than what was sent before"
    return (
        Made(f"properties.${source}_event_name", of.name, "the name before it was changed"),
        Made(
            "properties.$process_person_profile",
            of.ids,
            "false: the setting `person_profiles`, or a person in doubt",
        ),
        Made("properties.$groups.*", of.groups, "the key of the group of this type"),
        Made(
            f"properties.${source}_group_properties*", of.of_groups, "of types that are not linked"
        ),
        *(
            Made(f"properties.{operation}.*", of.each_of_person, how, ("event", "person", "device"))
            for operation in ("$set", "$set_once", "$unset")
        ),
        Made("properties.$unset", of.person, "names that are gone", ("event", "person", "device")),
    )


def _guide(table: ModuleType, placed: tuple[Placed, ...], **more: Any) -> Guide:
    vendor = "Amplitude" if table is of_amplitude else "Mixpanel"
    return guide_of_table(table, placed, vendor=vendor, own_at="properties", **more)


def _from_amplitude(mapping: from_amplitude.FromAmplitude, settings: MappingSettings) -> Guide:
    table = of_amplitude
    times = table.ENVELOPE[2].columns
    asked = [n for n in ("send_ip", "send_advertising_ids") if getattr(settings, n)]

    def holds(of: Subject) -> set[str]:
        return {*asked, mapping.table.variant_of(of.record)}

    of = Columns(
        name=("event_type",),
        ids=("user_id", "device_id", "amplitude_id"),
        time=times,
        id=("uuid",),
        person=("user_properties",),
        groups=("groups",),
        of_groups=("group_properties",),
    )
    return _guide(
        table,
        (
            Placed("", table.ENVELOPE, is_told=True, kinds=OF_EVENTS),
            Placed("properties", table.PROPERTIES, kinds=OF_EVENTS),
            Placed("properties", table.PEOPLE[:2], is_told=True, kinds=OF_EVENTS),
            Placed("properties", table.EVENT_PROPERTY_ROWS, of_own=True, kinds=OF_EVENTS),
        ),
        made=(
            Made("uuid", (*of.ids, "app"), "made of user, device and project", ("link",)),
            *fields("amplitude", of),
        ),
        own="event_properties",
        prefix=from_amplitude.PREFIX,
        holds=holds,
        read={
            "event_id": "read for the order of records",
            "server_upload_time": "read for what is newer",
            "user_properties": "of the person: not newer than what was sent, or the settings",
            "group_properties": "of groups: not newer than what was sent",
        },
    )


def _from_mixpanel(settings: MappingSettings) -> Guide:
    table = of_mixpanel
    conditions = () if settings.person_properties == "none" else ("person_properties",)
    revenue = tuple(Row(to, name) for to, name in settings.revenue.items())
    of = Columns(
        name=("event",),
        ids=table.IDS,
        time=("time",),
        groups=tuple(settings.group_keys),
        person=tuple(sorted(table.EVENT_PROPERTY_ROWS[-1].columns)),
    )
    made = (
        Made("properties.$groups.*", of.groups, "the key of the group of this type"),
        *fields("mixpanel", of._replace(person=("",))),
    )
    return _guide(
        table,
        (
            Placed("", table.ENVELOPE, is_told=True),
            Placed("properties", table.PROPERTIES),
            Placed("properties", table.EVENT_PROPERTY_ROWS + revenue, of_own=True),
        ),
        made=made,
        prefix=from_mixpanel.PREFIX,
        holds=lambda _: conditions,
        read={
            "properties": "each of its properties is named by itself",
            "identity_merge": "read for whose the row is",
            "day": "the day of `time` in the source project",
        },
    )


def _profiles() -> Guide:
    names = tuple(Row(to, name) for name, to in profiles.NAMES.items())
    people = ("person", "device")
    keys, all_of_it = ("group_key", "group_id"), ("properties",)
    each = ("$*",)
    made = (
        Made("event", (), "PostHog's name of an update of a person", people),
        Made("distinct_id", ("distinct_id",), "the id of the person's events", people),
        Made("uuid", ("distinct_id", "properties"), "made of person and profile", people),
        Made("timestamp", ("$created", "read_at"), "the person's creation, else a change", people),
        Made("properties.$set.$geoip_country_name", ("$country_code",), "its name", people),
        Made("properties.$set.*", each, "a property of the profile, without its `$`", people),
        Made("properties.$set_once.*", each, "the same, where there is none yet", people),
        Made("properties.$unset", all_of_it, "names that are gone", people),
        Made("properties.$group_type", ("group_key",), "as the setting `group_keys` names it"),
        Made("properties.$group_key", ("group_id",), "the id of the group"),
        Made("properties.$group_set.$geoip_country_name", ("$country_code",), "its name"),
        Made("properties.$group_set.*", each, "a property of the profile, without its `$`"),
        *_of_groups(Columns(groups=keys, of_groups=all_of_it)),
        *_OF_ALL,
    )
    places = ("$set", "$set_once", "$group_set")
    kinds = (*people, "group")
    placed = tuple(Placed(f"properties.{at}", names, of_own=True, kinds=kinds) for at in places)
    return _guide(
        of_mixpanel,
        placed,
        made=made,
        dropped=of_mixpanel.PROFILES_DROPPED,
        read={
            "properties": "each of its properties is named by itself",
            "read_at": "read for what is newer",
        },
    )


def _from_columns(it: Any, keys: Sequence[str]) -> Guide:
    """Return the guide of a stream whose columns the settings name."""
    of = described(it, keys)
    form = ("event",) if it.form == "event" else ("person", "group")
    source = it.properties if isinstance(it.properties, str) else ""
    each = (f"{source}.*",) if source else ("*",)
    update = "a column that the setting `streams` names, or one that it does not"
    made = (
        Made("event", of.name, "as the setting `streams` says", form),
        Made("distinct_id", of.ids, "the first of them that is an id", ("event", "person")),
        Made("timestamp", of.time, "read as the setting `streams` says", form),
        Made("uuid", of.id or ("*",), "the record's own id, or made of its key", form),
        Made("properties.$set.*", each, update, ("person",)),
        Made("properties.$set_once.*", each, update, ("person",)),
        Made("properties.$group_set.*", each, update, ("group",)),
        *fields(it.stream, of._replace(groups=of.groups or (it.id,))),
    )
    return Guide(
        table="the setting `streams`",
        made=made,
        own_at="properties",
        own=source,
        prefix=f"{it.stream}_",
        outcomes=outcomes_of(of_mixpanel.COUNTED, of_amplitude.COUNTED),
    )
