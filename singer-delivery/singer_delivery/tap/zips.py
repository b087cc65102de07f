"""Reads zip files that may be hostile: a bomb or an encrypted member is refused before unpacking.

`singer_delivery.io.expansion` limits how far a member may expand. Members that overlap would expand
further together, so they are refused as well. Nothing here unpacks to the path that a member names.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from singer_delivery.io.expansion import most_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Members of an export are stored or deflated. Python unpacks other methods in pieces of any size,
which a bomb can make huge."""

ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)
"""The errors that reading a damaged or incomplete member raises."""

ENCRYPTED = 0x1
"""Bit of a member's flags (PKWARE APPNOTE, 4.4.4)."""


def reason_to_leave(member: zipfile.ZipInfo) -> str | None:
    """Return why a member must not be unpacked, as the end of a sentence; None when it may."""
    if member.flag_bits & ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in READABLE:
        return f"is packed by method {member.compress_type}, as no export is"
    if member.file_size > most_bytes(member.compress_size):
        return f"would swell from {member.compress_size:,} to {member.file_size:,} bytes"
    return None


def overlap(members: Iterable[zipfile.ZipInfo], size: int) -> bool:
    """Tell whether members of a zip of `size` bytes share bytes, as those of a bomb do."""
    return sum(member.compress_size for member in members) > size


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        BadZipFile: It is no zip, it is incomplete, or its members overlap.
    """
    archive = zipfile.ZipFile(file)
    if overlap(archive.infolist(), file.seek(0, io.SEEK_END)):
        archive.close()
        msg = "its members overlap"
        raise zipfile.BadZipFile(msg)
    return archive


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member; its checksum is compared when it is read to its end.

    Raises:
        BadZipFile: The member must not be unpacked.
    """
    why = reason_to_leave(archive.getinfo(name))
    if why is not None:
        raise zipfile.BadZipFile(why)
    return archive.open(name)
