"""What a ledger knows, what lasts of it, and what a refusal takes back."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import count

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.ledger.facts import CACHED
from singer_delivery.ledger.ledger import SAVE_AFTER, Ledger
from singer_delivery.model import Fact

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.ledger.ledgers import (
    FIRST,
    SECOND,
    THIRD,
    fact,
    last,
    on_disk,
    opened,
    writes_wait,
)
from tests.singer_delivery.toys import within


def others_are_asked_for(ledger: Ledger, how_many: int, numbers: count) -> None:
    """Let facts of so many other people be looked up, which may push others out of memory."""
    with ledger._lock:
        for number in range(how_many):
            ledger._facts._put_in_cache(("person", f"other {next(numbers)} {number}"), None)


# What is recalled ---------------------------------------------------------------------------


def test_what_nobody_said_is_unknown(url):
    with opened(url) as ledger:
        assert ledger.recall("person", "ann") is None
        assert ledger.recall("person", "ann") is None  # from memory, this time


def test_what_was_said_is_known_at_once(url):
    with opened(url) as ledger:
        ledger.recall("person", "ann")  # remembered as unknown
        ledger.say([fact()], FIRST)
        ledger.claim([fact("bob")])
        ledger.say([fact("cid")], FIRST, is_kept=True)
        assert ledger.recall("person", "ann") == fact()
        assert ledger.recall("person", "bob") == fact("bob")
        assert ledger.recall("person", "cid") == fact("cid")


def test_kinds_are_apart(url):
    with opened(url) as ledger:
        ledger.say([fact()], FIRST)
        assert ledger.recall("group", "ann") is None


def test_what_this_run_said_counts_over_what_is_on_disk(url):
    with opened(url) as ledger:
        last(ledger, fact())
        ledger.save()
        ledger.say([fact(value="v2", at=2)], (1, 0))
        assert ledger.recall("person", "ann") == fact(value="v2", at=2)


def test_a_run_knows_what_an_earlier_run_saved(url):
    with opened(url) as ledger:
        last(ledger, fact())
        ledger.save()
    assert on_disk(url) == fact()


def test_projects_are_apart(url):
    with opened(url, "one") as ledger:
        ledger.claim([fact()])
        ledger.save()
    assert on_disk(url, scope="one") == fact()
    assert on_disk(url, scope="two") is None


# What lasts ---------------------------------------------------------------------------------


def test_a_claim_is_on_disk_once_the_claims_are_saved(url):
    with opened(url) as ledger:
        ledger.claim([fact()])
        assert on_disk(url) is None
        ledger.save_claims()
        assert on_disk(url) == fact()


@pytest.mark.parametrize("is_kept", [False, True])
def test_what_is_said_does_not_last_before_its_block_is_settled(url, is_kept):
    with opened(url) as ledger:
        ledger.say([fact()], FIRST, is_kept=is_kept)
        ledger.say([fact("bob")], (1, 0))
        ledger.save_claims()
        ledger.save()
        assert on_disk(url) is None
        ledger.settle(0)
        ledger.save_claims()
        assert on_disk(url) is None
        ledger.save()
        assert on_disk(url) == fact()
        assert on_disk(url, "bob") is None


def test_a_claim_lasts_whatever_becomes_of_its_record(url):
    with opened(url) as ledger:
        ledger.claim([fact()])
        ledger.say([fact("bob")], FIRST)
        ledger.forget(FIRST, kept=True)
        assert ledger.recall("person", "ann") == fact()
        ledger.save_claims()
    assert on_disk(url) == fact()


def test_a_claim_is_saved_while_others_wait_for_their_block(url):
    with opened(url) as ledger:
        ledger.say([fact()], FIRST)
        ledger.claim([fact("bob")])
        ledger.save_claims()
    assert on_disk(url, "bob") == fact("bob")
    assert on_disk(url) is None


def test_claims_that_are_on_disk_wait_for_no_other_save(url):
    """Every request asks for this: it must not wait while thousands of facts are written."""
    with opened(url) as ledger:
        is_writing, may_go_on = writes_wait(ledger)
        last(ledger, fact())
        saving = threading.Thread(target=ledger.save)
        saving.start()
        assert is_writing.wait(10)
        within(ledger.save_claims, 5.0)
        assert saving.is_alive()
        may_go_on.set()
        saving.join(10)
        assert on_disk(url) == fact()


def test_claims_that_another_thread_is_writing_are_waited_for(url):
    is_saved = threading.Event()
    with opened(url) as ledger:
        is_writing, may_go_on = writes_wait(ledger)
        ledger.claim([fact()])
        first = threading.Thread(target=ledger.save_claims)
        first.start()
        assert is_writing.wait(10)
        second = threading.Thread(target=lambda: ledger.save_claims() or is_saved.set())
        second.start()
        assert not is_saved.wait(0.2), "the claim is not on disk yet"
        may_go_on.set()
        assert is_saved.wait(10)
        assert on_disk(url) == fact()
        for thread in (first, second):
            thread.join(10)


@pytest.mark.parametrize("others", [0, CACHED, 3 * CACHED])
@pytest.mark.parametrize("is_known_of_old", [False, True])
def test_what_settles_late_is_not_known_in_place_of_what_was_said_since(
    url, is_known_of_old, others
):
    early, late, numbers = fact(value="v1", at=10), fact(value="v2", at=20), count()
    with opened(url) as ledger:
        if is_known_of_old:
            ledger.claim([fact(value="v0", at=1)])
            ledger.save()
            others_are_asked_for(ledger, CACHED, numbers)
            assert ledger.recall("person", "ann") == fact(value="v0", at=1)
        ledger.say([early], FIRST)
        ledger.say([late], (1, 0), is_kept=True)
        ledger.save()
        others_are_asked_for(ledger, others, numbers)
        assert ledger.recall("person", "ann") == late
        ledger.settle(0)
        assert ledger.recall("person", "ann") == late
        ledger.save()
        others_are_asked_for(ledger, others, numbers)
        assert ledger.recall("person", "ann") == late
        ledger.settle(1)
        ledger.save()
        assert ledger.recall("person", "ann") == late
    assert on_disk(url) == late


def test_of_the_same_instant_the_later_outlasts_what_settles_before(url):
    early, late = fact(value="v1", at=10), fact(value="v2", at=10)
    with opened(url) as ledger:
        ledger.say([early], FIRST)
        ledger.say([late], (1, 0))
        ledger.settle(0)
        ledger.save()
        assert on_disk(url) == early
        assert ledger.recall("person", "ann") == late
        ledger.settle(1)
        ledger.save()
    assert on_disk(url) == late


def test_a_claim_outlasts_what_was_said_before_it_and_settles_after_it(url):
    with opened(url) as ledger:
        ledger.say([fact(value="said", at=1)], FIRST)
        ledger.claim([fact(value="claimed", at=2)])
        ledger.save_claims()
        ledger.settle(0)
        assert ledger.recall("person", "ann") == fact(value="claimed", at=2)
        ledger.save()
    assert on_disk(url) == fact(value="claimed", at=2)


def test_a_claim_outlasts_what_had_settled_and_was_not_saved(url):
    with opened(url) as ledger:
        last(ledger, fact(value="said", at=1))
        ledger.claim([fact(value="claimed", at=2)])
        ledger.save()
    assert on_disk(url) == fact(value="claimed", at=2)


def test_what_is_said_after_a_claim_outlasts_it(url):
    with opened(url) as ledger:
        ledger.claim([fact(value="claimed", at=1)])
        last(ledger, fact(value="said", at=2))
        ledger.save()
        ledger.save_claims()
        ledger.save()
        assert ledger.recall("person", "ann") == fact(value="said", at=2)
    assert on_disk(url) == fact(value="said", at=2)


def test_many_lasting_facts_are_saved_without_being_asked(url):
    facts = [fact(str(n)) for n in range(SAVE_AFTER)]
    with opened(url) as ledger:
        last(ledger, *facts[:-1])
        assert on_disk(url, "0") is None
        last(ledger, facts[-1], block=1)
        assert on_disk(url, "0") == facts[0]


def test_a_newer_fact_takes_the_place_of_the_older_on_disk(url):
    for value in ("v1", "v2"):
        with opened(url) as ledger:
            last(ledger, fact(value=value))
            ledger.save()
    assert on_disk(url) == fact(value="v2")


@pytest.mark.parametrize(
    ("name", "value", "at"),
    [("Zoë\x1f\n'\";--", "", -(10**15)), ("x" * 5_000, "y" * 50_000, 10**17), ("🦆", "%s :a", 0)],
)
def test_any_text_comes_back_as_it_was(url, name, value, at):
    said = Fact("person", name, value, at)
    with opened(url) as ledger:
        last(ledger, said)
        ledger.save()
    assert on_disk(url, name) == said


def test_the_cache_forgets_nothing_that_is_not_on_disk(url):
    with opened(url) as ledger:
        ledger.say([fact("kept")], (1, 0))
        last(ledger, *[fact(str(n)) for n in range(CACHED + 10)])
        ledger.save()
        assert len(ledger._facts._cache) <= CACHED
        assert ledger.recall("person", "kept") == fact("kept")
        assert ledger.recall("person", "0") == fact("0")  # out of memory, back from disk


def test_what_is_settled_and_saved_does_not_stay_in_memory(url):
    with opened(url) as ledger:
        for block in range(20):
            record = (block, 0)
            ledger.say([fact(str(block), at=block), fact("ann", at=block)], record)
            ledger.renew([fact("0", at=block)], block)
            ledger.say([fact("ann", "v2", block)], (block, 1))
            ledger.forget((block, 1), kept=True)
            ledger.settle(block)
            ledger.save()
        ledger.say([fact("bob", at=20)], (20, 0))
        ledger.say([fact("bob", "v2", 21)], (21, 0))
        ledger.settle(20)
        ledger.save()
        ledger.forget((21, 0), kept=True)
        ledger.settle(21)
        facts = ledger._facts
        assert not facts._newest
        assert not facts._by_block
        assert not facts._lasting


def test_what_settled_lets_go_of_what_was_said_before_it(url):
    """A run may renew one fact a million times before anything is saved."""
    with opened(url) as ledger:
        ledger.say([fact(at=0)], FIRST)
        for block in range(1, 20):
            ledger.renew([fact(at=block)], block)
        for block in range(20):
            ledger.settle(block)
        assert ledger._facts._newest["person", "ann"].before is None


def test_claims_and_facts_that_could_not_be_saved_are_still_to_be_saved(url):
    claims = [fact(f"ann-{n}", "v" * 1_000) for n in range(1_000)]
    facts = [fact(f"bob-{n}", "v" * 1_000) for n in range(1_000)]
    with opened(url) as ledger:
        ledger.claim(claims)
        last(ledger, *facts)
        for save in (ledger.save_claims, ledger.save):
            with full_disk(100_000), pytest.raises(StorageError):
                save()
        assert on_disk(url, "ann-0") is None
        assert on_disk(url, "bob-0") is None
        assert ledger.recall("person", "bob-7") == facts[7]
        ledger.save_claims()
        assert on_disk(url, "ann-0") == claims[0]
        assert on_disk(url, "bob-0") is None
        ledger.save()
        assert on_disk(url, "bob-7") == facts[7]
        assert ledger.recall("person", "ann-999") == claims[999]


# What a refusal takes back ------------------------------------------------------------------


def test_what_a_refused_record_said_is_forgotten_and_may_be_said_again(url):
    with opened(url) as ledger:
        ledger.say([fact()], FIRST)
        ledger.forget(FIRST, kept=False)
        assert ledger.recall("person", "ann") is None
        ledger.say([fact()], SECOND)
        assert ledger.recall("person", "ann") == fact()
        ledger.settle(0)
        ledger.save()
    assert on_disk(url) == fact()


def test_what_a_refused_record_said_never_lasts(url):
    with opened(url) as ledger:
        ledger.say([fact()], FIRST)
        ledger.say([fact("bob")], SECOND)
        ledger.forget(FIRST, kept=False)
        ledger.settle(0)
        ledger.save()
    assert on_disk(url) is None
    assert on_disk(url, "bob") == fact("bob")


@pytest.mark.parametrize("kept", [False, True])
def test_what_a_deferred_update_carries_is_forgotten_only_with_its_record(url, kept):
    with opened(url) as ledger:
        ledger.say([fact("own")], FIRST)
        ledger.say([fact("deferred")], FIRST, is_kept=True)
        ledger.forget(FIRST, kept=kept)
        ledger.settle(0)
        ledger.save()
        assert ledger.recall("person", "own") is None
        assert ledger.recall("person", "deferred") == (None if kept else fact("deferred"))
    assert on_disk(url, "deferred") == (None if kept else fact("deferred"))


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_what_is_left_is_what_was_said_before(url, settled, saved):
    first, second = fact(value="v1"), fact(value="v2")
    with opened(url) as ledger:
        ledger.say([first], FIRST)
        ledger.say([second], (1, 0))
        if settled:
            ledger.settle(0)
        if saved:
            ledger.save()
        ledger.forget((1, 0), kept=False)
        assert ledger.recall("person", "ann") == first
        if not settled:
            ledger.settle(0)
        ledger.settle(1)
        ledger.save()
        assert ledger.recall("person", "ann") == first
    assert on_disk(url) == first


def test_a_newer_fact_outlives_the_refusal_of_an_older(url):
    first, second = fact(value="v1"), fact(value="v2")
    with opened(url) as ledger:
        ledger.say([first], FIRST)
        ledger.say([second], SECOND)
        ledger.forget(FIRST, kept=False)
        assert ledger.recall("person", "ann") == second
        ledger.forget(SECOND, kept=False)
        assert ledger.recall("person", "ann") is None


def test_the_refusal_of_one_leaves_the_same_said_again_later(url):
    first, between, again = fact(value="A"), fact(value="B", at=2), fact(value="A", at=3)
    with opened(url) as ledger:
        for said, record in ((first, FIRST), (between, SECOND), (again, THIRD)):
            ledger.say([said], record)
        ledger.forget(FIRST, kept=False)
        assert ledger.recall("person", "ann") == again
        ledger.settle(0)
        ledger.save()
        assert ledger.recall("person", "ann") == again
    assert on_disk(url) == again


def test_a_block_does_not_make_last_what_a_later_one_says(url):
    first, between, again = fact(value="A"), fact(value="B", at=2), fact(value="A", at=3)
    with opened(url) as ledger:
        for block, said in enumerate((first, between, again)):
            ledger.say([said], (block, 0))
        ledger.settle(0)
        ledger.save()
    assert on_disk(url) == first


class Compared(tuple):
    """A record that counts how often it is compared."""

    __slots__ = ()
    __hash__ = tuple.__hash__
    times = 0

    def __eq__(self, other):
        Compared.times += 1
        return tuple.__eq__(self, other)


def test_a_refusal_looks_at_its_own_block_only(url):
    """A run may have thirty thousand facts unsettled, and thousands of records refused."""
    blocks, records = 30, 100
    with opened(url) as ledger:
        for block in range(blocks):
            for place in range(records):
                ledger.say([fact(f"{block} {place}")], Compared((block, place)))
        Compared.times = 0
        ledger.forget((3, 7), kept=True)
        assert ledger.recall("person", "3 7") is None
        assert Compared.times <= 2 * records


# Renewals ----------------------------------------------------------------------------------


def test_what_is_renewed_holds_at_the_later_time(url):
    with opened(url) as ledger:
        last(ledger, fact(at=1))
        ledger.renew([fact(at=5)], 1)
        assert ledger.recall("person", "ann") == fact(at=5)
        ledger.settle(1)
        ledger.save()
    assert on_disk(url) == fact(at=5)


def test_a_renewal_lasts_no_sooner_than_its_block(url):
    with opened(url) as ledger:
        ledger.say([fact(at=1)], FIRST)
        ledger.renew([fact(at=5)], 1)
        ledger.save()
        assert on_disk(url) is None
        ledger.settle(0)
        ledger.save()
        assert on_disk(url) == fact(at=1)
        ledger.settle(1)
        ledger.save()
    assert on_disk(url) == fact(at=5)


@pytest.mark.parametrize("settled", [False, True])
def test_a_renewal_belongs_to_the_record_of_what_it_renews(url, settled):
    with opened(url) as ledger:
        if settled:
            last(ledger, fact(value="v0", at=0))
        ledger.say([fact(at=1)], (1, 0))
        ledger.renew([fact(at=5)], 1)
        ledger.renew([fact(at=9)], 2)
        ledger.forget((1, 0), kept=False)
        left = fact(value="v0", at=0) if settled else None
        assert ledger.recall("person", "ann") == left
        for block in (0, 1, 2):
            ledger.settle(block)
        ledger.save()
        assert ledger.recall("person", "ann") == left
    assert on_disk(url) == left


def test_what_renews_a_deferred_update_s_fact_stays_when_its_record_s_event_is_refused(url):
    with opened(url) as ledger:
        ledger.say([fact(at=1)], FIRST, is_kept=True)
        ledger.renew([fact(at=5)], 0)
        ledger.forget(FIRST, kept=False)
        assert ledger.recall("person", "ann") == fact(at=5)


def test_what_is_not_known_any_more_is_not_renewed(url):
    """A request may be refused between the question for a fact and its renewal."""
    with opened(url) as ledger:
        last(ledger, fact("bob", at=1))
        ledger.save()
        ledger.say([fact(at=1)], (1, 0))
        ledger.say([fact("bob", "v2", at=2)], (1, 1))
        ledger.forget((1, 0), kept=False)
        ledger.renew([fact(at=5), fact("bob", at=5)], 1)
        assert ledger.recall("person", "ann") is None
        assert ledger.recall("person", "bob") == fact("bob", "v2", at=2)
        ledger.forget((1, 1), kept=False)
        ledger.renew([fact("bob", "v2", at=6)], 1)
        assert ledger.recall("person", "bob") == fact("bob", at=1)


def test_what_holds_at_a_later_time_already_is_not_renewed(url):
    with opened(url) as ledger:
        last(ledger, fact(at=9))
        ledger.renew([fact(at=5)], 1)
        assert ledger.recall("person", "ann") == fact(at=9)


def test_what_is_renewed_may_be_on_disk_alone(url):
    with opened(url) as ledger:
        ledger.claim([fact(at=1)])
        ledger.save()
    with opened(url) as ledger:
        ledger.renew([fact(at=5)], 0)
        assert ledger.recall("person", "ann") == fact(at=5)
        ledger.settle(0)
        ledger.save()
    assert on_disk(url) == fact(at=5)


def test_a_renewed_claim_is_on_disk_when_claims_are_saved_and_keeps_its_later_time(url):
    with opened(url) as ledger:
        ledger.claim([fact(at=1)])
        ledger.renew([fact(at=5)], 0)
        ledger.save_claims()
        assert on_disk(url) == fact(at=1)
        ledger.settle(0)
        ledger.save()
        ledger.claim([fact("bob")])
        ledger.save_claims()
    assert on_disk(url) == fact(at=5)


def test_a_claim_that_is_renewed_and_settled_before_it_is_saved_keeps_its_later_time(url):
    with opened(url) as ledger:
        ledger.claim([fact(at=1)])
        ledger.renew([fact(at=5)], 0)
        ledger.settle(0)
        ledger.save_claims()
        assert on_disk(url) == fact(at=5)
        for _ in range(2):
            ledger.save()
    assert on_disk(url) == fact(at=5)


# A dry run ----------------------------------------------------------------------------------


def test_a_dry_run_makes_no_file(url, tmp_path):
    with opened(url, keep=False) as ledger:
        ledger.claim([fact()])
        ledger.save_claims()
        last(ledger, fact("bob"))
        ledger.save()
        assert ledger.recall("person", "ann") == fact()
        assert ledger.recall("person", "bob") == fact("bob")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_reads_the_ledger_and_leaves_it_as_it_is(url):
    with opened(url) as ledger:
        last(ledger, fact())
        ledger.save()
    with opened(url, keep=False) as ledger:
        assert ledger.recall("person", "ann") == fact()
        last(ledger, fact(value="v2"), fact("bob"))
        ledger.save()
        assert ledger.recall("person", "ann") == fact(value="v2")
    assert on_disk(url) == fact()
    assert on_disk(url, "bob") is None


def test_in_a_dry_run_a_refusal_leaves_what_was_said_before(url):
    with opened(url, keep=False) as ledger:
        last(ledger, fact())
        ledger.save()
        ledger.say([fact(value="v2", at=2)], (1, 0))
        ledger.forget((1, 0), kept=True)
        assert ledger.recall("person", "ann") == fact()


def test_what_must_be_on_disk_before_is_asked_for_before_any_save_but_that_of_claims(url):
    asked = []
    look = [lambda: asked.append(on_disk(url))]
    with closing(Ledger(url, "project", before_save=look)) as ledger:
        ledger.claim([fact("bob")])
        ledger.save_claims()
        assert asked == []
        for number in range(SAVE_AFTER):
            ledger.say([fact(f"person {number}")], (0, number))
        ledger.say([fact()], (0, SAVE_AFTER))
        ledger.settle(0)  # so many facts are saved by themselves
        assert asked == [None]
        assert on_disk(url) is not None
