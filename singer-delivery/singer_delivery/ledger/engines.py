"""Opens the database that a ledger's address names."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.io.files import create_private

BUSY = 30.0
"""Seconds to wait for another run that is writing to the same file."""

SERVED = ("sqlite", "postgresql")


def opened(url: str, *, keep: bool) -> Engine:
    """Return the engine of an address; with `keep=False` no file is made.

    Raises:
        SettingsError: it is no address, or its driver is not installed.
        StorageError: the file cannot be made.
    """
    return _engine(_readable(url), keep=keep)


def opened_to_read(url: str) -> Engine:
    """Return the engine of an address from which is read alone, beside whoever writes.

    Raises:
        SettingsError: it is no address, its driver is not installed, or there is no such file.
    """
    parsed = _readable(url)
    if parsed.get_backend_name() != "sqlite":
        return _server_engine(parsed).execution_options(postgresql_readonly=True)
    path = Path(parsed.database or "")
    if not path.is_file():
        msg = f"There is no ledger at {path}. A target writes it when it runs: check ledger_url."
        raise SettingsError(msg)
    # Not `?mode=ro`, which cannot read beside a run that was killed: the log of what it wrote last
    # is taken in by whoever opens the file next.
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY})

    @event.listens_for(engine, "connect")
    def _only_reads(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    return engine


@contextmanager
def as_storage_error() -> Iterator[None]:
    """Turn what a database raises into one sentence, without the values of a statement."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        # The driver's own words name the fault; SQLAlchemy's would add the statement's values.
        why = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
        msg = (
            f"The ledger cannot be used ({str(why).strip()}). Nothing is lost, STATE did not move: "
            "check ledger_url, the permissions of its folder and the free disk space, then start "
            "again."
        )
        raise StorageError(msg) from None


def _readable(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in SERVED:
        msg = (
            "ledger_url must be a SQLite or PostgreSQL address, for instance "
            "sqlite:///ledger.sqlite3 or postgresql+psycopg://user@host/database"
        )
        raise SettingsError(msg)
    if "@" in (parsed.host or ""):
        # A part of the password would pass for the host, and reach a message as such.
        msg = "ledger_url: write an @ in the password as %40"
        raise SettingsError(msg)
    return parsed


def _engine(url: URL, *, keep: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _server_engine(url)
    path = Path(url.database) if url.database and url.database != ":memory:" else None
    if path is None or (not keep and not path.exists()):
        return _sqlite_engine(make_url("sqlite://"), poolclass=StaticPool)
    with as_storage_error():
        create_private(path)
    return _sqlite_engine(url)


def _server_engine(url: URL) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, pool_size=2)
    except (ArgumentError, ImportError):
        msg = (
            f"ledger_url asks for the driver of {url.drivername}://, which is not installed: "
            "install psycopg[binary] beside this software and write "
            "postgresql+psycopg://user@host/database"
        )
        raise SettingsError(msg) from None


def _sqlite_engine(url: URL, **options: Any) -> Engine:
    arguments = {"check_same_thread": False, "timeout": BUSY}
    engine = create_engine(url, hide_parameters=True, connect_args=arguments, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # WAL: reading and writing do not wait for each other. FULL: saved means on the disk.
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        # What is forgotten is overwritten: updates that were sent hold people's properties.
        connection.execute("PRAGMA secure_delete=ON")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite's own patience with a lock does not cover this one switch."""
    until = time.monotonic() + BUSY
    while not _switched_to_wal(connection, is_last_try=time.monotonic() > until):
        time.sleep(0.01)


def _switched_to_wal(connection: sqlite3.Connection, *, is_last_try: bool) -> bool:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        if is_last_try or "locked" not in str(error):
            raise
        return False
    return True
