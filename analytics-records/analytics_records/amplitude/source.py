"""Amplitude's export as a source: its records read for decisions, and for events. Pure.

Amplitude writes its table of the user's properties on an event when it takes it, and gives the
`amplitude_id` of the last known user to what happens on a device after a logout (Amplitude docs,
User properties and event data; Track unique users). So the order of upload says what is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import orjson
from singer_delivery.mapping.json_lines import exact
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.memory import Memory
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Groups, Observation, State
from singer_delivery.mapping.pair import GROUP, PERSON
from singer_delivery.mapping.properties import Layout
from singer_delivery.mapping.values import clean_id, digest
from singer_delivery.model import Note, Unmappable

from analytics_records.amplitude.fields import STEADY
from analytics_records.amplitude.groups import groups_beside, groups_in, groups_of
from analytics_records.amplitude.operations import (
    EMPTY,
    INITIAL_ATTRIBUTION,
    OPERATIONS,
    changes,
)
from analytics_records.amplitude.record import (
    GROUP_IDENTIFY_RECORD,
    IDENTIFY_RECORD,
    TIME_COLUMNS,
    event_name,
    event_uuid,
    hour,
    is_web,
    link_uuid,
    usual_times,
    when_received,
    when_was,
)
from analytics_records.amplitude.shapes import Shape
from analytics_records.json_text import unpacked
from analytics_records.person import person_of

NULL = msgspec.Raw(b"null")
OF_NO_GROUP = Note("group_properties_of_no_group")

_Text = str | None
_Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | str | None
"""Greater numbers are read as floats elsewhere."""

_COLUMNS = (
    *((name, _Text, None) for name in ("event_type", "user_id", "device_id", *TIME_COLUMNS)),
    *((name, _Id, None) for name in ("amplitude_id", "event_id")),
    *((name, msgspec.Raw, NULL) for name in ("user_properties", "groups", "group_properties")),
)
"""The columns that decisions need, as nearly every record has them."""

_UNUSUAL = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
"""Raised where a line is none that the fast way reads."""


def layout(columns: frozenset[str]) -> Layout:
    """Return how records are laid out, for a table that names these columns."""
    return Layout(columns, STEADY, "amplitude_", EMPTY, ("web", "app"), _platform)


def _platform(record: Mapping[str, Any]) -> str:
    return "web" if is_web(record) else "app"


class Amplitude:
    """The records of an Amplitude export.

    Lines are read without their other columns. What is unusual, such as ids that are numbers, is
    read completely, and comes to the same.

    Args:
        service: what reads the records, for people.
        of_person: columns that belong to the person, beside `user_properties`.
        shape: of the stream's records.
        also: fields that a subclass observes, each with its type and what it is when it is missing.
        columns: to such fields the names of their columns, where these are others.
    """

    name = "amplitude"
    name_column = "event_type"
    calls: Mapping[str, str] = {IDENTIFY_RECORD: PERSON, GROUP_IDENTIFY_RECORD: GROUP}
    first_attribution = INITIAL_ATTRIBUTION
    event_name = staticmethod(event_name)
    event_uuid = staticmethod(event_uuid)
    link_uuid = staticmethod(link_uuid)
    changes = staticmethod(changes)

    def __init__(
        self,
        service: str,
        of_person: Sequence[str] = (),
        shape: Shape | None = None,
        also: Sequence[tuple[str, Any, Any]] = (),
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._shape = shape or Shape()
        self.shaped = self._shape.of
        self.service, self._of_person = service, ("user_properties", *of_person)
        self._of_person_in = _joined(self._of_person)
        more = [*((name, msgspec.Raw, NULL) for name in of_person), *also]
        row = msgspec.defstruct("Row", [*_COLUMNS, *more], gc=False, rename=columns)
        message = msgspec.defstruct("Message", [("record", row)], gc=False)
        self._usual = row
        self._row: Callable[[bytes], Any] = msgspec.json.Decoder(row).decode
        self._message: Callable[[bytes], Any] = msgspec.json.Decoder(message).decode
        self._states: Memory[State] = Memory(4096)  # about 3 MB
        self._groups: Memory[Groups] = Memory(4096)  # about 8 MB

    def observe(self, line: bytes, *, is_message: bool) -> Observation:
        """Return what decisions need of a record: see `Source`."""
        is_usual = self._shape.is_named_plainly
        if is_usual and not (b"\\" in line and b"\\u0000" in line):
            try:
                row = self._message(line).record if is_message else self._row(line)
                return self.observed(row)
            except _UNUSUAL:
                pass
        record = read(line, is_message=is_message, service=self.service)
        return self._observed_of(self.shaped(record))

    def people_of(self, seen: Observation) -> tuple[str, ...] | None:
        """Return its `amplitude_id`, else the user, else the device; None for a call of a group."""
        found = person_of(seen.source_id, seen.user, seen.device)
        return None if not found and self.calls.get(seen.name) == GROUP else found

    def hour(self, record: Mapping[str, Any], shaped: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Return the hour of the export that a record was in: see `Source`."""
        return hour(shaped)

    def event_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the column of that name, empty when it is no object."""
        its = record.get("event_properties")
        return its if isinstance(its, dict) else {}

    def person_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the column `user_properties`, empty when it is no object."""
        its = record.get("user_properties")
        return its if isinstance(its, dict) else {}

    def groups(self, record: Mapping[str, Any], call: str) -> Groups:
        """Return the groups it names, and what it says of groups."""
        return groups_in(record, is_call=call == GROUP)

    def groups_beside(
        self, record: Mapping[str, Any], groups: Groups, linked: Collection[str]
    ) -> dict[str, Any]:
        """Return what it says of groups beside those whose types are among the linked ones."""
        return groups_beside(record.get("group_properties"), groups, linked)

    def unusual_time(self, row: Any) -> When:
        """Return when something happened whose times are not as nearly always."""
        return unusual_time({name: getattr(row, name) for name in TIME_COLUMNS})

    def more_of(self, record: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a clean record that a subclass observes."""
        return {}

    def observed(self, row: Any) -> Observation:
        """Return what decisions need of a row."""
        name = row.event_type or ""
        times = usual_times(row.event_time, row.server_upload_time)
        at, column, notes, refused, received = (
            self.unusual_time(row)
            if times is None
            else (times[0], "event_time", (), None, times[1])
        )
        person = self._of_person_in(row)
        state = self._states.get(person)
        if state is None:
            state = self._states.keep(person, _state(person, bytes(row.user_properties)))
        content = b",".join((row.groups, row.group_properties))
        if name == GROUP_IDENTIFY_RECORD:
            content += b"!"
        groups = self._groups.get(content) or self._groups.keep(content, _groups(content))
        if groups.beside:
            notes = (*notes, OF_NO_GROUP)
        # By place: names would make it slower, and there is one for every record.
        return Observation(
            name, row.user_id, row.device_id, row.amplitude_id,
            at, column, state, groups, notes, refused, received, _number(row.event_id),
        )  # fmt: skip

    def _observed_of(self, record: Mapping[str, Any]) -> Observation:
        """Return the same of a clean record."""
        get = record.get
        ids = {"amplitude_id": _id(get("amplitude_id")), "event_id": _counter(get("event_id"))}
        for name in ("user_id", "device_id"):
            found = get(name)
            ids[name] = found if isinstance(found, str) else clean_id(found)
        texts = {name: get(name) for name in ("event_type", *TIME_COLUMNS)}
        texts = {name: text if isinstance(text, str) else None for name, text in texts.items()}
        raw = ("groups", "group_properties", *self._of_person)
        raws = {name: msgspec.Raw(orjson.dumps(get(name))) for name in raw}
        return self.observed(self._usual(**ids, **texts, **raws, **self.more_of(record)))


def _joined(columns: Sequence[str]) -> Callable[[Any], bytes]:
    """Return a function that returns what columns of a row hold, with commas between."""
    if len(columns) == 1:
        return lambda row: bytes(row.user_properties)
    get = attrgetter(*columns)
    return lambda row: b",".join(get(row))


def _id(value: Any) -> str | int | None:
    return value if type(value) in (str, int) else clean_id(value)


def _counter(value: Any) -> str | int | None:
    """Return a counter, None for one that is none: it is no id, and refuses no record."""
    try:
        return _id(value)
    except Unmappable:
        return None


def _number(event_id: Any) -> int:
    """Return the counter of the user's events; 0 where there is none."""
    if type(event_id) is int:
        return event_id
    text = clean_id(event_id) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


When = tuple[int, str, tuple[Note, ...], tuple[str, str] | None, int]


def unusual_time(times: Mapping[str, str | None]) -> When:
    """Return when it happened, and when it was received.

    Between the two stand the column that says when it happened, what is counted, and why it has no
    time.
    """
    notes: list[Note] = []
    try:
        when, column = when_was(times, notes)
    except Unmappable as error:
        return 0, "", (), (error.reason, error.detail), 0
    received = when_received(times)
    return when.at, column, tuple(notes), None, when.at if received is None else received


def _state(content: bytes, user_properties: bytes) -> State:
    """Return what `user_properties` and what else belongs to the person say.

    Args:
        content: all of it, with commas between.
        user_properties: the column.
    """
    read, *beside = orjson.loads(exact(b"[%b]" % content))
    properties = unpacked(read)
    values = (properties, *beside)
    user_properties = exact(user_properties) if properties is read else orjson.dumps(properties)
    if not isinstance(properties, dict) or not properties:
        return NOTHING
    stands_for = digest(values if beside else properties)
    notes: list[Note] = []
    change = changes(properties, notes)
    return State(
        stands_for,
        is_partial=not OPERATIONS.isdisjoint(properties),
        sets=bool(change.set),
        sets_once=bool(change.set_once),
        unsets=bool(change.unset),
        clears=change.clear,
        names=(*change.set, *change.set_once),
        notes=tuple(notes),
        json=user_properties,
        beside=tuple(beside),
    )


def _groups(content: bytes) -> Groups:
    """Return what `groups` and `group_properties` say; an exclamation mark stands for a call."""
    is_call = content.endswith(b"!")
    said = orjson.loads(exact(b"[%b]" % content.removesuffix(b"!")))
    groups, properties = map(unpacked, said)
    if not groups and not properties:
        return NO_GROUPS
    return groups_of(groups, properties, content, is_call=is_call)
