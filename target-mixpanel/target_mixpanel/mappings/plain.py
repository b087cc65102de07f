"""Any Singer stream -> Mixpanel, by naming its columns: see `PlainStream` of the library.

An id in the column `distinct_id` is sent under that name: under Simplified ID Merge Mixpanel takes
it for a user, unless it begins with `$device:` (Mixpanel docs, Identifying users). The name under
`group` is the group key of the Mixpanel project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analytics_records.amplitude.operations import Changes
from analytics_records.named_columns import PlainStream, no_news
from singer_delivery.mapping.values import Moment
from singer_delivery.model import Event, Fact, Known, Mapped, Note

from target_mixpanel.mappings import limits, when
from target_mixpanel.mappings.mixpanel import (
    GUARDED_KEYS,
    IDS,
    IMPORT,
    MAX_NAME_CHARACTERS,
    base_properties,
)
from target_mixpanel.mappings.settings import (
    MappingSettings,
    check_event_name,
    check_group_key,
)
from target_mixpanel.mappings.updates import (
    Profile,
    group_profile,
    harmless,
    person_profile,
    updates,
)


class PlainMapping:
    """Makes events, profile updates or group updates of one stream's records.

    Args:
        stream: the stream's name, for ids, for the report and before guarded property names.
        columns: how the stream is loaded, as under `streams` in the settings.
        key_properties: the stream's key, which makes the uuid where no column is one.
        settings: of the target.

    Raises:
        ValueError: `columns` is none of the three ways, or names what is Mixpanel's own.
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
        check_event_name(f"The stream `{stream}` is called", columns.get("event", ""))
        check_group_key(f"The stream `{stream}` has the group", columns.get("group", "group"))
        self._make = self._stream.choose(self._event, self._person, self._group)
        self._base = base_properties(settings.version, stream)

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        """Return what a clean record becomes.

        Raises:
            Unmappable: a named column has no value, or none of the kind it must have.
        """
        return self._make(record, known)

    def _event(self, record: Mapping[str, Any], _known: Known) -> Mapped:
        stream, notes = self._stream, list[Note]()
        distinct_id, moment = stream.id(record, "distinct_id"), stream.time(record)
        assert moment is not None, "an event's stream names its timestamp"
        when.check_time(moment.at, self._settings)
        skipped = when.leaves_out(moment.at, self._settings, notes)
        if skipped is not None:
            return Mapped((), skipped)
        properties = stream.properties(record, distinct_id, GUARDED_KEYS, self._base)
        properties |= {
            "distinct_id": distinct_id,
            "time": moment.at // 1000,
            "$insert_id": stream.uuid(record),
            "ip": 0,
        }
        limits.fit(properties, notes, GUARDED_KEYS, self._base)
        name = stream.columns["event"]
        body = {"event": name, "properties": properties}
        event = Event(IMPORT, "event", name, distinct_id, moment.at, body)
        return Mapped((event,), None, tuple(notes))

    def _person(self, record: Mapping[str, Any], known: Known) -> Mapped:
        stream = self._stream
        person, moment = stream.id(record, "person"), stream.time(record)
        if not self._settings.profiles:
            return Mapped((), "profiles: false")
        content = dict(stream.others(record))
        fact = stream.person_fact(person, content, moment)
        return self._update(person_profile(person), content, fact, moment, known)

    def _group(self, record: Mapping[str, Any], known: Known) -> Mapped:
        stream = self._stream
        group = (stream.columns["group"], stream.id(record, "key"))
        moment = stream.time(record)
        if not self._settings.groups:
            return Mapped((), "groups: false")
        content = dict(stream.others(record))
        fact = stream.group_fact(group, content, moment)
        return self._update(group_profile(*group), content, fact, moment, known)

    def _update(
        self,
        profile: Profile,
        content: dict[str, Any],
        fact: Fact,
        moment: Moment | None,
        known: Known,
    ) -> Mapped:
        if (none := no_news(known, fact, moment)) is not None:
            return none
        found: set[str] = set()
        change = Changes(set=harmless(content, found, f"{self._stream.name}_"))
        # Another stream may tell of the same profile: neither takes the other's place.
        profile = profile._replace(person=f"{self._stream.name}\x1f{profile.person}")
        at = moment.at if moment is not None else None
        events = updates(profile, change, at, fact, deferred=True)
        notes = tuple(Note(name) for name in sorted(found))
        return Mapped(tuple(events), None if events else "nothing to set", notes)
