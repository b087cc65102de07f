"""Records that are taken many at a time, and mapped ahead in another process if nothing forbids it.

They come in the files of BATCH messages, taken as if each line had come in a RECORD message; a file
is removed once every record of it is decided and on disk. Or they are RECORD messages themselves,
as soon as there have been so many of one stream that starting a process is worth it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from singer_delivery.ahead.intake import Intake
from singer_delivery.ahead.process import Process
from singer_delivery.ahead.worker import Task, read_record
from singer_delivery.errors import BatchUnreadable
from singer_delivery.io.expansion import Unreadable
from singer_delivery.io.line_files import open_blocks
from singer_delivery.model import AheadMapping, Unmappable
from singer_delivery.sdk.desks import Due, FileDesk, MessageDesk, message_of
from singer_delivery.sdk.reader import record_head

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

RECORDS_AT_ONCE = 256
"""How many records the other process gets at once: with their events they fit into a pipe."""

ENCODINGS = ({"format": "jsonl", "compression": "gzip"}, {"format": "jsonl", "compression": "none"})


@dataclass(frozen=True)
class BatchStream:
    """A stream whose records come in files.

    Attributes:
        name: of the stream.
        take: takes a record and its RECORD message here.
        mapping: what may map its records elsewhere; None where they must be taken here, because
            stream maps or flattening change them, or because each has to be seen in its turn.
        due: finds what only this process can count, see `Noting`.
        service: what cannot read what is no clean record, for people.
    """

    name: str
    take: Callable[[dict[str, Any], bytes], None]
    mapping: AheadMapping | None
    due: Due
    service: str


class Batches:
    """Takes records many at a time, in their order: files of BATCH messages, and RECORD messages.

    Args:
        run: takes the records.
        map_ahead: whether another process maps them; None: where there is a core for it, and not
            before it has come up.
    """

    def __init__(self, run: Run, *, map_ahead: bool | None) -> None:
        self._run = run
        self._map_ahead = (os.cpu_count() or 1) > 1 if map_ahead is None else map_ahead
        self._waits_for_it = map_ahead is not None
        self._desks: dict[tuple[str, bool], tuple[AheadMapping, FileDesk]] = {}
        self._opened: Intake | None = None
        self._collecting: FileDesk | None = None
        self._waiting: list[bytes] = []
        self._has_files = False

    def take(self, message: Mapping[str, Any], stream: BatchStream) -> None:
        """Take the files of a message.

        Raises:
            BatchUnreadable: a file is not as the message says.
            DeliveryError: the run cannot go on.
        """
        self._has_files = True
        for path in _paths(stream.name, message):
            if self._map_ahead and stream.mapping is not None:
                desk = self._desk(stream, stream.mapping, are_messages=False)
                self._flush()
                for lines in _lines(path):
                    self._intake.give(desk, lines)
            else:
                self._take_here(stream, _lines(path))
            self.then(partial(self._run.delivery.end_of_file, path))

    def collector(self, stream: BatchStream) -> Callable[[bytes], None] | None:
        """Return what takes the RECORD messages of a stream from now on, without reading them.

        None where they have to be read and mapped here.
        """
        if not self._map_ahead or stream.mapping is None:
            return None
        self._flush()
        self._collecting = self._desk(stream, stream.mapping, are_messages=True)
        return self._collect

    def then(self, action: Callable[[], None]) -> None:
        """Do something when all that came before is taken."""
        self._flush()
        if self._opened is None:
            action()
        else:
            self._opened.then(action)

    def drain(self) -> None:
        """Return when all that came is taken."""
        self._flush()
        if self._opened is not None:
            self._opened.drain()

    def before_waiting(self) -> None:
        """Take all that came; a tap that handed over files may wait until they are decided."""
        self.drain()
        self._run.delivery.rest()
        if self._has_files:
            self._run.delivery.hurry()

    def close(self) -> None:
        """End the other process."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _intake(self) -> Intake:
        """The way through the other process, which is started when it is first needed."""
        if self._opened is None:
            process = Process(self._run.ledger_address)
            self._opened = Intake(process, self._run.ledger)
            if self._waits_for_it:
                process.come_up()
        return self._opened

    def _collect(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) >= RECORDS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            assert self._collecting is not None
            lines, self._waiting = self._waiting, []
            self._intake.give(self._collecting, lines)

    def _desk(self, stream: BatchStream, mapping: AheadMapping, *, are_messages: bool) -> FileDesk:
        """Return the desk of a stream; another, when there was another schema."""
        key = (stream.name, are_messages)
        of, desk = self._desks.get(key, (None, None))
        if desk is None or of is not mapping:
            task = Task(mapping, self._run.endpoints, stream.service, are_messages)
            number = self._intake.learn(task)
            kind = MessageDesk if are_messages else FileDesk
            desk = kind(stream.name, number, task, stream.due, self._run)
            self._desks[key] = mapping, desk
        return desk

    def _take_here(self, stream: BatchStream, blocks: Iterator[list[bytes]]) -> None:
        self.drain()
        for lines in blocks:
            for line in lines:
                self._take_line(stream, line)

    def _take_line(self, stream: BatchStream, line: bytes) -> None:
        head = record_head(stream.name)
        try:
            record, better = read_record(line)
        except Unmappable as error:
            self._run.delivery.take_unmappable(stream.name, message_of(head, line), error)
        else:
            stream.take(record, message_of(head, better))


def _paths(stream: str, message: Mapping[str, Any]) -> Iterator[Path]:
    encoding = message["encoding"]
    if {"compression": "none", **encoding} not in ENCODINGS:
        msg = (
            f"A BATCH message of stream '{stream}' is encoded as {encoding}; this target reads "
            "jsonl, gzipped or plain. Set the tap's batch_config so."
        )
        raise BatchUnreadable(msg)
    for address in message["manifest"]:
        parts = urlsplit(address)
        if parts.scheme not in {"", "file"}:
            msg = (
                f"A BATCH message of stream '{stream}' names a file at {parts.scheme}://; this "
                "target reads local files. Set the storage root of the tap's batch_config so."
            )
            raise BatchUnreadable(msg)
        yield Path(unquote(parts.path))


def _lines(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines of a file that are not blank, so many at a time.

    Raises:
        BatchUnreadable: it is gone, damaged, or a bomb.
    """
    waiting: list[bytes] = []
    try:
        for block in open_blocks(path):
            waiting += [line for line in block if line and not line.isspace()]
            if len(waiting) >= RECORDS_AT_ONCE:
                yield waiting
                waiting = []
    except Unreadable as error:
        msg = f"The file {path.name} of a BATCH message {error}"
        raise BatchUnreadable(msg) from error
    except OSError as error:
        msg = (
            f"The file {path.name} of a BATCH message cannot be read ({error.strerror}). Nothing "
            "is lost: run tap and target again from the last STATE."
        )
        raise BatchUnreadable(msg) from error
    if waiting:
        yield waiting
