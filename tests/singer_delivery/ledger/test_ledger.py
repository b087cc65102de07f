from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.ledger.facts import CACHED, SAVE_AFTER, Ledger
from singer_delivery.ledger.tables import MIGRATIONS
from singer_delivery.ledger.updates import Update
from singer_delivery.model import Fact

from tests.singer_delivery.disks import full_disk
from tests.singer_delivery.toys import restless_threads, within

SECRET = "someone@example.com"
UPDATE = Update("/engage", "ann", 20, "person", "$set", "events", b"{}", b"{}", "[]")


def fact(name: str = "ann", value: str = "v1", at: int = 1) -> Fact:
    return Fact("person", name, value, at)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@contextmanager
def opened(url: str, scope: str = "project", *, keep: bool = True) -> Iterator[Ledger]:
    ledger = Ledger(url, scope, keep=keep)
    try:
        yield ledger
    finally:
        ledger.close()


def on_disk(url: str, name: str = "ann", scope: str = "project") -> Fact | None:
    """Return what a second ledger, with its own connection, reads."""
    with opened(url, scope) as other:
        return other.recall("person", name)


# What is recalled ---------------------------------------------------------------------------


def test_what_nobody_said_is_unknown(url):
    with opened(url) as ledger:
        assert ledger.recall("person", "ann") is None
        assert ledger.recall("person", "ann") is None  # from memory, this time


def test_what_was_said_is_known_at_once(url):
    with opened(url) as ledger:
        ledger.recall("person", "ann")  # remembered as unknown
        ledger.expect([fact()])
        ledger.claim([fact("bob")])
        assert ledger.recall("person", "ann") == fact()
        assert ledger.recall("person", "bob") == fact("bob")


def test_kinds_are_apart(url):
    with opened(url) as ledger:
        ledger.expect([fact()])
        assert ledger.recall("group", "ann") is None


def test_the_last_word_counts_over_what_is_on_disk(url):
    with opened(url) as ledger:
        ledger.expect([fact()])
        ledger.confirm([fact()])
        ledger.save()
        ledger.expect([fact(value="v2", at=2)])
        assert ledger.recall("person", "ann") == fact(value="v2", at=2)


def test_a_run_knows_what_an_earlier_run_saved(url):
    with opened(url) as ledger:
        ledger.expect([fact()])
        ledger.confirm([fact()])
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


def test_what_is_only_expected_never_lasts(url):
    with opened(url) as ledger:
        ledger.expect([fact()])
        ledger.save_claims()
        ledger.save()
    assert on_disk(url) is None


def test_what_was_delivered_lasts_after_a_save(url):
    with opened(url) as ledger:
        ledger.expect([fact()])
        ledger.confirm([fact()])
        assert on_disk(url) is None
        ledger.save()
        assert on_disk(url) == fact()


@pytest.mark.parametrize("others", [0, CACHED, 3 * CACHED])
@pytest.mark.parametrize("is_known_of_old", [False, True])
def test_what_is_confirmed_late_is_not_known_in_place_of_what_was_saved_since(
    url, is_known_of_old, others
):
    early, late = fact(value="v1", at=10), fact(value="v2", at=20)
    with opened(url) as ledger:
        if is_known_of_old:
            ledger.claim([fact(value="v0", at=1)])
            ledger.save()
            recall_others(ledger, CACHED)
            assert ledger.recall("person", "ann") == fact(value="v0", at=1)
        ledger.expect([early])
        ledger.defer(UPDATE, [late])
        ledger.save()
        recall_others(ledger, others)
        assert ledger.recall("person", "ann") == late
        ledger.confirm([early])
        assert ledger.recall("person", "ann") == late
        ledger.save()
        assert ledger.recall("person", "ann") == late
    assert on_disk(url) == late


def recall_others(ledger: Ledger, how_many: int) -> None:
    for number in range(how_many):
        ledger._put_in_cache(("person", str(number)), None)


def test_many_delivered_facts_are_saved_without_being_asked(url):
    facts = [fact(str(n)) for n in range(SAVE_AFTER)]
    with opened(url) as ledger:
        ledger.confirm(facts[:-1])
        assert on_disk(url, "0") is None
        ledger.confirm(facts[-1:])
        assert on_disk(url, "0") == facts[0]


def test_a_newer_fact_takes_the_place_of_the_older_on_disk(url):
    for value in ("v1", "v2"):
        with opened(url) as ledger:
            ledger.confirm([fact(value=value)])
            ledger.save()
    assert on_disk(url) == fact(value="v2")


@pytest.mark.parametrize(
    ("name", "value", "at"),
    [("Zoë\x1f\n'\";--", "", -(10**15)), ("x" * 5_000, "y" * 50_000, 10**17), ("🦆", "%s :a", 0)],
)
def test_any_text_comes_back_as_it_was(url, name, value, at):
    said = Fact("person", name, value, at)
    with opened(url) as ledger:
        ledger.confirm([said])
        ledger.save()
    assert on_disk(url, name) == said


# What is taken back -------------------------------------------------------------------------


def test_a_rejected_fact_is_forgotten(url):
    with opened(url) as ledger:
        said = fact()
        ledger.expect([said])
        ledger.retract([said])
        assert ledger.recall("person", "ann") is None


@pytest.mark.parametrize("saved", [False, True])
def test_what_is_left_is_the_fact_delivered_before(url, saved):
    first, second = fact(value="v1"), fact(value="v2")
    with opened(url) as ledger:
        ledger.expect([first])
        ledger.expect([second])
        ledger.confirm([first])
        if saved:
            ledger.save()
        ledger.retract([second])
        assert ledger.recall("person", "ann") == first
        ledger.save()
    assert on_disk(url) == first


def test_what_is_left_may_be_delivered_later(url):
    first, second = fact(value="v1"), fact(value="v2")
    with opened(url) as ledger:
        ledger.expect([first])
        ledger.expect([second])
        ledger.retract([second])
        ledger.confirm([first])
        assert ledger.recall("person", "ann") == first


def test_a_newer_word_outlives_the_rejection_of_an_older(url):
    first, second = fact(value="v1"), fact(value="v2")
    with opened(url) as ledger:
        ledger.expect([first])
        ledger.expect([second])
        ledger.retract([first])
        assert ledger.recall("person", "ann") == second


# Ground truth of the next test: the rules of the module's docstring, played on plain lists.
STEPS = st.lists(
    st.tuples(st.sampled_from(["deliver", "reject", "save", "recall"]), st.sampled_from("abc")),
    max_size=40,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_after_any_run_the_disk_holds_the_last_delivered_fact_of_each(tmp_path_factory, steps):
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'l.sqlite3'}"
    delivered: dict[str, Fact] = {}
    with opened(url) as ledger:
        for at, (step, name) in enumerate(steps):
            said = fact(name, f"value {at}", at)
            if step in {"deliver", "reject"}:
                ledger.expect([said])
                assert ledger.recall("person", name) == said
            if step == "deliver":
                ledger.confirm([said])
                delivered[name] = said
            elif step == "reject":
                ledger.retract([said])
            elif step == "save":
                ledger.save()
            assert ledger.recall("person", name) == delivered.get(name)
        ledger.save()
    with opened(url) as ledger:
        assert {n: ledger.recall("person", n) for n in "abc"} == {
            n: delivered.get(n) for n in "abc"
        }


def test_the_cache_forgets_nothing_that_is_not_on_disk(url):
    with opened(url) as ledger:
        ledger.expect([fact("kept")])
        ledger.confirm([fact(str(n)) for n in range(CACHED + 10)])
        ledger.save()
        assert len(ledger._cache) <= CACHED
        assert ledger.recall("person", "kept") == fact("kept")
        assert ledger.recall("person", "0") == fact("0")  # out of memory, back from disk


# A dry run ----------------------------------------------------------------------------------


def test_a_dry_run_makes_no_file(url, tmp_path):
    with opened(url, keep=False) as ledger:
        ledger.claim([fact()])
        ledger.save_claims()
        ledger.confirm([fact("bob")])
        ledger.save()
        assert ledger.recall("person", "ann") == fact()
        assert ledger.recall("person", "bob") == fact("bob")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_reads_the_ledger_and_leaves_it_as_it_is(url):
    with opened(url) as ledger:
        ledger.confirm([fact()])
        ledger.save()
    with opened(url, keep=False) as ledger:
        assert ledger.recall("person", "ann") == fact()
        ledger.confirm([fact(value="v2"), fact("bob")])
        ledger.save()
        assert ledger.recall("person", "ann") == fact(value="v2")
    assert on_disk(url) == fact()
    assert on_disk(url, "bob") is None


# The file -----------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_alone(url, tmp_path):
    with opened(url) as ledger:
        ledger.claim([fact()])
        ledger.save()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "ledger.sqlite3" in modes


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
    told = str(caught.value)
    assert "free disk space" in told
    assert SECRET not in told
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("save", [Ledger.save_claims, Ledger.save])
def test_what_could_not_be_saved_is_still_to_be_saved(url, save):
    claims = [fact(f"ann-{n}", "v" * 1_000) for n in range(1_000)]
    with opened(url) as ledger:
        ledger.claim(claims)
        with full_disk(100_000), pytest.raises(StorageError):
            save(ledger)
        assert on_disk(url, "ann-0") is None
        save(ledger)
        assert on_disk(url, "ann-0") == claims[0]
        assert ledger.recall("person", "ann-999") == claims[999]


def test_confirmed_facts_outlive_a_full_disk(url):
    facts = [fact(f"ann-{n}", "v" * 1_000) for n in range(1_000)]
    with opened(url) as ledger:
        ledger.confirm(facts)
        with full_disk(100_000), pytest.raises(StorageError):
            ledger.save()
        ledger.save()
    assert on_disk(url, "ann-7") == facts[7]


# Several at once ----------------------------------------------------------------------------


def test_many_may_open_a_new_ledger_at_once(url):
    failed: list[Exception] = []
    barrier = threading.Barrier(8)

    def open_it() -> None:
        barrier.wait()
        try:
            with opened(url):
                pass
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []


def test_one_thread_asks_while_others_save(url):
    names = [f"p{n}" for n in range(20)]

    def deliver(ledger: Ledger, share: list[str]) -> None:
        for at in range(1, 30):
            said = [fact(name, f"v{at}", at) for name in share]
            ledger.expect(said)
            ledger.confirm(said)
            ledger.save()

    def ask(ledger: Ledger, done: threading.Event) -> None:
        seen = dict.fromkeys(names, 0)
        while not done.is_set():
            for name in names:
                known = ledger.recall("person", name)
                at = known.at if known else 0
                assert at >= seen[name], "what is known never grows older"
                seen[name] = at

    def run() -> None:
        with opened(url) as ledger, restless_threads():
            done = threading.Event()
            threads = [
                threading.Thread(target=deliver, args=(ledger, names[n::2])) for n in range(2)
            ]
            for thread in threads:
                thread.start()
            watch = threading.Thread(target=lambda: [t.join() for t in threads] and done.set())
            watch.start()
            ask(ledger, done)
            assert {ledger.recall("person", name).at for name in names} == {29}

    within(run)


class Interfering(Ledger):
    """Lets a newer fact be saved at the moment the older was read from disk."""

    meanwhile = None

    def __init__(self, url: str) -> None:
        super().__init__(url, "project")
        read = self._database.read

        def read_then_interfere(kind: str, name: str) -> Fact | None:
            found = read(kind, name)
            if self.meanwhile is not None:
                self.confirm([self.meanwhile])
                self.save()
            return found

        self._database.read = read_then_interfere


def test_a_fact_saved_while_an_older_is_read_is_the_one_that_is_known(url):
    with opened(url) as ledger:
        ledger.confirm([fact(value="old")])
        ledger.save()
    ledger = Interfering(url)
    ledger.meanwhile = fact(value="new", at=2)
    assert ledger.recall("person", "ann") == ledger.meanwhile
    assert ledger.recall("person", "ann") == ledger.meanwhile
    ledger.close()


def test_the_rejection_of_one_leaves_the_same_said_again_later(url):
    first, between, again = fact(value="A"), fact(value="B", at=2), fact(value="A", at=3)
    with opened(url) as ledger:
        for said in (first, between, again):
            ledger.expect([said])
        ledger.retract([first])
        assert ledger.recall("person", "ann") == again
        ledger.confirm([between])
        assert ledger.recall("person", "ann") == again
        ledger.confirm([again])
        assert ledger.recall("person", "ann") == again
        ledger.save()
        assert ledger.recall("person", "ann") == again
    assert on_disk(url) == again


def test_the_delivery_of_one_does_not_make_the_same_last_that_is_still_in_the_air(url):
    first, between, again = fact(value="A"), fact(value="B", at=2), fact(value="A", at=3)
    with opened(url) as ledger:
        for said in (first, between, again):
            ledger.expect([said])
        ledger.confirm([first])
        ledger.save()
    assert on_disk(url) == first


# What is renewed ----------------------------------------------------------------------------


def test_what_is_renewed_holds_at_the_later_time(url):
    with opened(url) as ledger:
        ledger.expect([fact(at=1)])
        ledger.confirm([fact(at=1)])
        ledger.renew([fact(at=5)])
        assert ledger.recall("person", "ann") == fact(at=5)
        ledger.save()
    assert on_disk(url) == fact(at=5)


def test_a_renewal_lasts_no_sooner_than_what_it_renews(url):
    with opened(url) as ledger:
        ledger.expect([fact(at=1)])
        ledger.renew([fact(at=5)])
        ledger.save()
        assert on_disk(url) is None

        ledger.confirm([fact(at=1)])
        ledger.save()
    assert on_disk(url) == fact(at=5)


def test_what_is_not_known_any_more_is_not_renewed(url):
    with opened(url) as ledger:
        ledger.expect([fact(at=1), fact("bob", at=1)])
        ledger.confirm([fact("bob", at=1)])
        ledger.save()
        ledger.retract([fact(at=1)])
        ledger.expect([fact("bob", "v2", at=2)])
        ledger.renew([fact(at=5), fact("bob", at=5)])
        assert ledger.recall("person", "ann") is None
        assert ledger.recall("person", "bob") == fact("bob", "v2", at=2)


def test_what_is_renewed_may_be_on_disk_alone(url):
    with opened(url) as ledger:
        ledger.claim([fact(at=1)])
        ledger.save()
    with opened(url) as ledger:
        ledger.renew([fact(at=5)])
        assert ledger.recall("person", "ann") == fact(at=5)


def test_of_the_same_instant_the_greater_outlasts_what_is_confirmed_late(url):
    early, late = fact(value="v1", at=10), fact(value="v2", at=10)
    with opened(url) as ledger:
        ledger.expect([early])
        ledger.expect([late])
        ledger.confirm([late])
        ledger.save()
        ledger.confirm([early])
        assert ledger.recall("person", "ann") == late
        ledger.save()
    assert on_disk(url) == late


@pytest.mark.parametrize("others", [0, CACHED // 2])
def test_what_was_read_from_the_disk_is_held_against_what_is_known(url, others):
    with opened(url) as ledger:
        ledger.claim([fact("bob"), fact("cid", at=1)])
        ledger.expect([fact("dan")])
        ledger.save()
        ledger.claim([fact("cid", at=2)])
        recall_others(ledger, others)
        agreed = {
            (name, on_disk and on_disk.at): ledger.agrees(("person", name), on_disk)
            for name, on_disk in [
                ("ann", None),
                ("bob", None),
                ("bob", fact("bob")),
                ("cid", fact("cid", at=1)),
                ("dan", None),
            ]
        }
    assert agreed == {
        ("ann", None): True,
        ("bob", None): False,  # it was saved since
        ("bob", 1): True,
        ("cid", 1): False,  # it is not saved yet
        ("dan", None): False,
    }


def test_what_was_read_from_the_disk_is_known_then(url):
    with opened(url) as ledger:
        assert ledger.agrees(("person", "ann"), fact(at=5))
        assert ledger.recall("person", "ann") == fact(at=5)


def test_after_a_save_too_great_for_the_cache_nothing_read_before_it_counts(url):
    names = [str(number) for number in range(CACHED)]
    with opened(url) as ledger:
        ledger.claim(fact(name) for name in names)
        ledger.save()
        assert ledger.taken_back() == {("person", name) for name in names}


def test_what_is_taken_back_is_told_once(url):
    with opened(url) as ledger:
        ledger.expect([fact(), fact("bob")])
        assert ledger.taken_back() == set()
        ledger.retract([fact()])
        assert ledger.taken_back() == {("person", "ann")}
        assert ledger.taken_back() == set()
        ledger.refused(UPDATE._replace(facts='[["person", "bob", "v1", 1]]'))
        assert ledger.taken_back() == {("person", "bob")}


def test_what_is_in_memory_is_what_the_disk_may_lack(url):
    with opened(url) as ledger:
        ledger.claim([fact(at=1)])
        ledger.expect([fact("bob")])
        ledger.save()
        ledger.expect([fact(at=2)])
        known = ledger.in_memory()
        assert known["person", "ann"] == fact(at=2)
        assert known["person", "bob"] == fact("bob")


def test_what_renews_a_rejected_fact_is_forgotten_with_it(url):
    with opened(url) as ledger:
        ledger.expect([fact(at=1)])
        ledger.renew([fact(at=5)])
        ledger.retract([fact(at=1)])
        assert ledger.recall("person", "ann") is None


@dataclass
class Words:
    """Ground truth: what was said of Ann and not rejected, in order, each at its latest time."""

    ledger: Ledger
    said: list[list[Any]] = field(default_factory=list)
    in_the_air: list[tuple[Fact, list[Any]]] = field(default_factory=list)

    @property
    def last(self) -> Fact | None:
        return fact(value=self.said[-1][0], at=self.said[-1][1]) if self.said else None

    def _say(self, at: int) -> Fact:
        """Say something else than last time; it may have been said before."""
        value = f"v{at % 2}"
        if self.last is not None and value == self.last.value:
            value = f"v{2 + at % 2}"
        self.said.append([value, at])
        return fact(value=value, at=at)

    def tell(self, at: int) -> None:
        told = self._say(at)
        self.in_the_air.append((told, self.said[-1]))
        self.ledger.expect([told])

    def defer(self, at: int) -> None:
        self.ledger.defer(UPDATE._replace(at=at), [self._say(at)])

    def renew(self, at: int) -> None:
        if self.last is not None:
            self.said[-1][1] = at
            self.ledger.renew([self.last])

    def deliver(self, which: int) -> None:
        if self.in_the_air:
            told, _ = self.in_the_air.pop(which % len(self.in_the_air))
            self.ledger.confirm([told])

    def reject(self, which: int) -> None:
        if self.in_the_air:
            told, word = self.in_the_air.pop(which % len(self.in_the_air))
            self.ledger.retract([told])
            self.said = [each for each in self.said if each is not word]

    def save(self, _at: int) -> None:
        self.ledger.save()


STEPS_OF_WORDS = st.sampled_from([
    Words.tell, Words.defer, Words.renew, Words.deliver, Words.reject, Words.save
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS_OF_WORDS, max_size=12))
@example([Words.tell, Words.defer, Words.renew, Words.save, Words.deliver])
@example([Words.tell, Words.defer, Words.renew, Words.save, Words.reject])
@example([Words.tell, Words.renew, Words.tell, Words.deliver, Words.reject])
@example([*2 * [Words.save], *3 * [Words.tell], Words.deliver, Words.reject])  # the last, the first
def test_the_last_word_that_was_not_rejected_is_known_and_lasts(tmp_path_factory, steps):
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'l.sqlite3'}"
    with opened(url) as ledger:
        words = Words(ledger)
        for at, step in enumerate(steps):
            step(words, at)
            assert ledger.recall("person", "ann") == words.last
        while words.in_the_air:
            words.deliver(0)
        ledger.save()
    assert on_disk(url) == words.last
