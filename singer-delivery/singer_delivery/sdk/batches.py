"""The files of BATCH messages: their lines are records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from singer_delivery.errors import BatchUnreadable
from singer_delivery.io.expansion import Unreadable
from singer_delivery.io.line_files import open_blocks

ENCODINGS = ({"format": "jsonl", "compression": "gzip"}, {"format": "jsonl", "compression": "none"})


def files_of(message: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files that a BATCH message names. Relative ones lie in the working folder.

    Raises:
        BatchUnreadable: it names what is no local file of JSON lines.
    """
    stream, encoding = message["stream"], message["encoding"]
    if not isinstance(encoding, dict) or _known(encoding) not in ENCODINGS:
        msg = (
            f"A BATCH message of stream '{stream}' is encoded as {encoding}; this target reads "
            "jsonl, gzipped or plain. Set the tap's batch_config so."
        )
        raise BatchUnreadable(msg)
    manifest = message["manifest"]
    if not isinstance(manifest, list) or not all(map(_is_address, manifest)):
        msg = f"The manifest of a BATCH message of stream '{stream}' is no list of files."
        raise BatchUnreadable(msg)
    for address in manifest:
        scheme, separator, place = address.partition("://")
        if not separator:
            yield Path(address)  # a path: "#", "?" and "%" are letters of it
        elif scheme == "file":
            yield _local(place)
        else:
            msg = (
                f"A BATCH message of stream '{stream}' names a file at {scheme}://; this target "
                "reads local files. Set the storage root of the tap's batch_config so."
            )
            raise BatchUnreadable(msg)


def _is_address(given: Any) -> bool:
    return isinstance(given, str) and "\0" not in unquote(given)


def _known(encoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return an encoding with its compression; `null` is none."""
    return {**encoding, "compression": encoding.get("compression") or "none"}


def _local(place: str) -> Path:
    """Return the path of what follows `file://`: a host, as a rule none, and a path.

    The SDK writes a relative folder there as if it were a host: `file://folder/name`.
    """
    return Path(unquote(place.removeprefix("localhost") if place[:10] == "localhost/" else place))


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
