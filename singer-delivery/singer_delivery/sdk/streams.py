"""How the records of a stream reach the run: as they are, through stream maps, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import orjson
from singer_sdk.exceptions import MapExpressionError, RecordsWithoutSchemaException
from singer_sdk.mapper import (
    PluginMapper,
    RemoveRecordTransform,
    SameRecordTransform,
    StreamMap,
)

from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.json_lines import exact
from singer_delivery.mapping.lines import read_line, record_of
from singer_delivery.model import Decision, Effects, Facts, Unmappable
from singer_delivery.model import Mapped as MappedEvents
from singer_delivery.pipeline.blocks import Input, record_head
from singer_delivery.pipeline.dead_letters import COLUMN
from singer_delivery.sdk.reader import KEEPS_GOING

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

REMOVED, UNNAMED, FILTERED = (
    f"stream_maps: {rule}" for rule in ("null", "__else__: null", "__filter__")
)
"""Rules that skip records, as the run report counts them."""


class Taker(Protocol):
    """Takes the records of a stream, however they come."""

    def message(self, line: bytes) -> None:
        """Take a RECORD message, or a line that begins as one."""

    def row(self, line: bytes) -> None:
        """Take a line of a file that a BATCH message names."""


class Unchanged:
    """Gives lines to the run as they came.

    Args:
        run: takes them.
        messages: the stream's records as RECORD messages.
        rows: the stream's records as lines by themselves.
    """

    def __init__(self, run: Run, messages: Input, rows: Input) -> None:
        self._take, self._messages, self._rows = run.take, messages, rows

    def message(self, line: bytes) -> None:
        """Take a RECORD message: see `Taker`."""
        self._take(self._messages, line)

    def row(self, line: bytes) -> None:
        """Take a line of a file: see `Taker`."""
        self._take(self._rows, line)


class Route(NamedTuple):
    """One of the stream maps of a stream, and where its records go.

    Attributes:
        map: changes or removes records.
        rows: its records; None where it removes all of them.
        left_out: the records that it removes, under the rule that says so.
    """

    map: StreamMap
    rows: Input | None
    left_out: Input


class Mapped:
    """Puts records through the SDK's stream maps and flattening, and gives the run what comes out.

    What is kept for the dead letters is the message as it came, so that it can be piped back into
    the same command: its maps then run once.

    Args:
        run: takes them.
        stream: its name before the maps.
        routes: at least one.
        service: what cannot read a record that is not clean, for people.
    """

    def __init__(self, run: Run, stream: str, routes: Sequence[Route], service: str) -> None:
        self._run, self._routes, self._service = run, routes, service
        self._head = record_head(stream)
        self._arrived = left_out(run, stream, REMOVED)

    def message(self, line: bytes) -> None:
        """Take a RECORD message: see `Taker`."""
        self._take(line, line, is_message=True)

    def row(self, line: bytes) -> None:
        """Take a line of a file: see `Taker`."""
        self._take(line, b"%b%b}\n" % (self._head, line), is_message=False)

    def _take(self, line: bytes, message: bytes, *, is_message: bool) -> None:
        try:
            found = read_line(exact(line))[0]
            record = record_of(found) if is_message else found
        except Unmappable as error:
            self._run.refuse(self._arrived, message, error.reason, error.detail)
            return
        record.pop(COLUMN, None)  # of an earlier run: no map should see it
        for route in self._routes:
            self._pass(route, record, message)

    def _pass(self, route: Route, record: Mapping[str, Any], message: bytes) -> None:
        try:
            line = self._changed(route, record)
        except Unmappable as error:
            of = route.rows or route.left_out
            self._run.refuse(of, message, error.reason, error.detail)
            return
        if line is None or route.rows is None:
            self._run.take(route.left_out, b"")
        else:
            self._run.take(route.rows, line, message)

    def _changed(self, route: Route, record: Mapping[str, Any]) -> bytes | None:
        """Return what a map makes of a record, None where it removes it.

        Raises:
            Unmappable: the map fails (`stream_map_failed`), or makes what nobody can read.
        """
        try:
            changed = route.map.transform(dict(record))
        except Exception as error:  # whatever a user's expression meets in a record
            reason = "stream_map_failed"
            raise Unmappable(reason, _why(route.map.stream_alias, error)) from error
        return None if changed is None else orjson.dumps(readable(changed, self._service))


class LeftOut:
    """The mapping of records that a rule of the user's leaves out. They are counted, and not read.

    Args:
        rule: as the run report counts it.
    """

    decision_type: ClassVar[type[Decision]] = Decision

    def __init__(self, rule: str) -> None:
        self._decision = Decision(skipped=rule, sends=False)

    def observe(self, line: bytes, *, is_message: bool) -> None:
        """Return nothing: see `RecordMapping`."""

    def ids_of(self, observation: None) -> tuple[()]:  # noqa: ARG002 - of the protocol
        """Return no id: the record is not read."""
        return ()

    def people_of(self, observation: None) -> tuple[()]:  # noqa: ARG002 - of the protocol
        """Return nobody: the record is not read."""
        return ()

    def decide(self, observation: None, facts: Facts, effects: Effects) -> Decision:  # noqa: ARG002 - of the protocol
        """Return the decision that leaves a record out."""
        return self._decision

    def map(self, record: Mapping[str, Any], decision: Decision) -> MappedEvents:  # noqa: ARG002 - of the protocol
        """Return nothing: no such record is sent."""
        return MappedEvents(())


def wrong_in_schema(message: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a SCHEMA message that has a stream and a schema, None if nothing."""
    stream, schema, keys = message["stream"], message["schema"], message.get("key_properties")
    if not isinstance(stream, str) or not stream:
        return "is a SCHEMA message that names no stream"
    of = f"is a SCHEMA message of '{stream}'"
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return f"{of} whose schema has no properties"
    if not all(isinstance(each, (dict, bool)) for each in properties.values()):
        return f"{of} with a property that no object describes"
    if not isinstance(keys or [], list) or not all(isinstance(key, str) for key in keys or ()):
        return f"{of} whose key_properties are no list of names"
    return None


def left_out(run: Run, stream: str, rule: str) -> Input:
    """Return the input of records that are left out by a rule."""
    return run.input(stream, LeftOut(rule), are_messages=True)


def removing_rule(mapper: PluginMapper, stream: str) -> str:
    """Return the rule by which stream maps remove a stream."""
    is_named = any(fnmatch(stream, name) for name in mapper.stream_maps_dict)
    return REMOVED if is_named else UNNAMED


def is_removed(stream_map: StreamMap) -> bool:
    """Tell whether a stream map removes all records."""
    return isinstance(stream_map, RemoveRecordTransform)


def passes_unchanged(maps: Sequence[StreamMap]) -> bool:
    """Tell whether neither stream maps nor flattening change the records of a stream."""
    is_same = len(maps) == 1 and type(maps[0]) is SameRecordTransform
    return is_same and not maps[0].flattening_enabled


def _why(alias: str, error: Exception) -> str:
    """Say why a map failed. Only the SDK's own error quotes no value of the record."""
    said = str(error) if isinstance(error, MapExpressionError) else f"{type(error).__name__}."
    return f"its stream map, to '{alias}', fails on it: {said}"


def without_schema(stream: Any) -> RecordsWithoutSchemaException:
    """Return the error that records came before the SCHEMA message of their stream."""
    return RecordsWithoutSchemaException(
        f"Records of stream '{stream}' came before its SCHEMA message. {KEEPS_GOING}"
    )
