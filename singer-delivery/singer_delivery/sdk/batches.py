"""The files of BATCH messages: their lines are records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from singer_delivery.errors import BatchUnreadable
from singer_delivery.io.expansion import Unreadable
from singer_delivery.io.line_files import open_blocks

ENCODINGS = ({"format": "jsonl", "compression": "gzip"}, {"format": "jsonl", "compression": "none"})


def files_of(message: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files that a BATCH message names.

    Raises:
        BatchUnreadable: it names what is no local file of JSON lines.
    """
    stream, encoding = message["stream"], message["encoding"]
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


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not blank.

    Raises:
        BatchUnreadable: it is gone, damaged, or a bomb.
    """
    try:
        for lines in open_blocks(path):
            for line in lines:
                if line and not line.isspace():
                    yield line
    except Unreadable as error:
        msg = f"The file {path.name} of a BATCH message {error}"
        raise BatchUnreadable(msg) from error
    except OSError as error:
        msg = (
            f"The file {path.name} of a BATCH message cannot be read ({error.strerror}). Nothing "
            "is lost: run tap and target again from the last STATE."
        )
        raise BatchUnreadable(msg) from error
