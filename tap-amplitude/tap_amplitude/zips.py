"""Zip files read with distrust: a bomb or a cipher is refused before it is unpacked.

How far a member may swell is what `singer_delivery.io.expansion` says of any file. Members of a zip
that overlap add to it, so they are refused as well. Names of members are names only: nothing here
unpacks to a path.
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
"""Exports are stored in their zip, or deflated. Python unpacks the other methods in pieces of any
size, which a bomb could fill."""

ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)
"""What reading a member raises when it is not whole."""

ENCRYPTED = 0x1
"""Bit of a member's flags (PKWARE APPNOTE, 4.4.4)."""


def reason_to_leave(member: zipfile.ZipInfo) -> str | None:
    """Say why a member of a zip is not to be unpacked, going on after its name; None if it is."""
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
        BadZipFile: It is none, not the whole of one, or its members overlap.
    """
    archive = zipfile.ZipFile(file)
    if overlap(archive.infolist(), file.seek(0, io.SEEK_END)):
        archive.close()
        msg = "its members overlap"
        raise zipfile.BadZipFile(msg)
    return archive


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member, whose checksum is compared when it has been read to its end.

    Raises:
        BadZipFile: It is not to be unpacked.
    """
    why = reason_to_leave(archive.getinfo(name))
    if why is not None:
        raise zipfile.BadZipFile(why)
    return archive.open(name)
