"""Records that are taken many at a time, and mapped ahead in other processes if nothing forbids it.

They come in the files of BATCH messages, taken as if each line had come in a RECORD message; a file
is removed once every record of it is decided and on disk. Or they are RECORD messages themselves,
as soon as there have been so many of one stream that starting processes is worth it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from singer_sdk.singerlib.exceptions import InvalidInputLine

from singer_delivery.ahead.intake import Intake
from singer_delivery.ahead.pool import Pool
from singer_delivery.ahead.worker import BAD_LINE, Task, mapped_line, read_record
from singer_delivery.errors import BatchUnreadable
from singer_delivery.events import AheadMapping, Known, Mapped, Unmappable
from singer_delivery.expansion import Unreadable
from singer_delivery.line_files import open_blocks
from singer_delivery.sdk.reader import record_head

if TYPE_CHECKING:
    from singer_delivery.run import Run

RECORDS_AT_ONCE = 256
"""How many records a worker gets at once: few, so that little is assumed of those before them."""

MOST_PROCESSES = 4
"""By default: then one process that sends has enough to do."""

ENCODINGS = ({"format": "jsonl", "compression": "gzip"}, {"format": "jsonl", "compression": "none"})


def processes_by_default() -> int:
    """Return how many processes map records unless the user says: a core is left to this one."""
    return min(MOST_PROCESSES, (os.cpu_count() or 1) - 1)


@dataclass(frozen=True)
class BatchStream:
    """A stream whose records come in files.

    Attributes:
        name: of the stream.
        take: takes a record and its RECORD message here.
        mapping: what may map its records elsewhere; None where they must be taken here, because
            stream maps or flattening change them, or because each has to be seen in its turn.
        noted: adds to what a record became elsewhere what only this process can count.
        service: what cannot read what is no clean record, for people.
    """

    name: str
    take: Callable[[dict[str, Any], bytes], None]
    mapping: AheadMapping | None
    noted: Callable[[Mapped], Mapped]
    service: str


class Batches:
    """Takes records many at a time, in their order: files of BATCH messages, and RECORD messages.

    Args:
        run: takes the records.
        processes: how many processes map them; with 0 this one does.
    """

    def __init__(self, run: Run, processes: int) -> None:
        self._run = run
        self._processes = processes
        self._intakes: dict[tuple[str, bool], tuple[AheadMapping, Intake]] = {}
        self._current: Intake | None = None
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
            if self._processes and stream.mapping is not None:
                intake = self._enter(stream, stream.mapping, are_messages=False)
                for lines in _lines(path):
                    intake.give(lines)
            else:
                self._take_here(stream, _lines(path))
            self.then(partial(self._run.delivery.end_of_file, path))

    def collector(self, stream: BatchStream) -> Callable[[bytes], None] | None:
        """Return what takes the RECORD messages of a stream from now on, without reading them.

        None where they have to be read and mapped here.
        """
        if not self._processes or stream.mapping is None:
            return None
        enter = partial(self._enter, stream, stream.mapping, are_messages=True)

        def collect(line: bytes) -> None:
            self._waiting.append(line)
            if len(self._waiting) >= RECORDS_AT_ONCE:
                self._flush_into(enter())

        self._current = enter()
        return collect

    def then(self, action: Callable[[], None]) -> None:
        """Do something when all that came before is taken."""
        if self._current is None:
            action()
        else:
            self._flush_into(self._current)
            self._current.then(action)

    def drain(self) -> None:
        """Return when all that came is taken."""
        if self._current is not None:
            self._flush_into(self._current)
            self._current.drain()

    def before_waiting(self) -> None:
        """Take all that came; a tap that handed over files may wait until they are decided."""
        self.drain()
        self._run.delivery.rest()
        if self._has_files:
            self._run.delivery.hurry()

    def close(self) -> None:
        """End the processes."""
        for _, intake in self._intakes.values():
            intake.close()

    def _flush_into(self, intake: Intake) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            intake.give(lines)

    def _enter(self, stream: BatchStream, mapping: AheadMapping, *, are_messages: bool) -> Intake:
        """Return the intake of a stream, when all that came for another is taken."""
        key = (stream.name, are_messages)
        of, intake = self._intakes.get(key, (None, None))
        if intake is None or of is not mapping:
            self.drain()
            if intake is not None:  # there was another schema
                intake.close()
            task = self._run.task(mapping, stream.service, are_messages=are_messages)
            desk = (MessageDesk if are_messages else FileDesk)(stream, mapping, task, self._run)
            intake = Intake(Pool(task, self._processes), self._run.ledger, desk)
            self._intakes[key] = mapping, intake
        if self._current is not intake:
            self.drain()
            self._current = intake
        return intake

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


class FileDesk:
    """Takes the records of files that were mapped ahead; implements `ahead.intake.Desk`."""

    def __init__(self, stream: BatchStream, mapping: AheadMapping, task: Task, run: Run) -> None:
        self._stream = stream
        self._mapping = mapping
        self._task = task
        self._delivery = run.delivery
        self._counts = run.report.stream(stream.name)
        self._head = record_head(stream.name)

    def message_of(self, line: bytes) -> bytes:
        """Return the RECORD message that a line of a file stands for."""
        return message_of(self._head, line)

    def whose(self, line: bytes) -> bytes:
        """Return what the lines of one device have in common."""
        return self._mapping.whose(line)

    def take_mapped(self, message: bytes, mapped: Mapped, encoded: list[bytes]) -> None:
        """Take a record that was mapped."""
        noted = self._stream.noted(mapped)
        self._delivery.take_mapped(self._stream.name, message, noted, encoded)

    def take_unmappable(self, message: bytes, error: Unmappable) -> None:
        """Take a record of which nothing can be made."""
        self._delivery.take_unmappable(self._stream.name, message, error)

    def map_now(self, line: bytes, known: Known) -> tuple[Mapped, list[bytes]]:
        """Map a line here."""
        return mapped_line(line, self._task, known)


class MessageDesk(FileDesk):
    """Takes the records of RECORD messages that were mapped ahead."""

    def message_of(self, line: bytes) -> bytes:
        """Return the line: it is the message."""
        return line

    def take_unmappable(self, message: bytes, error: Unmappable) -> None:
        """Take a record of which nothing can be made.

        Raises:
            InvalidInputLine: it is none. A tap's output that is broken is not to be trusted.
        """
        if error.reason == BAD_LINE:
            msg = (
                f"Record {self._counts.read + 1:,} of stream '{self._stream.name}' cannot be read: "
                f"{error.detail}. Everything decided before it is kept; mend the tap or its output "
                "and run again."
            )
            raise InvalidInputLine(msg)
        super().take_unmappable(message, error)


def message_of(head: bytes, line: bytes) -> bytes:
    """Return the RECORD message that a line of a file stands for, see `record_head`."""
    return b"%b%b}\n" % (head, line)


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
