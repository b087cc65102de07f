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

import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from singer_sdk.exceptions import ConfigValidationError, MissingKeyPropertiesError
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.exceptions import InvalidInputLine
from singer_sdk.target_base import Target

from singer_delivery.endpoint import Endpoint
from singer_delivery.errors import BadMessage, DeliveryError, Interrupted, KeyMissing
from singer_delivery.io.collecting import collect_rarely
from singer_delivery.io.heaps import share_heaps
from singer_delivery.io.stdout import write_to_stdout
from singer_delivery.mapping.lines import read_line
from singer_delivery.model import Event, RecordMapping, Unmappable
from singer_delivery.pipeline.blocks import Input, State, record_head
from singer_delivery.pipeline.settings import RunSettings
from singer_delivery.sdk.batches import files_of, lines_of
from singer_delivery.sdk.reader import LineReader
from singer_delivery.sdk.sink import DeliverySink

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run


class DeliveryTarget(Target):
    """Base of the targets. A subclass says how to open a run and what a stream's records become.

    Attributes:
        original: the RECORD message of the record that the SDK works on, as it came.
    """

    message_reader_class = LineReader
    message_reader: LineReader
    default_sink_class = DeliverySink

    # Not the SDK's BATCH, whose `batch_config` would say where a target writes such files: they are
    # read all the same. Nor its record validation, which the mappings make needless.
    capabilities: ClassVar[list[Any]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.original: bytes | None = None
        self._signal: int | None = None
        self._has_files = False
        self.message_reader.guard = self._until_the_end
        self.message_reader.before_waiting = self._before_waiting

    @abstractmethod
    def open_run(self) -> Run:
        """Open what the run needs.

        Raises:
            DeliveryError: it cannot be opened.
        """

    def run_with(self, settings: RunSettings, endpoints: Mapping[str, Endpoint], scope: str) -> Run:
        """Open a run that gives its STATE values back here; see `Run`."""
        # Not before there is a run: SQLAlchemy takes as long to import as all else of ours.
        from singer_delivery.pipeline.run import Run  # noqa: PLC0415

        return Run(settings, endpoints, scope, self.give_back)

    @abstractmethod
    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become.

        Raises:
            SettingsError: nothing says what they are.
        """

    def last_events(self) -> Iterable[tuple[str, Event]]:
        """Return what is sent when all else is, each with the stream whose records made it."""
        return ()

    def close(self) -> None:
        """Give back what a subclass holds besides the run; nothing by default."""

    def config_errors(self) -> list[str]:
        """Return a sentence for each setting that is missing or wrong beyond what its type says."""
        return []

    @cached_property
    def run(self) -> Run:
        """The run, opened when it is first needed."""
        return self.open_run()

    def give_back(self, state: State) -> None:
        """Write a STATE value for whoever runs the target to store."""
        write_to_stdout(orjson.dumps(state, option=orjson.OPT_APPEND_NEWLINE))

    @classmethod
    def invoke(cls, **options: Any) -> None:
        """Run the command line; errors that are for people end it with their sentence alone."""
        collect_rarely()
        share_heaps()
        try:
            super().invoke(**options)
        except (DeliveryError, InvalidInputLine, MissingKeyPropertiesError) as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - the sentence is for people
            sys.exit(1)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the settings of the capabilities above, without those this target has no use for."""
        super(Target, cls).append_builtin_config(config_jsonschema)

    def process_endofpipe(self) -> None:
        """Return when everything read is decided, on disk and reported."""
        with self._until_the_end():
            self.message_reader.busy = True
            self.run.finish(self.last_events())
            self.close()

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors = [
            self._without_secrets(text) for text in super()._validate_config(raise_errors=False)
        ]
        errors = errors or self.config_errors()
        if errors and raise_errors:
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors, schema=self.config_jsonschema)
        return errors

    def _without_secrets(self, text: str) -> str:
        """Replace a message that quotes a secret's value: the SDK's quote what they refuse."""
        for name, setting in self.config_jsonschema["properties"].items():
            if setting.get("secret") and f"config['{name}']" in text:
                return f"`{name}` must be a text."
        return text

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
            if isinstance(error, KeyMissing):  # by the name that the SDK gives it
                raise MissingKeyPropertiesError(str(error)) from None
            raise

    def _before_waiting(self) -> None:
        if "run" in self.__dict__:
            # A tap that handed over files may wait until they are decided.
            self.run.rest(hurry=self._has_files)

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        super()._process_schema_message(message_dict)
        self.run.dead_letters.know_schema(message_dict)
        stream = message_dict["stream"]
        if self._passes_unchanged(stream):
            self.message_reader.takers[stream] = partial(self._take, self._sink_of(stream).messages)
        else:
            self.message_reader.takers.pop(stream, None)

    def _take(self, of: Input, line: bytes) -> None:
        try:
            self.run.take(of, line)
        except BadMessage as error:
            what = f"cannot be read: {error}"
            raise self.message_reader.invalid(what) from None

    def _passes_unchanged(self, stream: str) -> bool:
        """Tell whether neither stream maps nor flattening change the records of a stream."""
        maps = self.mapper.stream_maps[stream]
        is_same = len(maps) == 1 and type(maps[0]) is SameRecordTransform
        return is_same and not self.config.get("flattening_enabled")

    def _sink_of(self, stream: str) -> DeliverySink:
        sink = self.get_sink(stream)
        assert isinstance(sink, DeliverySink)
        return sink

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self.original = self.message_reader.line
        super()._process_record_message(message_dict)

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "encoding", "manifest"})
        stream = message_dict["stream"]
        self._assert_sink_exists(stream)
        self._has_files = True
        self.run.workers.start()
        take = self._row_taker(stream)
        for path in files_of(message_dict):
            for line in lines_of(path):
                take(line)
            self.run.end_of_file(path)

    def _row_taker(self, stream: str) -> Callable[[bytes], None]:
        """Return what takes the lines of a file."""
        if self._passes_unchanged(stream):
            return partial(self.run.take, self._sink_of(stream).rows)
        return partial(self._take_through_the_sdk, stream)

    def _take_through_the_sdk(self, stream: str, line: bytes) -> None:
        try:
            record, better = read_line(line)
        except Unmappable:  # the run finds the same, and keeps the line
            self.run.take(self._sink_of(stream).rows, line)
            return
        self.original = b"%b%b}\n" % (record_head(stream), better)
        super()._process_record_message({"type": "RECORD", "stream": stream, "record": record})

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        self.run.checkpoint(message_dict["value"])

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
