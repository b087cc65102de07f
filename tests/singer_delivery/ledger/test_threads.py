"""A ledger among threads: one decides, others send, save and forget."""

from __future__ import annotations

import random
import threading
from functools import partial

import pytest
from singer_delivery.ledger import facts as ledger_facts
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Fact

from tests.singer_delivery.ledger.ledgers import fact, last, on_disk, opened
from tests.singer_delivery.threads import all_at_once
from tests.singer_delivery.toys import restless_threads, within


def test_many_may_open_a_new_ledger_at_once(url):
    def open_it() -> None:
        with opened(url):
            pass

    all_at_once([open_it] * 8)


@pytest.mark.parametrize("cached", [ledger_facts.CACHED, 4])
def test_one_thread_asks_while_others_say_settle_and_save(url, cached, monkeypatch):
    monkeypatch.setattr(ledger_facts, "CACHED", cached)
    names, rounds, shares = [f"p{n}" for n in range(20)], 30, 2

    def deliver(ledger: Ledger, share: int, over: threading.Event) -> None:
        for at in range(1, rounds):
            block = at * shares + share
            said = [fact(name, f"v{at}", at) for name in names[share::shares]]
            ledger.say(said, (block, 0))
            ledger.say([said[0]._replace(value="refused", at=0)], (block, 1))
            ledger.forget((block, 1), kept=False)
            ledger.settle(block)
            ledger.save()
        over.set()

    def ask(ledger: Ledger, over: list[threading.Event]) -> None:
        seen = dict.fromkeys(names, 0)
        while not all(each.is_set() for each in over):
            for name in names:
                known = ledger.recall("person", name)
                if known is not None and known.value != "refused":
                    assert known.at >= seen[name], "what is known never grows older"
                    seen[name] = known.at
        assert {ledger.recall("person", name).at for name in names} == {rounds - 1}

    with opened(url) as ledger, restless_threads():
        over = [threading.Event() for _ in range(shares)]
        senders = [partial(deliver, ledger, share, over[share]) for share in range(shares)]
        all_at_once([partial(ask, ledger, over), *senders])
    assert {on_disk(url, name) for name in names} == {
        fact(name, f"v{rounds - 1}", rounds - 1) for name in names
    }


def test_what_the_deciding_thread_said_last_is_what_it_recalls(url, monkeypatch):
    """Others settle its blocks, forget some of its records and save, in any order of theirs."""
    monkeypatch.setattr(ledger_facts, "CACHED", 3)
    names, blocks, chance = [f"p{n}" for n in range(8)], 60, random.Random(11)
    closed = threading.Semaphore(0)
    refused = {(block, 0) for block in range(blocks) if block % 3 == 0}
    expected: dict[str, Fact] = {}

    def decide(ledger: Ledger) -> None:
        for block in range(blocks):
            for place, name in enumerate(chance.sample(names, 4)):
                said = fact(name, f"v{block}", block)
                ledger.say([said], (block, place))
                assert ledger.recall("person", name) == said
                if (block, place) not in refused:
                    expected[name] = said
            closed.release()

    def send(ledger: Ledger) -> None:
        for block in range(blocks):
            closed.acquire()
            if (block, 0) in refused:
                ledger.forget((block, 0), kept=True)
            ledger.settle(block)

    def save(ledger: Ledger) -> None:
        for _ in range(blocks):
            ledger.save()

    with opened(url) as ledger, restless_threads():
        all_at_once([partial(each, ledger) for each in (decide, send, save)])
        assert {name: ledger.recall("person", name) for name in names} == {
            name: expected.get(name) for name in names
        }
        ledger.save()
    assert {name: on_disk(url, name) for name in names} == {
        name: expected.get(name) for name in names
    }


def test_a_fact_saved_while_an_older_is_read_is_the_one_that_is_known(url):
    with opened(url) as ledger:
        last(ledger, fact(value="old"))
        ledger.save()
    with opened(url) as ledger:
        read, newer = ledger._store.fact, fact(value="new", at=2)

        def read_then_save(kind: str, name: str) -> Fact | None:
            found = read(kind, name)
            last(ledger, newer)
            ledger.save()
            return found

        ledger._store.fact = read_then_save
        assert ledger.recall("person", "ann") == newer
        assert ledger.recall("person", "ann") == newer


def test_two_runs_that_save_the_same_facts_wait_for_each_other(url):
    names = [f"p{number}" for number in range(50)]

    def save(order: list[str]) -> None:
        with opened(url) as ledger:
            for block in range(8):
                last(ledger, *[fact(name, f"v{block}", block) for name in order], block=block)
                ledger.save()

    within(lambda: all_at_once([partial(save, names), partial(save, names[::-1])]), 30)
    assert {on_disk(url, name) for name in names} == {fact(name, "v7", 7) for name in names}
