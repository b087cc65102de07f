"""Updates that wait for the end of a run: what the next run finds of them, and what is known."""

from __future__ import annotations

import json
import threading
import tracemalloc
from itertools import combinations

import pytest
from singer_delivery.errors import StorageError
from singer_delivery.ledger.ledger import SAVE_AFTER, UPDATES_SAVE_AFTER, Ledger

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.ledger.ledgers import (
    fact,
    last,
    on_disk,
    opened,
    update,
    waiting_on_disk,
    writes_wait,
)

ENDPOINT = "/engage"


def carrying(*facts, **fields):
    """Return an update with these facts."""
    return update(facts=json.dumps(facts), at=facts[0].at, **fields)


# What waits ---------------------------------------------------------------------------------


def test_the_last_update_of_each_name_waits(url):
    with opened(url) as ledger:
        for each in (update("ann", 10), update("bob", 10), update("ann", 30), update("ann", 20)):
            ledger.keep_update(each)
        assert list(ledger.updates()) == [update("ann", 20), update("bob", 10)]


PARTS = (
    b'{"$set":{"plan":"free","city":"Rome"},"$ip":0}',
    b'{"$set":{"plan":"pro"},"$ip":0}',
    b'{"$set":{"city":"Bonn","n":{"a":1}},"$ip":0}',
    b'{"$set":{"n":{"b":2}},"$ip":0}',
)


@pytest.mark.parametrize("cuts", [set(c) for n in range(4) for c in combinations(range(1, 4), n)])
@pytest.mark.parametrize("is_new_run", [False, True])
def test_a_part_of_a_person_takes_no_other_property_away(url, cuts, is_new_run):
    """However often it is saved between them, and wherever a run is cut off."""
    ledger = Ledger(url, "project")
    for number, part in enumerate(PARTS):
        if number in cuts:
            ledger.save()
            if is_new_run:
                ledger.close()
                ledger = Ledger(url, "project")
        ledger.keep_update(update(at=number, encoded=part))
    (left,) = ledger.updates()
    ledger.close()
    assert json.loads(left.encoded) == {
        "$set": {"plan": "pro", "city": "Bonn", "n": {"b": 2}}, "$ip": 0,
    }  # fmt: skip


def test_what_lies_over_one_under_way_is_apart_from_it_once_that_was_sent(url):
    """What is sent between the two must not be undone by the first, nor a cut lose it."""
    first, second, both = (
        update(at=at, encoded=json.dumps({"$set": properties}, separators=(",", ":")).encode())
        for at, properties in ((1, {"a": 1}), (2, {"b": 2}), (2, {"a": 1, "b": 2}))
    )
    with opened(url) as ledger:
        ledger.keep_update(first)
        ledger.take_update(ENDPOINT, "ann")
        ledger.keep_update(second)
        ledger.save()
        assert waiting_on_disk(url) == [both]
        ledger.sent(first)
        ledger.save()
        assert waiting_on_disk(url) == [second]


def test_of_two_of_the_same_time_the_later_waits(url):
    first, second = update(encoded=b'{"n":1}'), update(encoded=b'{"n":2}')
    with opened(url) as ledger:
        ledger.keep_update(first)
        ledger.keep_update(second)
        assert list(ledger.updates()) == [second]
        ledger.keep_update(first)
        assert list(ledger.updates()) == [first]


def test_a_run_that_is_cut_off_leaves_what_it_saved(url):
    with opened(url) as ledger:
        ledger.keep_update(update("ann"))
        assert waiting_on_disk(url) == []
        ledger.save_claims()
        assert waiting_on_disk(url) == [], "only the claims are urgent"
        ledger.save()
        ledger.keep_update(update("bob"))
    assert waiting_on_disk(url) == [update("ann")]


def test_an_update_and_its_facts_reach_the_disk_in_one_save(url):
    said = fact(at=10)
    with opened(url) as ledger:
        ledger.say([said], (0, 0), is_kept=True)
        ledger.keep_update(carrying(said))
        ledger.settle(0)
        ledger.save_claims()
        assert (on_disk(url), waiting_on_disk(url)) == (None, [])
        ledger.claim([fact(str(n), "v" * 1_000) for n in range(100)])
        with full_disk(10_000), pytest.raises(StorageError):
            ledger.save()
        assert (on_disk(url), waiting_on_disk(url)) == (None, [])
        ledger.save()
    assert (on_disk(url), waiting_on_disk(url)) == (said, [carrying(said)])


def test_updates_of_other_projects_and_endpoints_are_apart(url):
    with opened(url) as ledger:
        ledger.keep_update(update())
        ledger.keep_update(update()._replace(endpoint="/groups"))
        ledger.save()
        assert ledger.may_keep(ENDPOINT)
        assert ledger.may_keep("/groups")
        assert not ledger.may_keep("/import")
    assert [each.endpoint for each in waiting_on_disk(url)] == [ENDPOINT, "/groups"]
    with opened(url) as following:
        assert following.may_keep(ENDPOINT)
    assert waiting_on_disk(url, "another project") == []
    with opened(url, "another project") as other:
        assert not other.may_keep(ENDPOINT)


def test_many_updates_do_not_stay_in_memory(url):
    with opened(url) as ledger:
        for number in range(UPDATES_SAVE_AFTER + 3):
            ledger.keep_update(update(f"person-{number}"))
        assert len(waiting_on_disk(url)) >= UPDATES_SAVE_AFTER


def test_all_updates_are_read_whatever_is_sent_meanwhile(url):
    names = sorted(f"person-{number:04}" for number in range(1_300))
    with opened(url) as ledger:
        for name in names:
            ledger.keep_update(update(name))
        read = []
        for each in ledger.updates():
            read.append(each.name)
            ledger.sent(each)
            ledger.save()
    assert read == names
    assert waiting_on_disk(url) == []


# What was sent ------------------------------------------------------------------------------


def test_what_was_sent_is_deleted_with_the_next_save(url):
    with opened(url) as ledger:
        ledger.keep_update(update())
        (waiting,) = ledger.updates()
        ledger.sent(waiting)
        assert waiting_on_disk(url) == [update()]
        ledger.save()
    assert waiting_on_disk(url) == []


def test_many_that_were_sent_are_deleted_without_being_asked(url):
    with opened(url) as ledger:
        ledger.keep_update(update())
        ledger.save()
        ledger.sent(update())
        for number in range(SAVE_AFTER - 2):
            ledger.sent(update(str(number)))
        assert waiting_on_disk(url) == [update()]
        ledger.sent(update("the last"))
        assert waiting_on_disk(url) == []


@pytest.mark.parametrize("saved", [False, True])
def test_an_update_is_taken_once(url, saved):
    with opened(url) as ledger:
        ledger.keep_update(update())
        if saved:
            ledger.save()
        assert ledger.take_update(ENDPOINT, "ann") == update()
        assert ledger.take_update(ENDPOINT, "ann") is None, "it is under way"
        ledger.sent(update())
        # Were it sent again now, it would undo what was sent after it.
        assert ledger.take_update(ENDPOINT, "ann") is None, "it was sent, though not yet deleted"
        ledger.save()
        assert ledger.take_update(ENDPOINT, "ann") is None
    assert waiting_on_disk(url) == []


def test_a_newer_update_may_be_taken_while_the_older_is_under_way(url):
    with opened(url) as ledger:
        for at in (1, 2):
            ledger.keep_update(update(at=at))
            assert ledger.take_update(ENDPOINT, "ann") == update(at=at)
        assert ledger.take_update(ENDPOINT, "bob") is None
        ledger.sent(update(at=1))
        assert ledger.take_update(ENDPOINT, "ann") is None, "the newer is still under way"


def test_an_update_left_behind_is_taken(url):
    with opened(url) as ledger:
        ledger.keep_update(update())
        ledger.save()
    with opened(url) as following:
        assert following.take_update(ENDPOINT, "ann") == update()
        following.sent(update())
        following.save()
    assert waiting_on_disk(url) == []


def test_a_long_name_is_taken_once_too(url):
    name = "ann" * 500
    with opened(url) as ledger:
        ledger.keep_update(update(name))
        ledger.save()
        taken = ledger.take_update(ENDPOINT, name)
        assert taken == update(name)
        ledger.sent(taken)
        assert ledger.take_update(ENDPOINT, name) is None
        ledger.save()
    assert waiting_on_disk(url) == []


@pytest.mark.parametrize("saves", [(), ("old",), ("old", "new"), ("new",)])
@pytest.mark.parametrize("at", [1, 2])
def test_what_was_sent_spares_what_took_its_place(url, saves, at):
    """Records of one moment are common: the time alone does not tell one from the next."""
    old, new = update(at=1, encoded=b'{"old":1}'), update(at=at, encoded=b'{"new":1}')
    with opened(url) as ledger:
        ledger.keep_update(old)
        if "old" in saves:
            ledger.save()
        assert ledger.take_update(ENDPOINT, "ann") == old
        ledger.keep_update(new)
        if "new" in saves:
            ledger.save()
            assert waiting_on_disk(url) == [new.over(old)]
        ledger.sent(old)
        ledger.save()
        assert waiting_on_disk(url) == [new]
        assert ledger.take_update(ENDPOINT, "ann") == new
        ledger.sent(new)
        ledger.save()
    assert waiting_on_disk(url) == []


def test_what_is_kept_after_one_was_sent_waits_though_it_is_of_the_same_moment(url):
    old, new = update(encoded=b'{"old":1}'), update(encoded=b'{"new":1}')
    with opened(url) as ledger:
        ledger.keep_update(old)
        ledger.save()
        ledger.sent(old)
        ledger.keep_update(new)
        ledger.save()
    assert waiting_on_disk(url) == [new]


def test_what_was_sent_takes_older_ones_with_it(url):
    with opened(url) as ledger:
        ledger.keep_update(update(at=1))
        ledger.save()
        ledger.keep_update(update(at=2))
        ledger.sent(update(at=2))
        ledger.save()
    assert waiting_on_disk(url) == []


def test_what_is_sent_while_it_is_saved_is_deleted_by_the_next_save(url):
    with opened(url) as ledger:
        is_writing, may_go_on = writes_wait(ledger)
        ledger.keep_update(update())
        saving = threading.Thread(target=ledger.save)
        saving.start()
        assert is_writing.wait(10)
        ledger.sent(update())
        may_go_on.set()
        saving.join(10)
        assert ledger.take_update(ENDPOINT, "ann") is None
        ledger.save()
    assert waiting_on_disk(url) == []


def test_what_was_sent_takes_no_room_until_it_is_deleted(url):
    size = 10_000
    with opened(url) as ledger:
        tracemalloc.start()
        try:
            for number in range(2_000):  # 20 MB of them
                ledger.sent(update(f"person-{number}", encoded=b"x" * size, message=b"x" * size))
            room, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert room < 100 * size


# What was refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_what_a_refused_update_said_is_forgotten_at_once_and_on_disk(url, settled, saved):
    said = fact(at=10)
    with opened(url) as ledger:
        ledger.say([said], (0, 0), is_kept=True)
        ledger.keep_update(carrying(said))
        if settled:
            ledger.settle(0)
        if saved:
            ledger.save()
        ledger.refused(carrying(said))
        assert ledger.recall("person", "ann") is None
        ledger.settle(0)
        ledger.save()
        assert ledger.recall("person", "ann") is None
        assert (on_disk(url), waiting_on_disk(url)) == (None, [])
        ledger.say([said], (1, 0), is_kept=True)
        assert ledger.recall("person", "ann") == said
        ledger.settle(1)
        ledger.save()
    assert on_disk(url) == said


@pytest.mark.parametrize("renewal_is_saved", [False, True])
def test_what_an_earlier_run_left_behind_may_be_refused_in_this_one(url, renewal_is_saved):
    said = fact(at=10)
    with opened(url) as ledger:
        last(ledger, said)
        ledger.keep_update(carrying(said))
        ledger.save()
    with opened(url) as ledger:
        assert ledger.recall("person", "ann") == said
        ledger.renew([said._replace(at=20)], 0)
        if renewal_is_saved:
            ledger.settle(0)
            ledger.save()
            assert on_disk(url) == said._replace(at=20)
        ledger.refused(carrying(said))
        assert ledger.recall("person", "ann") is None
        ledger.settle(0)
        ledger.save()
    assert (on_disk(url), waiting_on_disk(url)) == (None, [])


@pytest.mark.parametrize("saved", [False, True])
def test_what_was_said_since_outlasts_the_refusal_of_an_update(url, saved):
    deferred, own = fact(value="v1", at=1), fact(value="v2", at=2)
    with opened(url) as ledger:
        ledger.say([deferred], (0, 0), is_kept=True)
        ledger.keep_update(carrying(deferred))
        ledger.settle(0)
        if saved:
            ledger.save()
        ledger.say([own], (1, 0))
        ledger.refused(carrying(deferred))
        assert ledger.recall("person", "ann") == own
        ledger.settle(1)
        ledger.save()
        assert ledger.recall("person", "ann") == own
    assert on_disk(url) == own


def test_the_same_said_again_since_outlasts_the_refusal_of_an_update(url):
    deferred, between, again = fact(value="A", at=1), fact(value="B", at=2), fact(value="A", at=3)
    with opened(url) as ledger:
        ledger.say([deferred], (0, 0), is_kept=True)
        ledger.keep_update(carrying(deferred))
        ledger.say([between], (0, 1))
        ledger.say([again], (0, 2), is_kept=True)
        ledger.refused(carrying(deferred))
        assert ledger.recall("person", "ann") == again
        ledger.settle(0)
        ledger.save()
    assert on_disk(url) == again


def test_what_waited_before_a_refused_update_is_forgotten_with_it(url):
    """The refused one took its place: it was never sent, so that nothing makes it true."""
    first, second = fact(value="v1", at=1), fact(value="v2", at=2)
    with opened(url) as ledger:
        for place, said in enumerate((first, second)):
            ledger.say([said], (place, 0), is_kept=True)
            ledger.keep_update(carrying(said))
        ledger.settle(0)
        ledger.save()
        assert on_disk(url) == first
        ledger.refused(carrying(second))
        assert ledger.recall("person", "ann") is None
        ledger.settle(1)
        ledger.save()
        assert ledger.recall("person", "ann") is None
    assert on_disk(url) is None


def test_what_is_refused_while_it_is_saved_is_not_known_afterwards(url):
    said = fact(at=10)
    with opened(url) as ledger:
        is_writing, may_go_on = writes_wait(ledger)
        ledger.say([said], (0, 0), is_kept=True)
        ledger.keep_update(carrying(said))
        ledger.settle(0)
        saving = threading.Thread(target=ledger.save)
        saving.start()
        assert is_writing.wait(10)
        ledger.refused(carrying(said))
        may_go_on.set()
        saving.join(10)
        assert on_disk(url) == said
        assert ledger.recall("person", "ann") is None
        ledger.save()
        assert ledger.recall("person", "ann") is None
    assert (on_disk(url), waiting_on_disk(url)) == (None, [])


def test_what_is_refused_while_it_is_looked_up_is_not_known_afterwards(url):
    said = fact(at=10)
    with opened(url) as ledger:
        last(ledger, said)
        ledger.keep_update(carrying(said))
        ledger.save()
    with opened(url) as ledger:
        read, meanwhile = ledger._store.fact, [carrying(said)]

        def read_then_refuse(kind, name):
            found = read(kind, name)
            while meanwhile:
                ledger.refused(meanwhile.pop())
                ledger.save()
            return found

        ledger._store.fact = read_then_refuse
        assert ledger.recall("person", "ann") is None
        assert ledger.recall("person", "ann") is None


# A dry run ----------------------------------------------------------------------------------


def test_a_dry_run_keeps_updates_to_itself(url):
    with opened(url, keep=False) as ledger:
        ledger.keep_update(update("ann", 1))
        ledger.keep_update(update("ann", 2))
        ledger.keep_update(update("bob"))
        assert ledger.take_update(ENDPOINT, "ann") == update("ann", 2)
        assert ledger.take_update(ENDPOINT, "ann") is None
        ledger.sent(update("ann", 2))
        assert list(ledger.updates()) == [update("bob")]
    assert waiting_on_disk(url) == []


def test_a_dry_run_does_not_send_what_an_earlier_run_left_behind(url):
    with opened(url) as ledger:
        ledger.keep_update(update())
        ledger.save()
    with opened(url, keep=False) as ledger:
        assert list(ledger.updates()) == []
    assert waiting_on_disk(url) == [update()]


def test_what_a_dry_run_sent_waits_for_no_save(url):
    with opened(url, keep=False) as ledger:
        for number in range(SAVE_AFTER + 1):
            ledger.keep_update(update(str(number)))
            ledger.sent(update(str(number)))
        assert ledger._outbox.to_save == 0
