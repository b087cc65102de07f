"""The file of a ledger: who may read it, its tables, and what is said when it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.tables import MIGRATIONS

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.ledger.ledgers import fact, opened, update

SECRET = "someone@example.com"


def test_the_file_is_for_its_owner_alone(url, tmp_path):
    with opened(url) as ledger:
        ledger.claim([fact()])
        ledger.save()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "ledger.sqlite3" in modes


def test_what_was_sent_is_overwritten(url, tmp_path):
    """Updates hold people's properties: a deleted row must not stay readable in the file."""
    with opened(url) as ledger:
        ledger.keep_update(update(encoded=SECRET.encode()))
        ledger.save()
        ledger.sent(update())
        ledger.save()
    assert SECRET.encode() not in (tmp_path / "ledger.sqlite3").read_bytes()


def test_the_folder_is_made(tmp_path):
    with opened(f"sqlite:///{tmp_path}/new/folder/l.sqlite3"):
        assert (tmp_path / "new/folder/l.sqlite3").exists()


def migrations(tmp_path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection, connection:
        return connection.execute(statement).fetchall()


def test_each_migration_is_recorded_once_with_its_time(url, tmp_path):
    for _ in range(2):
        with opened(url):
            pass
    rows = migrations(tmp_path, "SELECT * FROM singer_delivery_migrations")
    assert [number for number, _ in rows] == list(range(1, len(MIGRATIONS) + 1))
    assert all(datetime.fromisoformat(when).tzinfo is not None for _, when in rows)


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(url, tmp_path):
    with opened(url):
        pass
    newer = len(MIGRATIONS) + 1
    migrations(tmp_path, f"INSERT INTO singer_delivery_migrations VALUES ({newer}, 'later')")
    with pytest.raises(SettingsError, match=f"newer version .* number {newer}"):
        Ledger(url, "project")
    rows = migrations(tmp_path, "SELECT max(number) FROM singer_delivery_migrations")
    assert rows == [(newer,)]


def test_a_ledger_from_before_a_migration_is_brought_up_to_date(url, tmp_path):
    with opened(url):
        pass
    migrations(tmp_path, "DROP TABLE singer_delivery_updates")
    migrations(tmp_path, "DELETE FROM singer_delivery_migrations")
    with opened(url) as ledger:
        assert list(ledger.updates()) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ledger.sqlite3",
        "mysql://host/x",
        "postgresql://host:port/x",
        "postgresql+nothing://h/x",
    ],
)
def test_an_address_that_is_none_of_ours_is_refused_in_a_sentence(url):
    with pytest.raises(SettingsError, match="ledger_url"):
        Ledger(url, "project")


def test_an_at_sign_in_a_password_is_refused_without_quoting_it():
    with pytest.raises(SettingsError, match="%40") as caught:
        Ledger(f"postgresql+psycopg://user:{SECRET}@host/database", "project")
    assert "example.com" not in str(caught.value)


def test_a_file_that_is_no_ledger_is_a_storage_error(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database at all " * 100)
    with pytest.raises(StorageError, match="ledger_url"):
        Ledger(f"sqlite:///{path}", "project")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="permissions"):
        Ledger(f"sqlite:///{tmp_path}/file/l.sqlite3", "project")


def test_a_folder_in_the_place_of_the_file_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        Ledger(f"sqlite:///{tmp_path}", "project")


def test_a_full_disk_is_a_storage_error_that_quotes_nobody(url):
    with opened(url) as ledger:
        ledger.claim([fact(f"{SECRET}-{n}", SECRET * 100) for n in range(1_000)])
        with full_disk(100_000), pytest.raises(StorageError) as caught:
            ledger.save_claims()
    sentence = str(caught.value)
    assert "free disk space" in sentence
    assert SECRET not in sentence
    assert caught.value.__cause__ is None
