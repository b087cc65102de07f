"""The ledger's table: SQLite in a file by default, PostgreSQL where several machines share it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateTable

from singer_delivery.conversions import shortened
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.events import Fact
from singer_delivery.files import create_private

BUSY = 30.0
"""Seconds to wait for another run that is writing to the same file."""

LONGEST_NAME = 1_000
"""Bytes. A longer name is kept by its start and a hash: PostgreSQL refuses index rows of a third of
a page, about 2,700 bytes."""

CREATING = 0x53494E474552
"""Key of the PostgreSQL lock under which the tables are made."""

VERSION = "1"
"""Of the tables below. A ledger of another version is refused, never guessed at."""

INSERTS: dict[str, Callable[[Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}

_metadata = MetaData()
_facts = Table(
    "singer_delivery_facts",
    _metadata,
    Column("scope", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_about = Table(
    "singer_delivery_about",
    _metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)


class Database:
    """The facts of one `scope`. `read` is called from one thread, `write` from one at a time.

    With `keep=False` nothing is written, and no file is made.

    Raises:
        SettingsError: the url is no database address, or the tables are of another version.
        StorageError: the database cannot be opened, read or written.
    """

    def __init__(self, url: str, scope: str, *, keep: bool) -> None:
        self._scope = scope
        engine = _engine(_readable(url), keep=keep)
        insert = INSERTS[engine.dialect.name](_facts)
        self._upsert = insert.on_conflict_do_update(
            index_elements=["scope", "kind", "name"],
            set_={"value": insert.excluded.value, "at": insert.excluded.at},
        )
        self._select = select(_facts.c.value, _facts.c.at).where(
            _facts.c.scope == scope,
            _facts.c.kind == bindparam("kind"),
            _facts.c.name == bindparam("name"),
        )
        self._engine = engine
        try:
            with _told_as_storage_error():
                self._reader, self._writer = _open(engine)
        except BaseException:
            engine.dispose()
            raise

    def read(self, kind: str, name: str) -> Fact | None:
        """Return the fact on disk, if there is one."""
        asked = {"kind": kind, "name": self._storable(_fitted(name))}
        with _told_as_storage_error():
            row = self._reader.execute(self._select, asked).first()
        return None if row is None else Fact(kind, name, row.value, row.at)

    def write(self, facts: Iterable[Fact]) -> None:
        """Return when all these facts are on disk; after an error, none of them is."""
        # In one order, so that two machines never wait for each other's rows.
        rows = [self._row(fact) for fact in sorted(facts)]
        with _told_as_storage_error(), self._writer.begin():
            self._writer.execute(self._upsert, rows)

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._writer.close()
        self._engine.dispose()

    def _row(self, fact: Fact) -> dict[str, Any]:
        return {
            "scope": self._scope,
            "kind": fact.kind,
            "name": self._storable(_fitted(fact.name)),
            "value": self._storable(fact.value),
            "at": fact.at,
        }

    def _storable(self, text: str) -> str:
        # PostgreSQL's text holds every character but this one.
        return text.replace("\0", "\ufffd") if self._engine.name == "postgresql" else text


def _open(engine: Engine) -> tuple[Connection, Connection]:
    with engine.begin() as connection:
        _create_tables(connection)
        _check_version(connection)
    # Autocommit for reading: every question sees what was saved before it.
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT"), engine.connect()


def _fitted(name: str) -> str:
    return shortened(name, LONGEST_NAME, LONGEST_NAME - 100)


@contextmanager
def _told_as_storage_error() -> Iterator[None]:
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
    if parsed is None or parsed.get_backend_name() not in INSERTS:
        msg = (
            "ledger_url must be a SQLite or PostgreSQL address, for instance "
            "sqlite:///ledger.sqlite3 or postgresql+psycopg://user@host/database"
        )
        raise SettingsError(msg)
    return parsed


def _engine(url: URL, *, keep: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _server_engine(url)
    path = Path(url.database) if url.database and url.database != ":memory:" else None
    if path is None or (not keep and not path.exists()):
        return _sqlite_engine(make_url("sqlite://"), poolclass=StaticPool)
    with _told_as_storage_error():
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


def _create_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # IF NOT EXISTS alone fails where two runs begin at once (PostgreSQL docs, CREATE TABLE,
        # make no promise of it); the lock ends with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(CREATING)))
    for table in (_facts, _about):
        connection.execute(CreateTable(table, if_not_exists=True))


def _check_version(connection: Connection) -> None:
    version = select(_about.c.value).where(_about.c.name == "version")
    found = connection.execute(version).scalar()
    if found is None:
        insert = INSERTS[connection.dialect.name](_about).values(name="version", value=VERSION)
        connection.execute(insert.on_conflict_do_nothing())
        found = connection.execute(version).scalar()
    if found != VERSION:
        msg = (
            f"The ledger was written by another version of this software (tables {found}, this one "
            f"reads {VERSION}). Upgrade, or name a new file in ledger_url."
        )
        raise SettingsError(msg)
