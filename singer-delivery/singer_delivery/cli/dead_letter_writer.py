"""Writes dead letters into a new file: each after the SCHEMA message of its stream, no STATE."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from singer_delivery.cli.dead_letter_choice import Chosen
from singer_delivery.cli.dead_letter_lines import Damaged, Letter, Schema, opened, read_lines
from singer_delivery.errors import SettingsError
from singer_delivery.io.files import PRIVATE, make_private


class LetterWriter:
    """Takes lines in their order, and writes a Singer file that can be piped into a target.

    Args:
        file: open to write bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._schemas: dict[str, bytes] = {}
        self._written: dict[str, bytes] = {}
        self.letters = 0

    def take(self, line: Schema | Letter | Damaged) -> None:
        """Write a line, a SCHEMA message when a letter of its stream follows."""
        if isinstance(line, Schema):
            self._schemas[line.stream] = line.whole
            return
        if isinstance(line, Letter):
            schema = self._schemas.get(line.stream)
            if schema is not None and self._written.get(line.stream) != schema:
                self._file.write(schema)
                self._written[line.stream] = schema
            self.letters += 1
        self._file.write(line.whole)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for its owner alone that is on the disk afterwards, or not there after an error.

    Raises:
        FileExistsError: it is there already.
        OSError: it cannot be written.
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def split(
    path: Path, chosen: Chosen, folder: Path
) -> tuple[dict[Path, tuple[str, int]], list[Damaged]]:
    """Write a file for each reason among the chosen letters of a file.

    Returns:
        The files, with the reason and the number of letters of each; and the damaged lines.

    Raises:
        SettingsError: one of them is there already, or cannot be written. None is written then.
    """
    with opened(path) as file, ExitStack() as made, _naming_what_fails():
        writers, damaged = dict[str, tuple[Path, LetterWriter]](), list[Damaged]()
        schemas = dict[str, Schema]()
        for line in read_lines(file):
            if isinstance(line, Damaged):
                damaged.append(line)
            elif isinstance(line, Schema):
                schemas[line.stream] = line
            elif chosen.has(line):
                reason = line.why.reason
                if reason not in writers:
                    to = folder / f"{path.stem}.{_named(reason)}{path.suffix}"
                    writers[reason] = to, LetterWriter(made.enter_context(new_file(to)))
                writer = writers[reason][1]
                if line.stream in schemas:
                    writer.take(schemas[line.stream])
                writer.take(line)
    return {to: (reason, of.letters) for reason, (to, of) in writers.items()}, damaged


def _named(reason: str) -> str:
    """Return a reason as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", reason) or "mended"


@contextmanager
def _naming_what_fails() -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        msg = f"{error.filename} is there already. Remove it, or name a folder with --into."
        raise SettingsError(msg) from error
    except OSError as error:
        msg = f"{error.filename or 'A file'} cannot be written ({error.strerror})."
        raise SettingsError(msg) from error
