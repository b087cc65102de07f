"""The books: counted once, whatever is saved when; read beside a run, on both databases."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.ledger import books_writing, days, deliveries
from singer_delivery.ledger.accepted import AcceptedEvent
from singer_delivery.ledger.books import Books, Cell
from singer_delivery.ledger.coverage import Covered, gaps
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.ledger.parked import ParkedEvent
from singer_delivery.model import Delivery

from tests.singer_delivery.ledger.ledgers import accepted

MICROS_A_DAY = 86_400_000_000  # restated
DAY = 19_800
HOUR = DAY * 24


def known(number: int, day: int = DAY) -> Delivery:
    return Delivery.of(f"event {number}", day * MICROS_A_DAY + number)


def it(number: int, name: str = "Play", *, day: int = DAY, hour: int = HOUR, raw: str = "play"):
    return accepted(known(number, day), name, raw, hour)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    server: str = request.getfixturevalue("server")
    return server


@pytest.fixture
def scope(request) -> str:
    return str(abs(hash(request.node.name)))


def run(url: str, scope: str, *saves, **options) -> None:
    """Deliver events, with a save after each of some lots."""
    with closing(Ledger(url, scope, lists=True, **options)) as ledger:
        for events in saves:
            ledger.delivered(events)
            ledger.save()


def read(url: str, scope: str) -> list[Cell]:
    with closing(Books(url, scope)) as books:
        return list(books.cells())


def test_events_are_counted_by_day_and_both_names(url, scope):
    run(
        url,
        scope,
        [it(1), it(2), it(3, "Stop", raw="stop"), it(4, raw="played"), it(5, day=DAY + 1)],
    )
    assert read(url, scope) == [
        Cell(DAY, "Play", "play", 2),
        Cell(DAY, "Play", "played", 1),
        Cell(DAY, "Stop", "stop", 1),
        Cell(DAY + 1, "Play", "play", 1),
    ]
    assert read(url, "another project") == []


def test_what_comes_again_counts_once_in_one_save_in_later_ones_and_in_later_runs(url, scope):
    run(url, scope, [it(1), it(1), it(2)], [it(2), it(3)], [it(1)])
    run(url, scope, [it(3), it(4)], [it(4), it(1, "Stop")])
    assert read(url, scope) == [Cell(DAY, "Play", "play", 4)]


def test_what_was_not_saved_is_counted_when_it_comes_again(url, scope):
    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.delivered([it(1), it(2)])
    assert read(url, scope) == []
    run(url, scope, [it(1), it(2), it(3)])
    assert read(url, scope) == [Cell(DAY, "Play", "play", 3)]


def test_a_save_that_fails_counts_nothing_and_the_next_one_everything(url, scope, monkeypatch):
    def fails(*_: object) -> None:
        msg = "no space"
        raise StorageError(msg)

    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.delivered([it(1), it(2, "Stop", raw="stop")])
        with monkeypatch.context() as patched:
            patched.setattr(ledger._coverage, "write", fails)  # when the books are written
            with pytest.raises(StorageError):
                ledger.save()
        assert read(url, scope) == []
        ledger.delivered([it(3, "Pause", raw="pause"), it(2), it(4)])
        assert ledger.was_delivered(known(2))
        ledger.save()
        ledger.save()
        assert ledger.was_delivered(known(4))
    assert [(cell.name, cell.count) for cell in read(url, scope)] == [
        ("Pause", 1),
        ("Play", 2),
        ("Stop", 1),
    ]


def test_a_save_of_which_nobody_knows_whether_it_came_to_its_end_counts_once(
    url, scope, monkeypatch
):
    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.delivered([it(0)])
        ledger.save()
        write = ledger._store.write

        def whose_answer_is_lost(*of: object) -> None:
            write(*of)
            msg = "the server closed the connection"
            raise StorageError(msg)

        ledger.delivered([it(1), it(2, "Stop"), it(9, day=DAY + 1)])
        with monkeypatch.context() as patched:
            patched.setattr(ledger._store, "write", whose_answer_is_lost)
            with pytest.raises(StorageError):
                ledger.save()
        ledger.delivered([it(3, "Pause"), it(2, "Stop")])
        ledger.save()
        assert ledger.was_delivered(known(1))
    assert [(cell.day, cell.name, cell.count) for cell in read(url, scope)] == [
        (DAY, "Pause", 1),
        (DAY, "Play", 2),
        (DAY, "Stop", 1),
        (DAY + 1, "Play", 1),
    ]


def test_a_second_key_of_an_event_is_listed_and_not_counted(url, scope):
    run(url, scope, [it(1), accepted(known(2))])
    assert read(url, scope) == [Cell(DAY, "Play", "play", 1)]
    with closing(Books(url, scope)) as books:
        assert [*books.keys_of(DAY)] == [known(1).key]
        assert books.hours_of(DAY, {known(1).key, known(2).key}) == {HOUR: 1}
    with closing(Ledger(url, scope, now=lambda: 7.0)) as ledger:
        assert ledger.was_delivered(known(2))


def test_keys_tell_their_name_and_their_hour(url, scope):
    first = [
        it(number, "Play" if number % 2 else "Stop", hour=HOUR + number // 5)
        for number in range(20)
    ]
    run(url, scope, first[:12], first[12:], [it(0), it(30, day=DAY + 1)])
    with closing(Books(url, scope)) as books:
        assert [*books.keys_of(DAY)] == sorted(known(number).key for number in range(20))
        plays = {known(number).key for number in range(1, 20, 2)}
        assert {*books.keys_of(DAY, "Play")} == plays
        assert not books.keys_of(DAY, "Pause")
        assert not books.keys_of(DAY + 2)
        assert books.hours_of(DAY, plays) == {HOUR: 2, HOUR + 1: 3, HOUR + 2: 2, HOUR + 3: 3}
        assert books.hours_of(DAY, [known(0).key, known(99).key]) == {HOUR: 1}
        assert books.hours_of(DAY, []) == {}


def test_a_parked_event_counts_when_it_is_delivered(url, scope):
    event = AcceptedEvent(*known(1), HOUR, "Play", "play")
    parked = ParkedEvent(
        0, "q", ("id",), "/batch", "event", "Play", "events", b"{}", b"", 1, (event,)
    )
    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.park(parked, (0, 0))
        ledger.save()
    assert read(url, scope) == []
    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.unpark(ledger.read_parked("q", 1)[0], is_delivered=True)
        ledger.save()
    assert read(url, scope) == [Cell(DAY, "Play", "play", 1)]


def test_coverage_grows_over_runs_and_shows_its_gaps(url, scope):
    for ranges in ([("2024-03-01T00", "2024-03-01T05")], [("2024-03-01T09", "2024-03-02T00")]):
        with closing(Ledger(url, scope)) as ledger:
            ledger.cover("events", ranges)
            ledger.cover("events", ranges)
            ledger.cover("files", [("a.json.gz", "a.json.gz"), ("c.json.gz", "c.json.gz")])
            ledger.save()
    with closing(Books(url, scope)) as books:
        covered = books.coverage()
    events, files = covered[:2], covered[2:]
    assert events == [
        Covered("events", "2024-03-01T00", "2024-03-01T05"),
        Covered("events", "2024-03-01T09", "2024-03-02T00"),
    ]
    assert [each.start for each in files] == ["a.json.gz", "c.json.gz"]
    assert gaps(covered) == [Covered("events", "2024-03-01T05", "2024-03-01T09")]
    with closing(Ledger(url, scope)) as ledger:
        ledger.cover("events", [("2024-03-01T04", "2024-03-01T09")])
        ledger.save()
    with closing(Books(url, scope)) as books:
        assert books.coverage()[0] == Covered("events", "2024-03-01T00", "2024-03-02T00")
        assert gaps(books.coverage()) == []


def test_any_name_can_be_counted_and_too_many_are_counted_together(url, scope, monkeypatch):
    monkeypatch.setattr(books_writing, "MOST_NAMES", 3)
    names = ["Zoë 🦆 '%s", "x" * 5_000, "a\0b"]
    run(url, scope, [it(number, name, raw=name) for number, name in enumerate(names)])
    run(url, scope, [it(10, "b"), it(11, "c"), it(12, names[0], raw=names[0])])
    cells = {(cell.name, cell.source_name): cell.count for cell in read(url, scope)}
    kept = [name.replace("\0", "\ufffd") if "postgresql" in url else name for name in names]
    assert cells == {**{(n, n): 1 for n in kept[1:]}, (kept[0],) * 2: 2, ("(other names)",) * 2: 2}


def test_books_can_be_read_while_a_run_writes_and_a_dry_run_writes_none(url, scope):
    with closing(Ledger(url, scope, lists=True)) as ledger:
        ledger.delivered([it(1)])
        ledger.save()
        with closing(Books(url, scope)) as books:
            assert [cell.count for cell in books.cells()] == [1]
            ledger.delivered([it(2)])
            ledger.save()
            assert [cell.count for cell in books.cells()] == [2]
    run(url, scope, [it(3)], keep=False)
    assert read(url, scope) == [Cell(DAY, "Play", "play", 2)]


@pytest.mark.parametrize("ask", [lambda books: books.cells(), lambda books: books.keys_of(DAY)])
def test_a_save_in_the_middle_of_a_question_is_in_the_answer_or_not(url, scope, ask, monkeypatch):
    run(url, scope, [it(1)])
    with closing(Books(url, scope)) as books:
        rows, saved = books._rows, []

        def then_more_is_saved(asked):
            found = rows(asked)
            if not saved:
                saved.append(run(url, scope, [it(2, "Stop")]))
            return found

        monkeypatch.setattr(books, "_rows", then_more_is_saved)
        assert len([*ask(books)]) == 1
        assert len([*ask(books)]) == 2


@pytest.mark.parametrize("few", [1, 1_000])
def test_however_days_leave_memory_books_are_what_a_set_would_count(url, scope, few, monkeypatch):
    monkeypatch.setattr(days, "MOST_KEYS", 40)
    monkeypatch.setattr(deliveries, "FEW", few)
    dice, truth, hours = random.Random(few), {}, {}
    for _ in range(4):
        lots = [
            [(dice.randrange(60), DAY + dice.randrange(6)) for _ in range(50)] for _ in range(5)
        ]
        for number, day in [each for lot in lots for each in lot]:
            truth.setdefault((number, day), f"name {number % 7}")
            hours.setdefault((number, day), number)
        run(
            url,
            scope,
            *([it(n, f"name {n % 7}", day=day, hour=n) for n, day in lot] for lot in lots),
        )
    due = Counter((day, name) for (_, day), name in truth.items())
    assert {(cell.day, cell.name): cell.count for cell in read(url, scope)} == due
    with closing(Books(url, scope)) as books:
        keys = books.keys_of(DAY)
        assert sorted(keys) == sorted(known(n, day).key for n, day in truth if day == DAY)
        assert books.hours_of(DAY, keys) == Counter(n for n, day in truth if day == DAY)


def test_without_a_ledger_there_are_no_books(tmp_path):
    with pytest.raises(SettingsError, match="no ledger"):
        Books(f"sqlite:///{tmp_path / 'none.sqlite3'}", "project")
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_ledger_of_before_has_empty_books_and_its_list_goes_on(tmp_path):
    """Its tables are those of the second migration."""
    path = tmp_path / "ledger.sqlite3"
    key = known(1).key.to_bytes(8, "little")
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "CREATE TABLE singer_delivery_migrations (number INTEGER PRIMARY KEY, applied_at TEXT)"
        )
        old.execute("INSERT INTO singer_delivery_migrations VALUES (1, ''), (2, '')")
        old.execute("CREATE TABLE singer_delivery_facts (scope, kind, name, value, at, 'then')")
        old.execute(
            "CREATE TABLE singer_delivery_updates "
            "(scope, endpoint, name, at, kind, event, stream, encoded, message, facts)"
        )
        old.execute(
            "CREATE TABLE singer_delivery_deliveries (scope VARCHAR(64), day INTEGER, number BIGINT"
            ", content BLOB NOT NULL, PRIMARY KEY (scope, day, number))"
        )
        old.execute("CREATE TABLE singer_delivery_runs (scope PRIMARY KEY, saved)")
        old.execute(
            "CREATE TABLE singer_delivery_parked (scope, number, digest, queue, ids, endpoint, kind"
            ", event, stream, encoded, message, records, deliveries, facts)"
        )
        old.execute(
            "INSERT INTO singer_delivery_deliveries VALUES ('project', ?, 1, ?)", (DAY, key)
        )
        old.commit()
    url = f"sqlite:///{path}"
    assert read(url, "project") == []
    run(url, "project", [it(1), it(2)])
    assert read(url, "project") == [Cell(DAY, "Play", "play", 1)]
    with closing(Ledger(url, "project", now=lambda: 7.0)) as ledger:
        assert ledger.was_delivered(known(1))
