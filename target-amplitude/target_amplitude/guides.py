"""What becomes of a record at Amplitude, field by field: the guides of the mappings here."""

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
from singer_delivery.model import RecordMapping

from target_amplitude import from_amplitude, from_columns, from_mixpanel
from target_amplitude.amplitude import LOCATION, SKIP_SYNC
from target_amplitude.events import POINT
from target_amplitude.from_amplitude import table as of_amplitude
from target_amplitude.from_amplitude.conversions import form_of_revenue
from target_amplitude.from_mixpanel import table as of_mixpanel
from target_amplitude.settings import MappingSettings

PEOPLE, EVENT = ("person", "device"), ("event",)
UPDATES = (*PEOPLE, "group", "link", "creation")
IN_PERSON, IN_GROUP = "user_properties", "group_properties"
OPERATIONS = ("$set", "$setOnce", "$unset")


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
        return _from_amplitude()
    if isinstance(mapping, from_mixpanel.FromMixpanel):
        return _from_mixpanel(settings)
    if words is not None:
        return _from_columns(from_columns.description(stream, words), keys)
    return _profiles(settings)


def fields(prefix: str, of: Columns) -> tuple[Made, ...]:
    """Return what Amplitude gets of a source's records beside the rows of its table."""
    return _of_updates(of) + _of_people(of) + _of_groups(of) + _of_events(prefix, of)


def _of_updates(of: Columns) -> tuple[Made, ...]:
    groups, said = (*of.groups, *of.of_groups), (*of.ids, *filter(None, of.person))
    return (
        Made("event_type", (), "Amplitude's name of an update, or `user_created_event`", UPDATES),
        Made("insert_id", groups, "made of the group and its properties", ("group",)),
        Made("insert_id", said, "made of whom it is about, and of what it says", UPDATES),
        Made("device_id", of.groups, "a device of the group's own", ("group",)),
        Made("user_id", of.ids, "the user", UPDATES),
        Made("device_id", of.ids, "the device", UPDATES),
        Made("time", of.time, "in milliseconds since 1970", UPDATES),
        Made(SKIP_SYNC, (), "always: an event says by itself what was true of its person"),
    )


def _of_people(of: Columns) -> tuple[Made, ...]:
    how = "a property of the person, newer than what was sent before"
    return tuple(Made(f"{IN_PERSON}.{at}.*", of.each_of_person, how, PEOPLE) for at in OPERATIONS)


def _of_groups(of: Columns) -> tuple[Made, ...]:
    group, how = ("group",), "a property of the group"
    return (
        *(Made(f"{IN_GROUP}.{at}.*", of.of_groups, how, group) for at in OPERATIONS),
        Made("groups.*", of.groups, "the keys of the groups of a type"),
        Made("groups", of.groups, "the keys of the groups"),
    )


def _of_events(prefix: str, of: Columns) -> tuple[Made, ...]:
    return (
        Made("event_type", of.name, "as the setting `streams` says", EVENT),
        Made("user_id", of.ids, "the user", EVENT),
        Made("device_id", of.ids, "the device", EVENT),
        Made("time", of.time, "in milliseconds since 1970", EVENT),
        Made("insert_id", of.id, "the record's own id, or made of its key", EVENT),
        Made(f"event_properties.{prefix}event_name", of.name, "the name before it was changed"),
        Made("user_properties.*", of.each_of_person, "as it was at the time", EVENT),
    )


def _guide(table: ModuleType, placed: tuple[Placed, ...], **more: Any) -> Guide:
    vendor = "Amplitude" if table is of_amplitude else "Mixpanel"
    return guide_of_table(table, placed, vendor=vendor, own_at="event_properties", **more)


_TOGETHER = {**dict.fromkeys(POINT, POINT), "ip": LOCATION}
"""Keys of an event that are sent only beside others: see `Events`."""

_FILLED = tuple(Made(name, LOCATION, "empty: a location has all four or none") for name in LOCATION)


def _from_amplitude() -> Guide:
    table = of_amplitude
    of = Columns(
        ("event_type",),
        ("user_id", "device_id", "amplitude_id"),
        table.ENVELOPE[2].columns,
        ("$insert_id", "uuid"),
        ("user_properties",),
        ("groups",),
        ("group_properties", "groups"),
    )
    return _guide(
        table,
        (
            Placed("", table.ENVELOPE, is_told=True),
            Placed("", table.TOP),
            Placed("", table.CONTENT[1:], is_told=True),
            Placed("event_properties", table.BESIDE),
            Placed("", table.OWN_TOP, of_own=True),
            Placed("event_properties", table.OWN, of_own=True),
        ),
        made=_FILLED + fields("amplitude_", of),
        together=_TOGETHER,
        own="event_properties",
        prefix="amplitude_",
        holds=lambda of: form_of_revenue(of.reading).split(),
        read={
            "server_upload_time": "read for what is newer",
            "user_properties": "of the person: not newer than what was sent, or the settings",
            "group_properties": "of groups: not newer than what was sent",
        },
    )


def _from_mixpanel(settings: MappingSettings) -> Guide:
    table = of_mixpanel
    revenue = tuple(
        Made(key, (name,), "the setting `revenue`") for key, name in settings.revenue.items()
    )
    supers = tuple(
        Made(f"user_properties.{name}", (name,), "the setting `super_properties`")
        for name in settings.super_properties
    )
    of = Columns(
        ("event",),
        table.ENVELOPE[1].columns,
        ("time",),
        ("uuid",),
        groups=tuple(settings.group_keys),
    )
    profile = "of the person's profile, as an earlier record of the run has it"

    def holds(of: Subject) -> Sequence[str]:
        return from_mixpanel.variant_of(of.reading).split()

    return _guide(
        table,
        (
            Placed("", table.ENVELOPE, is_told=True),
            Placed("", table.TOP),
            Placed("", table.OWN_TOP, of_own=True),
            Placed("event_properties", table.OWN, of_own=True),
            Placed("event_properties", table.BESIDE),
            Placed("user_properties", table.OF_USER, of_own=True),
        ),
        made=(
            *revenue,
            *supers,
            *_FILLED,
            *fields("mixpanel_", of._replace(person=())),
            Made("user_properties.*", (), profile, EVENT),
        ),
        prefix="mixpanel_",
        holds=holds,
        read={
            **dict.fromkeys(table.READ, "read for ids, time and name"),
            "properties": "each of its properties is named by itself",
            "identity_merge": "read for whose the row is",
        },
    )


def _profiles(settings: MappingSettings) -> Guide:
    each, keys, all_of_it = ("$*",), ("group_key", "group_id"), ("properties",)
    how = "a property of the profile, without its `$`"
    kinds = (*PEOPLE, "group")
    names = of_mixpanel.PROFILE_NAMES
    renamed = tuple(
        Made(f"{IN_PERSON}.{at}.{to}", (name,), "under this name", kinds)
        for name, to in names.items()
        for at in OPERATIONS
    )
    updates = tuple(
        Made(f"{place}.{at}.*", each, how, kinds)
        for place in (IN_PERSON, IN_GROUP)
        for at in OPERATIONS
    )
    of = Columns(
        ids=("distinct_id",), time=("read_at",), groups=keys, person=all_of_it, of_groups=all_of_it
    )
    place = (
        Made("country", ("$country_code",), "the name of the country"),
        Made("region", ("$region",), "as it is; empty beside another part of the place"),
        Made("city", ("$city",), "as it is; empty beside another part of the place"),
        Made("dma", (), "empty: a location has all four or none"),
    )
    paid = (
        Made("event_type", (), "the setting `transaction_event`", EVENT),
        Made("revenue", ("$transactions",), "the amount of a payment", EVENT),
        Made("insert_id", ("$transactions",), "made of user, time and amount", EVENT),
        Made("time", ("$transactions",), "the time of a payment", EVENT),
    )
    person_groups = (
        Made("groups.*", tuple(settings.group_keys), "the groups of the person", PEOPLE),
        Made("time", ("$created",), "when the person was created", ("creation",)),
    )
    return _guide(
        of_mixpanel,
        (),
        made=renamed + updates + place + paid + person_groups + fields("mixpanel_", of),
        dropped={},
        read={
            "properties": "each of its properties is named by itself",
            "read_at": "read for what is newer",
        },
    )


def _from_columns(it: Any, keys: Sequence[str]) -> Guide:
    """Return the guide of a stream whose columns the settings name."""
    of = described(it, keys)
    source = it.properties if isinstance(it.properties, str) else ""
    each = (f"{source}.*",) if source else ("*",)
    how = "a column that the setting `streams` names, or one that it does not"
    kinds = (*PEOPLE, "group")
    updates = tuple(
        Made(f"{place}.{at}.*", each, how, kinds)
        for place in (IN_PERSON, IN_GROUP)
        for at in OPERATIONS
    )
    return Guide(
        table="the setting `streams`",
        made=(
            *(() if it.form == "event" else updates),
            *fields(f"{it.stream}_", of._replace(groups=of.groups or (it.id,))),
        ),
        own_at="event_properties",
        own=source,
        prefix=f"{it.stream}_",
        outcomes=outcomes_of(of_mixpanel.COUNTED, of_amplitude.COUNTED),
    )
