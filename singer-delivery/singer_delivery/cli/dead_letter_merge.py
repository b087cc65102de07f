"""Takes out of a dead letter file what a retry has decided, and puts in what died again.

The file is replaced at once: a reader sees the old one or the new one. The letters that died again
lie in a file beside it until then. Merging twice comes to the same as merging once, so it does not
matter where it is interrupted: a letter that stands in both files is taken from the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from singer_delivery.cli.dead_letter_lines import Damaged, Letter, Schema, read_lines
from singer_delivery.cli.dead_letter_writer import LetterWriter, new_file
from singer_delivery.io.sharing import alone_with, sync_folder


@dataclass(frozen=True)
class Decided:
    """The letters that a target has decided: the sent ones that end up to some byte of the file.

    Attributes:
        end: that byte.
        digest: of the file up to it, as it was read.
        is_sent: tells whether a letter was among those that were sent.
    """

    end: int
    digest: bytes
    is_sent: Callable[[Letter], bool]


NOTHING = Decided(0, blake2b().digest(), lambda _: False)


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        removed: letters that are decided and did not die again.
        died: letters that died again, by their new reason.
        added: letters that came besides, of what waited in the ledger.
        left: letters that are in the file now.
        damaged: lines that are neither letters nor SCHEMA messages; they are kept.
        was_changed: whether somebody has changed the file meanwhile, so that none was removed.
    """

    removed: int = 0
    died: Counter[str] = field(default_factory=Counter)
    added: int = 0
    left: int = 0
    damaged: int = 0
    was_changed: bool = False


class _ChangedError(Exception):
    """Somebody has changed the file."""


def again_beside(path: Path) -> Path:
    """Return the file where the letters of a retry lie that died again."""
    return path.with_name(f"{path.name}.retry")


def merge(path: Path, decided: Decided) -> Merged:
    """Replace a dead letter file by what is left of it and what died again.

    Raises:
        BlockingIOError: a run writes to one of the two files.
        OSError: the files cannot be read or written; nothing is changed.
    """
    again = again_beside(path)
    again.touch(mode=0o600)
    with alone_with(path) as old, alone_with(again) as new:
        try:
            merged = _merge(path, old, new, decided)
        except _ChangedError:
            old.seek(0)
            new.seek(0)
            merged = _merge(path, old, new, NOTHING)
            merged.was_changed = True
        again.unlink()
    return merged


def _merge(path: Path, old: BinaryIO, new: BinaryIO, decided: Decided) -> Merged:
    draft, merged = path.with_name(f"{path.name}.draft"), Merged()
    draft.unlink(missing_ok=True)  # of a retry that was killed
    died = _digests(new)
    in_both = Counter[bytes]()
    with new_file(draft) as file:
        writer = LetterWriter(file)
        reader = _Reader(old, decided)
        for line in read_lines(reader):
            if isinstance(line, Letter):
                digest = line.digest if died else b""
                is_again = died[digest] > 0
                died[digest] -= is_again
                in_both[digest] += is_again
                is_decided = line.end <= decided.end and decided.is_sent(line)
                merged.removed += is_decided and not is_again
                if is_decided or is_again:
                    continue
            merged.damaged += isinstance(line, Damaged)
            writer.take(line)
        reader.check()
        new.seek(0)
        for line in read_lines(new):
            _take_again(line, writer, merged, in_both)
        merged.left = writer.letters
    if merged.left or merged.damaged:
        draft.replace(path)
    else:
        path.unlink()
        draft.unlink()
    sync_folder(path.parent)
    return merged


def _take_again(
    line: Letter | Schema | Damaged, writer: LetterWriter, merged: Merged, in_both: Counter[bytes]
) -> None:
    writer.take(line)
    if not isinstance(line, Letter):
        return
    digest = line.digest
    if in_both[digest] > 0:
        in_both[digest] -= 1
        merged.died[line.why.reason] += 1
    else:
        merged.added += 1


def _digests(file: BinaryIO) -> Counter[bytes]:
    return Counter(line.digest for line in read_lines(file) if isinstance(line, Letter))


class _Reader:
    """Lines of a file, whose beginning must be as it was read before."""

    def __init__(self, file: BinaryIO, decided: Decided) -> None:
        self._file, self._decided = file, decided
        self._digest, self._at = blake2b(), 0

    def __iter__(self) -> _Reader:
        return self

    def __next__(self) -> bytes:
        line = next(self._file)
        if self._at < self._decided.end:
            self._digest.update(line)
            self._at += len(line)
            if self._at >= self._decided.end:
                self.check()
        return line

    def check(self) -> None:
        """Return if the beginning is as it was."""
        if self._at != self._decided.end or self._digest.digest() != self._decided.digest:
            raise _ChangedError
