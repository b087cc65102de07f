"""The ledger on disk: SQLite in a file by default, PostgreSQL where several machines share it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Table,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from singer_delivery.ledger import tables
from singer_delivery.ledger.engines import as_storage_error, opened
from singer_delivery.ledger.update import Update
from singer_delivery.ledger.written import WrittenKeys
from singer_delivery.model import Fact, Key

LONGEST_NAME = 1_000
"""Bytes. A longer name is kept by its start and a hash: PostgreSQL refuses index rows of a third of
a page, about 2,700 bytes."""

UPDATES_READ = 500
"""Updates that are read from the disk at once."""

INSERTS: dict[str, Callable[[Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


Write = Callable[[Connection], None]
"""Writes to other tables of the ledger, within a transaction."""


def is_disowned(known: Fact | None, disowned: Fact | None) -> bool:
    """Tell whether a known fact goes when another of its key is disowned.

    It does when it says the same, perhaps at a later time, or when it is not newer.
    """
    if known is None or disowned is None:
        return False
    return known.value == disowned.value or known.at <= disowned.at


class Store:
    """The facts of one `scope`, and its updates that wait for the end of a run.

    `fact` and `update` are called from one thread, `write` from one at a time.

    With `keep=False` nothing is written, and no file is made.

    Attributes:
        scope: names the project.
        written: the keys of facts on disk, where there were none before; else None. Nobody else
            writes any (`SoleUse`).

    Raises:
        SettingsError: the url is no database address, or the tables are of another version.
        StorageError: the database cannot be opened, read or written.
    """

    def __init__(self, url: str, scope: str, *, keep: bool) -> None:
        self.scope = self._scope = scope
        engine = opened(url, keep=keep)
        upsert_update = _upsert(engine, tables.updates)
        self._upsert = _Prepared(engine, _upsert(engine, tables.facts), _FACT)
        self._upsert_update = _Prepared(engine, upsert_update, ("scope", *Update._fields))
        self._gone = _Prepared(engine, _gone, _GONE)
        self._disowned = _Prepared(engine, _disowned, _DISOWNED)
        self._fact = _Prepared(engine, _fact, _ASKED)
        self._update = _Prepared(engine, _update, _ASKED_UPDATE)
        self._waiting = _updates.where(tables.updates.c.scope == scope)
        self._engine = engine
        try:
            with as_storage_error():
                self._reader, self._writer = _open(engine)
                self._cursor = _sqlite_cursor(self._reader)
                some = select(tables.facts.c.kind).where(tables.facts.c.scope == scope).limit(1)
                is_new = self._reader.execute(some).first() is None
                self.written = WrittenKeys() if is_new else None
        except BaseException:
            engine.dispose()
            raise

    def fact(self, kind: str, name: str) -> Fact | None:
        """Return the fact on disk, if there is one."""
        row = self._first(self._fact, (self._scope, kind, self.storable(_fitted(name))))
        return None if row is None else Fact(kind, name, *row)

    def write(
        self,
        facts: Iterable[Fact],
        disowned: Iterable[Fact],
        kept: Iterable[Update],
        gone: Iterable[Key],
        also: Iterable[Write] = (),
    ) -> None:
        """Return when all of this is on disk; after an error, nothing of it is.

        Args:
            facts: that take the place of those of the same key.
            disowned: facts to delete; see `is_disowned`.
            kept: updates that are laid over those of the same key.
            gone: keys of updates that are deleted before.
            also: write more, in their order.
        """
        # In one order, so that two machines never wait for each other's rows.
        ordered = sorted(facts)
        if self.written is not None:  # before they are on disk: whoever asks then finds them
            for fact in ordered:
                self.written.add(fact[:2])
        rows = [self._upsert.row(self._fact_row(fact)) for fact in ordered]
        updates = {self._stored_key(update.key): update for update in sorted(kept)}
        done = [self._gone.row((self._scope, *self._stored_key(key))) for key in sorted(gone)]
        wrong = [self._disowned.row(self._fact_row(fact)[:5]) for fact in sorted(disowned)]
        with as_storage_error(), self._writer.begin():
            for statement, of in (
                (self._disowned, wrong),
                (self._upsert, rows),
                (self._gone, done),
            ):
                if of:
                    self._writer.exec_driver_sql(statement.text, of)
            for some in _chunks(updates, UPDATES_READ):
                self._lay(some)
            for write in also:
                write(self._writer)

    def rows(self, statement: Executable) -> list[Any]:
        """Return the rows that a question to the other tables of the ledger has."""
        with as_storage_error():
            return list(self._reader.execute(statement))

    def endpoints(self) -> set[str]:
        """Return the endpoints for which updates wait."""
        asked = select(tables.updates.c.endpoint).where(tables.updates.c.scope == self._scope)
        with as_storage_error():
            return set(self._reader.execute(asked.distinct()).scalars())

    def update(self, endpoint: str, name: str) -> Update | None:
        """Return the update of this name, if one waits."""
        row = self._first(self._update, (self._scope, endpoint, self.storable(_fitted(name))))
        return None if row is None else Update(*row)._replace(name=name)

    def updates(self) -> Iterator[Update]:
        """Yield the updates that wait, in one order, whatever is written meanwhile."""
        after = ("", "")
        while batch := self._updates_behind(after):
            yield from batch
            after = (batch[-1].endpoint, batch[-1].name)

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._writer.close()
        self._engine.dispose()

    def _first(self, statement: _Prepared, values: tuple[Any, ...]) -> Any:
        asked = statement.row(values)
        try:
            if self._cursor is not None:
                return self._cursor.execute(statement.text, asked).fetchone()
            return self._reader.exec_driver_sql(statement.text, asked).first()
        except Exception:
            with as_storage_error():  # only now: it takes as long as SQLite's answer
                raise

    def _updates_behind(self, after: tuple[str, str]) -> list[Update]:
        key = tuple_(tables.updates.c.endpoint, tables.updates.c.name)
        asked = (
            self._waiting.where(key > after)
            .order_by(tables.updates.c.endpoint, tables.updates.c.name)
            .limit(UPDATES_READ)
        )
        with as_storage_error():
            return [Update(*row) for row in self._reader.execute(asked)]

    def _fact_row(self, fact: Fact) -> tuple[Any, ...]:
        kind, name, value, *since = fact
        return self._scope, kind, self.storable(_fitted(name)), self.storable(value), *since

    def _lay(self, updates: Mapping[Key, Update]) -> None:
        """Write updates over those that wait, by the keys under which they are stored."""
        key = tuple_(tables.updates.c.endpoint, tables.updates.c.name)
        there = self._writer.execute(self._waiting.where(key.in_([*updates])))
        below = {update.key: update for update in (Update(*row) for row in there)}
        rows = [
            self._upsert_update.row((self._scope, *stored, *update.over(below.get(stored))[2:]))
            for stored, update in updates.items()
        ]
        self._writer.exec_driver_sql(self._upsert_update.text, rows)

    def _stored_key(self, key: Key) -> Key:
        return key[0], self.storable(_fitted(key[1]))

    def storable(self, text: str) -> str:
        """Return a text as the database can hold it."""
        # PostgreSQL's text holds every character but this one.
        return text.replace("\0", "\ufffd") if self._engine.name == "postgresql" else text


class _Prepared:
    """A statement in the driver's own words, and its rows in the form that the driver takes.

    SQLAlchemy would take each row through its own hands: several times what the driver needs.

    Args:
        engine: whose driver.
        statement: of SQLAlchemy.
        names: of its parameters, in the order in which rows have them.
    """

    def __init__(self, engine: Engine, statement: Any, names: tuple[str, ...]) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self.text = str(compiled)
        self._names = names
        self._is_named = not compiled.positional
        assert self._is_named or (*compiled.positiontup,) == names, "not the driver's order"

    def row(self, values: tuple[Any, ...]) -> Any:
        """Return the values of one row as the driver takes them."""
        return dict(zip(self._names, values, strict=True)) if self._is_named else values


_FACT = tuple(column.name for column in tables.facts.columns)
_ASKED = ("asked_scope", "asked_kind", "asked_name")
_ASKED_UPDATE = ("asked_scope", "asked_endpoint", "asked_name")
_DISOWNED = ("old_scope", "old_kind", "old_name", "old_value", "old_at")
_GONE = ("gone_scope", "gone_endpoint", "gone_name")


def _each(table: Table, names: tuple[str, ...]) -> list[Any]:
    return [table.c[name.partition("_")[2]] == bindparam(name) for name in names]


_fact = select(tables.facts.c.value, tables.facts.c.at, tables.facts.c.then).where(
    *_each(tables.facts, _ASKED)
)
_updates = select(*(tables.updates.c[name] for name in Update._fields))
_update = _updates.where(*_each(tables.updates, _ASKED_UPDATE))
_disowned = delete(tables.facts).where(
    *_each(tables.facts, _DISOWNED[:3]),
    or_(
        tables.facts.c.value == bindparam("old_value"),
        tables.facts.c.at <= bindparam("old_at"),
    ),
)
_gone = delete(tables.updates).where(*_each(tables.updates, _GONE))


def _upsert(engine: Engine, table: Table) -> Any:
    """Return the statement that writes rows over those of the same key."""
    insert = INSERTS[engine.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    values = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


def _chunks(updates: Mapping[Key, Update], size: int) -> Iterator[Mapping[Key, Update]]:
    items = iter(updates.items())
    while some := dict(islice(items, size)):
        yield some


def _open(engine: Engine) -> tuple[Connection, Connection]:
    with engine.begin() as connection:
        tables.migrate(connection)
    # Autocommit for reading: every question sees what was saved before it.
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT"), engine.connect()


def _sqlite_cursor(connection: Connection) -> sqlite3.Cursor | None:
    """Return the driver's cursor where SQLAlchemy needs longer to ask than SQLite to answer."""
    if connection.dialect.name != "sqlite":
        return None
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.cursor()


def _fitted(name: str) -> str:
    if len(name) * 4 <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME // 8]}-{hashlib.sha256(name.encode()).hexdigest()}"
