"""The tables of a ledger, and how they came to be what they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    inspect,
    select,
)
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from singer_delivery.errors import SettingsError

MIGRATING = 0x53494E474552
"""Key of the PostgreSQL lock under which the tables are made."""

metadata = MetaData()
facts = Table(
    "singer_delivery_facts",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("then", String(64), nullable=False),
    sqlite_with_rowid=False,
)
updates = Table(
    "singer_delivery_updates",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("endpoint", String(32), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("event", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("facts", Text, nullable=False),
)
deliveries = Table(
    "singer_delivery_deliveries",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("cells", LargeBinary),  # None where they were listed before there were books
)
names = Table(
    "singer_delivery_names",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("source_name", Text, nullable=False),
)
books = Table(
    "singer_delivery_books",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("counts", Text, nullable=False),
)
covered = Table(
    "singer_delivery_covered",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("source", String(255), primary_key=True),
    Column("ranges", Text, nullable=False),
)
runs = Table(
    "singer_delivery_runs",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("saved", BigInteger, nullable=False),
)
parked = Table(
    "singer_delivery_parked",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("digest", BigInteger, nullable=False),
    Column("queue", Text, nullable=False),
    Column("ids", Text, nullable=False),
    Column("endpoint", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("event", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("records", Integer, nullable=False),
    Column("deliveries", Text, nullable=False),
    Column("facts", Text, nullable=False),
    UniqueConstraint("scope", "digest"),
    Index("singer_delivery_parked_queue", "scope", "queue", "number"),
)
migrations = Table(
    "singer_delivery_migrations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Text, nullable=False),
)


def facts_and_updates(connection: Connection) -> None:
    """Make the first tables."""
    for table in (facts, updates):
        connection.execute(CreateTable(table, if_not_exists=True))


def deliveries_and_parked_events(connection: Connection) -> None:
    """Make the tables of what was delivered, and of events that wait for their id."""
    for table in (deliveries, runs, parked):
        connection.execute(CreateTable(table, if_not_exists=True))
    for index in parked.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))


def books_and_coverage(connection: Connection) -> None:
    """Make the tables of the books, and let the list of deliveries say what it has of each key."""
    for table in (names, books, covered):
        connection.execute(CreateTable(table, if_not_exists=True))
    # Where the second migration ran just now, it made this column too.
    there = {column["name"] for column in inspect(connection).get_columns(deliveries.name)}
    if deliveries.c.cells.name not in there:
        column = CreateColumn(deliveries.c.cells).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {deliveries.name} ADD COLUMN {column}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    facts_and_updates,
    deliveries_and_parked_events,
    books_and_coverage,
)
"""Each is applied once, in this order, and recorded. Append; never change one that was released."""


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, within the connection's transaction.

    Raises:
        SettingsError: they are newer than this software.
    """
    # Two runs may begin at once: the second waits here until the first is done.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.execute(CreateTable(migrations, if_not_exists=True))
    applied = connection.execute(select(func.max(migrations.c.number))).scalar() or 0
    if applied > len(MIGRATIONS):
        msg = (
            f"The ledger was written by a newer version of this software (its tables are number "
            f"{applied}, this version knows {len(MIGRATIONS)}). Upgrade, or name a new file in "
            "ledger_url."
        )
        raise SettingsError(msg)
    for number, migration in enumerate(MIGRATIONS[applied:], start=applied + 1):
        migration(connection)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        connection.execute(migrations.insert().values(number=number, applied_at=now))
