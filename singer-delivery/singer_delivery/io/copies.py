"""Counts how often the same thing came, in memory that does not grow with their number."""

from __future__ import annotations

import sqlite3
from functools import cached_property
from hashlib import blake2b

from singer_delivery.errors import StorageError


class Copies:
    """Things that came, each with how often. They are forgotten when the process ends.

    SQLite keeps them in a temporary file of its own, which no other program sees (SQLite docs,
    "Temporary Databases"); one thread uses it.
    """

    def number(self, thing: str) -> int:
        """Return how often a thing came before, and count it.

        Raises:
            StorageError: the disk does not take it.
        """
        key = blake2b(thing.encode(), digest_size=16).digest()
        try:
            return self._number(key)
        except sqlite3.Error as error:
            msg = (
                f"Equal rows could not be counted on disk ({error}): free that disk, or set TMPDIR "
                "to a folder on another."
            )
            raise StorageError(msg) from error

    def _number(self, key: bytes) -> int:
        if self._things.execute("INSERT OR IGNORE INTO thing VALUES (?, 0)", (key,)).rowcount:
            return 0
        self._things.execute("UPDATE thing SET times = times + 1 WHERE key = ?", (key,))
        found = self._things.execute("SELECT times FROM thing WHERE key = ?", (key,)).fetchone()
        return int(found[0])

    @cached_property
    def _things(self) -> sqlite3.Connection:
        things = sqlite3.connect("", isolation_level=None)
        for said in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA cache_size = -16000",  # 16 MB
            "CREATE TABLE thing (key BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID",
        ):
            things.execute(said)
        return things
