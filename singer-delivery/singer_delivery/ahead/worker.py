"""A process that maps blocks of lines: `python -m singer_delivery.ahead.worker`.

It reads where the ledger is, says that it is ready, reads tasks and blocks from standard input,
writes results to standard output, and ends with its input. It sends nothing, writes no file, and
hears no signal: the run decides its end.
"""

from __future__ import annotations

import marshal
import os
import pickle
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import orjson

from singer_delivery.ahead.mirror import Mirror
from singer_delivery.ahead.wire import LENGTH, Block, Packer, frame
from singer_delivery.endpoint import Encoder
from singer_delivery.io.collecting import collect_rarely
from singer_delivery.io.json_lines import mended, read_json, reason_to_refuse
from singer_delivery.mapping.cleaning import clean
from singer_delivery.model import Known, Mapped, RecordMapping, Unmappable

BAD_LINE = "bad_line"
"""Reason of dead letters whose line is no JSON object."""


READY = "ready"
"""What it writes first."""


class LedgerAddress(NamedTuple):
    """Where facts lie.

    Attributes:
        url: the database.
        scope: names the destination's project among them.
        keep: whether the ledger may be on disk; see `Ledger`.
    """

    url: str
    scope: str
    keep: bool


@dataclass(frozen=True)
class Task:
    """What is to be done with the lines of a stream.

    Attributes:
        mapping: of the stream.
        encoders: the endpoints, by the name that events give.
        service: what cannot read what is no clean record, for people.
        are_messages: whether lines are RECORD messages, or records themselves.
    """

    mapping: RecordMapping
    encoders: Mapping[str, Encoder]
    service: str
    are_messages: bool = False


def read_record(line: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the record of a line, and the line as it can be read.

    Raises:
        Unmappable: it is no JSON object (`bad_line`).
    """
    try:
        record = read_json(line)
    except orjson.JSONDecodeError:
        record = None
    if type(record) is dict:
        return record, line
    better = mended(line)
    if better is None:
        raise Unmappable(BAD_LINE, str(reason_to_refuse(line)))
    return read_json(better), better


def read_message(line: bytes) -> dict[str, Any]:
    """Return the record of a RECORD message.

    Raises:
        Unmappable: it is no such message (`bad_line`).
    """
    try:
        record = read_json(line)["record"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        record = None
    if type(record) is dict:
        return record
    raise Unmappable(BAD_LINE, reason_to_refuse(line) or "it has no record")


def mapped_line(
    line: bytes, task: Task, known: Known, *, is_clean: bool = False
) -> tuple[Mapped, list[bytes]]:
    """Return what the record of a line becomes, and each of its events encoded.

    Args:
        line: a RECORD message or a record, as the task has it.
        task: says what becomes of it.
        known: the facts of the past.
        is_clean: whether `is_surely_clean` said so.

    Raises:
        Unmappable: nothing can be made of it.
    """
    read, better = (read_message(line), line) if task.are_messages else read_record(line)
    is_clean = is_clean and better is line
    record = read if is_clean else clean(read, better, task.service)
    mapped = task.mapping(record, known)
    return mapped, [task.encoders[event.endpoint].encode(event) for event in mapped.events]


class Worker:
    """Maps the records of blocks, one after the other.

    Args:
        mirror: what it knows of the past.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._tasks: list[Task] = []

    def learn(self, task: Task) -> None:
        """Take another task; blocks name it by its number, from 0."""
        self._tasks.append(task)

    def work(self, block: Block) -> tuple[Any, ...]:
        """Return the `Result` of a block, as a plain tuple."""
        task, mirror, packer = self._tasks[block.task], self._mirror, Packer()
        mirror.begin_block(block.news, afresh=block.afresh)
        unclear = set(block.unclear)
        for number, line in enumerate(block.lines):
            self._map(line, task, packer, is_clean=number not in unclear)
        return packer.result(mirror.looked_up)

    def _map(self, line: bytes, task: Task, packer: Packer, *, is_clean: bool) -> None:
        try:
            mapped, encoded = mapped_line(line, task, self._mirror, is_clean=is_clean)
        except Unmappable as error:
            packer.add_unmappable(error.reason, error.detail)
        else:
            self._mirror.believe(mapped)
            packer.add(mapped, encoded)


def main() -> None:
    """Work until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    ledger: LedgerAddress = pickle.loads(_read(source))  # noqa: S301 - from the process that started this one
    from singer_delivery.ledger.store import Database  # noqa: PLC0415 - the target imports this module

    database = Database(ledger.url, ledger.scope, keep=ledger.keep)
    worker = Worker(Mirror(database.read))
    collect_rarely()
    _write(sink, READY)
    while packed := _read(source):
        content = marshal.loads(packed)  # noqa: S302 - as above
        if isinstance(content, bytes):
            worker.learn(pickle.loads(content))  # noqa: S301 - as above
        else:
            _write(sink, worker.work(Block(*content)))


def _write(sink: IO[bytes], content: Any) -> None:
    sink.write(frame(content))
    sink.flush()


def _read(source: IO[bytes]) -> bytes:
    """Return the content of the next frame, nothing at the end of the input."""
    head = source.read(LENGTH.size)
    return source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the run is gone
        os._exit(1)
