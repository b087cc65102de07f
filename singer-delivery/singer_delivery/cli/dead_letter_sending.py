"""Gives dead letters to a target, and learns from its STATE which of them it has decided."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import IO, BinaryIO

from singer_delivery.cli.dead_letter_lines import Letter, Schema, read_lines

LETTERS_A_STATE = 500
"""Letters after which the target is asked what it has decided."""

STATE = "dead_letters"
"""Key of the STATE values; they hold the byte up to which letters were sent."""


@dataclass
class Sent:
    """What was sent, and what is decided of it.

    Attributes:
        letters: how many were sent.
        left_out: how many were not.
        decided: the byte of the file up to which all that was sent is decided.
        digests: {byte: digest of the file up to it} of every STATE message.
    """

    letters: int = 0
    left_out: int = 0
    decided: int = 0
    digests: dict[int, bytes] = field(default_factory=dict)

    def write(
        self,
        file: BinaryIO,
        out: IO[bytes],
        is_sent: Callable[[Letter], bool],
        is_over: Callable[[], bool],
    ) -> None:
        """Write letters, and STATE messages among them.

        Args:
            file: of dead letters. What a run appends meanwhile is not read.
            out: the input of a target.
            is_sent: tells which letters are written.
            is_over: tells whether to stop.

        Raises:
            BrokenPipeError: the target has ended.
        """
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest, end, since, schemas = blake2b(), 0, 0, dict[str, bytes]()
        for line in read_lines(_digested(file, digest), size):
            if is_over():
                return
            end = line.end
            if isinstance(line, Schema) and schemas.get(line.stream) != line.content:
                schemas[line.stream] = line.content
                out.write(line.whole)
            elif isinstance(line, Letter) and is_sent(line):
                self.letters += 1
                since += 1
                out.write(line.whole)
            elif isinstance(line, Letter):
                self.left_out += 1
            if since == LETTERS_A_STATE:
                since = 0
                self._ask(out, end, digest.digest())
        if since:
            self._ask(out, end, digest.digest())

    def listen(self, states: IO[bytes]) -> None:
        """Learn from STATE messages what is decided, until there are no more."""
        for line in states:
            with suppress(ValueError, TypeError, KeyError):
                end = json.loads(line)[STATE]
                if end in self.digests:
                    self.decided = max(self.decided, end)

    def _ask(self, out: IO[bytes], end: int, digest: bytes) -> None:
        """Write a STATE message, which comes back when everything before it is decided."""
        self.digests[end] = digest
        out.write(json.dumps({"type": "STATE", "value": {STATE: end}}).encode() + b"\n")
        out.flush()


def _digested(file: BinaryIO, digest: blake2b) -> Iterator[bytes]:
    """Yield lines, each after it is added to the digest."""
    for line in file:
        digest.update(line)
        yield line
