"""Where the records of a stream that are mapped ahead are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from singer_sdk.singerlib.exceptions import InvalidInputLine

from singer_delivery.ahead.wire import (
    PLAIN,
    UNMAPPABLE,
    Head,
    Result,
    Row,
    read_facts,
    read_outcome,
    read_plain,
    said_by,
    shared_heads,
)
from singer_delivery.ahead.worker import BAD_LINE, Task, mapped_line
from singer_delivery.model import Event, Fact, Note, Unmappable
from singer_delivery.pipeline.queued import Queued
from singer_delivery.sdk.reader import record_head

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

Due = Callable[[Sequence[Event]], list[Note]]
"""The notes that are due for the next events, see `Noting`."""


class FileDesk:
    """Takes the records of files, whose lines are records; implements `ahead.intake.Desk`.

    Args:
        stream: its name.
        number: what the mapper knows the task by.
        task: what is to be done with the lines.
        due: finds what only this process can count.
        run: takes the records.

    Attributes:
        task: the number.
    """

    def __init__(self, stream: str, number: int, task: Task, due: Due, run: Run) -> None:
        self.task = number
        self._stream = stream
        self._task = task
        self._due = due
        self._delivery = run.delivery
        self._ledger = run.ledger
        self._counts = run.report.stream(stream)
        self._head = record_head(stream)

    @property
    def taken_otherwise(self) -> int:
        """How many records were taken past every desk."""
        return self._delivery.taken_singly

    def take(self, lines: list[bytes], result: Result) -> None:
        """Take lines as they were mapped.

        Raises as `Delivery.take` does.
        """
        delivery, heads = self._delivery, shared_heads(result.heads)
        delivery.raise_if_over()
        waiting: list[Queued] = []
        try:
            for line, row in zip(lines, result.rows, strict=True):
                if len(row) == PLAIN:
                    waiting.append(self._plain_event(line, row, heads))
                else:
                    waiting += self._anything(line, row, heads)
            delivery.renew(read_facts(result.renewed))
        finally:  # also before a line that ends the run
            delivery.note(self._due([each.event for each in waiting]))
            delivery.send(waiting)

    def map_here(self, line: bytes) -> list[Fact]:
        """Map a line with the ledger, take what it becomes, and return what it says.

        Raises as `Delivery.take` does.
        """
        self._delivery.raise_if_over()
        try:
            mapped, encoded = mapped_line(line, self._task, self._ledger)
        except Unmappable as error:
            self.take_unmappable(self.message_of(line), error)
            return []
        self._delivery.note(self._due(mapped.events))
        self._delivery.take_mapped(self._stream, self.message_of(line), mapped, encoded)
        return [*said_by(mapped.events), *mapped.renewed]

    def message_of(self, line: bytes) -> bytes:
        """Return the RECORD message that a line stands for."""
        return message_of(self._head, line)

    def take_unmappable(self, message: bytes, error: Unmappable) -> None:
        """Take a record of which nothing can be made."""
        self._delivery.take_unmappable(self._stream, message, error)

    def _plain_event(self, line: bytes, row: Row, heads: Sequence[Head]) -> Queued:
        event, encoded = read_plain(row, heads)
        receipt = self._delivery.open(self._stream, self.message_of(line))
        receipt.undecided = 1
        return Queued(event, encoded, receipt)

    def _anything(self, line: bytes, row: Row, heads: Sequence[Head]) -> Sequence[Queued]:
        message = self.message_of(line)
        if len(row) == UNMAPPABLE:
            self.take_unmappable(message, Unmappable(*row))
            return ()
        receipt = self._delivery.open(self._stream, message)
        return self._delivery.admit(receipt, *read_outcome(row, heads))


class MessageDesk(FileDesk):
    """Takes the records of RECORD messages."""

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
                f"Record {self._counts.read + 1:,} of stream '{self._stream}' cannot be read: "
                f"{error.detail}. Everything decided before it is kept; mend the tap or its output "
                "and run again."
            )
            raise InvalidInputLine(msg)
        super().take_unmappable(message, error)


def message_of(head: bytes, line: bytes) -> bytes:
    """Return the RECORD message that a line of a file stands for, see `record_head`."""
    return b"%b%b}\n" % (head, line)
