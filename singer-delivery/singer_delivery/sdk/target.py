"""A target of the Singer SDK whose records go through `singer_delivery`.

Where it differs from the SDK's own target, and why:

- STATE leaves as soon as everything before it is decided, not at the end of the input alone.
- A signal does not drain half-finished batches: requests in flight are finished, STATE covers what
  was decided, and the exit code is 128 + signal, so that no one takes a truncated run for a whole
  one.
- The lines of streams without stream maps or flattening go to the run as they are. The records of
  other streams go through the SDK's work first, and then the same way.
"""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import RecordsWithoutSchemaException
from singer_sdk.mapper import StreamMap
from singer_sdk.singerlib.exceptions import InvalidInputLine

from singer_delivery.endpoint import Endpoint
from singer_delivery.errors import DeliveryError, Interrupted, SettingsError
from singer_delivery.io.collecting import collect_rarely
from singer_delivery.io.copies import Copies
from singer_delivery.io.heaps import keep_heaps_small
from singer_delivery.io.stdin import read_to_the_end
from singer_delivery.io.stdout import write_state
from singer_delivery.mapping.guide import Guide
from singer_delivery.model import Event, RecordMapping
from singer_delivery.pipeline.blocks import State
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.sdk.asking import MELTANO_TEST, AskingTarget
from singer_delivery.sdk.batches import files_of, lines_of
from singer_delivery.sdk.people import excluded_by, share_of
from singer_delivery.sdk.plugin import ending_in_a_sentence, naming_stream_maps
from singer_delivery.sdk.reader import LineReader
from singer_delivery.sdk.sink import DeliverySink
from singer_delivery.sdk.streams import (
    FILTERED,
    Mapped,
    Route,
    Taker,
    Unchanged,
    is_removed,
    left_out,
    passes_unchanged,
    removing_rule,
    without_schema,
    wrong_in_schema,
)

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

LAST_LOOK = 10.0
"""Seconds for which the input is read on when a run fails, so that its sentence is the last one."""


class DeliveryTarget(AskingTarget):
    """Base of the targets. A subclass says how to open a run and what a stream's records become.

    Attributes:
        copies: numbers equal records that have no id.
        bookmarks: what the tap says that a stream goes on from, by the stream's name.
    """

    message_reader_class = LineReader
    message_reader: LineReader
    default_sink_class = DeliverySink

    alarms: ClassVar[Mapping[str, str]] = {}
    """A sentence for each note that the user must hear of at once; see `Outcomes`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.copies = Copies()
        self.bookmarks: dict[str, Sequence[str]] = {}
        self._signal: int | None = None
        self._has_files = False
        self._schemas: dict[str, tuple[Any, Any]] = {}
        self._takers: dict[str, Taker] = {}
        self.message_reader.guard = self._until_the_end
        self.message_reader.before_waiting = self._before_waiting

    @abstractmethod
    def open_run(self) -> Run:
        """Open what the run needs.

        Raises:
            DeliveryError: it cannot be opened.
        """

    def run_with(self, settings: RunSettings, endpoints: Mapping[str, Endpoint]) -> Run:
        """Open a run that gives its STATE values back here; see `Run`."""
        # Not before there is a run: SQLAlchemy takes as long to import as all else of ours.
        from singer_delivery.pipeline.run import Run  # noqa: PLC0415

        return Run(settings, endpoints, self.scope, self.give_back, alarms=self.alarms)

    @property
    @abstractmethod
    def scope(self) -> str:
        """The project's name in the ledger: no key can be read from it."""

    @abstractmethod
    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become.

        Raises:
            SettingsError: nothing says what they are.
        """

    def guide(self, mapping: RecordMapping, stream: str, key_properties: Sequence[str]) -> Guide:
        """Return what the table of a stream's mapping says of each field; nothing by default."""
        del mapping, stream, key_properties
        return Guide(table="")

    def body_of(self, event: Event) -> Mapping[str, Any]:
        """Return an event as it is sent, without the keys of the project."""
        return event.body

    def last_events(self) -> Iterable[tuple[str, Event]]:
        """Return what is sent when all else is, each with the stream whose records made it."""
        return ()

    def last_warnings(self) -> Iterable[str]:
        """Return what is to be said when the run is complete; nothing by default."""
        return ()

    def close(self) -> None:
        """Give back what a subclass holds besides the run; nothing by default."""

    @cached_property
    def excluded_people(self) -> frozenset[str]:
        """The ids of people who are left out, read once: see `excluded_by`."""
        return excluded_by(self.config)

    def shared_config_errors(self) -> list[str]:
        """Return a sentence if nothing says whose records are loaded."""
        try:
            _ = self.excluded_people, share_of(self.config)
        except SettingsError as error:
            return [str(error)]
        return []

    @cached_property
    def run(self) -> Run:
        """The run, opened when it is first needed; the service is asked before it goes on."""
        return self.checked(self.open_run())

    def say_progress(self) -> None:
        """Log how far the run is, if it is open. Safe in a signal handler."""
        if "run" in self.__dict__:
            self.run.say_progress()

    def give_back(self, state: State) -> None:
        """Write a STATE value for whoever runs the target to store.

        Raises:
            StorageError: it cannot be written.
        """
        write_state(state)

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Run the command line; errors that are for people end it with their sentence alone."""
        collect_rarely()
        keep_heaps_small()
        for_people = (DeliveryError, InvalidInputLine, RecordsWithoutSchemaException)
        with ending_in_a_sentence(cls, *for_people, before=lambda: read_to_the_end(LAST_LOOK)):
            super().invoke(**options)

    def process_endofpipe(self) -> None:
        """Return when everything read is decided, on disk and reported."""
        with self._until_the_end():
            self.message_reader.busy = True
            self.run.finish(self.last_events())
            for sentence in self.last_warnings():
                self.logger.warning("%s", sentence)
            self.close()

    @contextmanager
    def _until_the_end(self) -> Iterator[None]:
        """Bring the run to an orderly end whatever interrupts the block."""
        try:
            _ = self.run
            yield
        except BaseException as error:
            if "run" in self.__dict__:
                self.run.abandon(error)
            self.close()
            raise

    def _before_waiting(self) -> None:
        if "run" in self.__dict__:
            # A tap that handed over files may wait until they are decided.
            self.run.rest(hurry=self._has_files)

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "schema"})
        wrong = wrong_in_schema(message_dict)
        if wrong is not None:
            raise self.message_reader.invalid(wrong)
        stream, schema = message_dict["stream"], message_dict["schema"]
        keys = message_dict.get("key_properties")
        self.bookmarks[stream] = message_dict.get("bookmark_properties") or ()
        if self._schemas.get(stream) == (schema, keys):
            return
        self.run.dead_letters.know_schema(message_dict)  # the SDK may change it
        self._schemas[stream] = (copy.deepcopy(schema), keys)
        with naming_stream_maps():
            self.mapper.register_raw_stream_schema(stream, schema, keys)
        taker = self._takers[stream] = self._taker(stream)
        self.message_reader.takers[stream] = taker.message

    def _taker(self, stream: str) -> Taker:
        """Return what takes the records of a stream, by its maps."""
        if self.is_a_test(stream):
            tested = left_out(self.run, stream, MELTANO_TEST)
            return Unchanged(self.run, tested, tested)
        maps = self.mapper.stream_maps[stream]
        if len(maps) == 1 and is_removed(maps[0]):
            removed = left_out(self.run, stream, removing_rule(self.mapper, stream))
            return Unchanged(self.run, removed, removed)
        if passes_unchanged(maps):
            sink = self._sink_of(maps[0])
            return Unchanged(self.run, sink.messages, sink.rows)
        routes = [self._route(stream, each) for each in maps]
        return Mapped(self.run, stream, routes, self.name)

    def _route(self, stream: str, stream_map: StreamMap) -> Route:
        if is_removed(stream_map):
            rule = removing_rule(self.mapper, stream)
            return Route(stream_map, None, left_out(self.run, stream, rule))
        sink = self._sink_of(stream_map)
        return Route(stream_map, sink.rows, left_out(self.run, sink.stream_name, FILTERED))

    def _sink_of(self, stream_map: StreamMap) -> DeliverySink:
        """Return the sink of what a map makes, a new one where its schema changed."""
        sink = self.get_sink(
            stream_map.stream_alias,
            schema=stream_map.transformed_schema,
            key_properties=stream_map.transformed_key_properties,
        )
        assert isinstance(sink, DeliverySink)
        return sink

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        """Refuse a record that nobody takes: the reader hands the others to their takers."""
        stream = message_dict.get("stream")
        if not isinstance(stream, str):
            what = "is a RECORD message that names no stream"
            raise self.message_reader.invalid(what)
        raise without_schema(stream)

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "encoding", "manifest"})
        stream = message_dict["stream"]
        if not isinstance(stream, str) or stream not in self._takers:
            raise without_schema(stream)
        self._has_files = True
        self.run.workers.start()
        take = self._takers[stream].row
        for path in files_of(message_dict):
            for line in lines_of(path):
                take(line)
            self.run.end_of_file(path)

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        value = self.message_reader.state(message_dict["value"])
        if value is not None:
            self.run.checkpoint(value)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Pass over it: history is only ever added to."""

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal module's signature
        if self._signal is not None:
            os._exit(128 + signum)  # the second signal: at once, even from a lane's request
        self._signal = signum
        self.logger.warning(
            "Signal %d: finishing requests in flight. Again to stop at once.", signum
        )
        if self.message_reader.busy:
            self.run.interrupt(128 + signum)
        else:
            raise Interrupted(128 + signum)
