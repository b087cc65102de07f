"""One run at a time on the ledger of one project.

Each run decides by what it knows to have been sent; two at once would know nothing of each other,
and could give one device two owners. The second is told so and stops. What holds the place is
given up by the operating system, or by the database server, when the process ends, however it
ends.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Engine

from singer_delivery.errors import LedgerInUse
from singer_delivery.io.files import PRIVATE
from singer_delivery.ledger.engines import as_storage_error, opened


class SoleUse:
    """Holds the place of the only run; made anew, it is refused while another one holds it.

    With `keep=False` there is nothing to hold.

    Raises:
        LedgerInUse: another run is using the ledger for the same project.
        SettingsError: the url is no database address.
        StorageError: the lock cannot be had for another reason.
    """

    def __init__(self, url: str, scope: str, *, keep: bool = True) -> None:
        self._lock: FileLock | None = None
        self._connection: Connection | None = None
        self._engine = opened(url, keep=keep)
        if not keep:
            return
        with as_storage_error():
            if self._engine.dialect.name == "postgresql":
                self._connection = _on_the_server(self._engine, scope)
            elif self._engine.url.database:
                self._lock = _beside_the_file(Path(self._engine.url.database), scope)

    def make_sure(self) -> None:
        """Make sure that the place is still this run's; that also keeps a quiet connection alive.

        The server gives it up when it restarts, or when something on the way drops the connection:
        another run may have it by then.

        Raises:
            StorageError: the session that had the lock is gone, at this call and each one after it.
        """
        if self._connection is not None:
            with as_storage_error():
                self._connection.execute(select(1))

    def release(self) -> None:
        """Let another run in."""
        if self._lock is not None:
            self._lock.release()
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


def _beside_the_file(path: Path, scope: str) -> FileLock:
    beside = path.with_name(f"{path.name}.{scope[:8]}.lock")
    # Not of a thread: whichever thread ends the run gives the place up.
    lock = FileLock(beside, timeout=0, mode=PRIVATE, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise _in_use() from None
    return lock


def _on_the_server(engine: Engine, scope: str) -> Connection:
    """Return the connection whose session holds the lock: the server gives it up with the session.

    It is detached from its pool, which would keep the session when the connection is closed.
    """
    key = int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], "big", signed=True)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    if not connection.execute(select(func.pg_try_advisory_lock(key))).scalar():
        connection.close()
        raise _in_use()
    return connection


def _in_use() -> LedgerInUse:
    return LedgerInUse(
        "Another run is using this ledger for the same project, and two at once could merge people "
        "by mistake. Wait for it to end, or stop it, then start again. (Runs into different "
        "projects may share a ledger.)"
    )
