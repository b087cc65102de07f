"""What is mapped ahead, on whatever was known then, is what would have been mapped in its turn.

The real worker and the real intake, in this process: a block is mapped when it is given, and so
without what happens until its turn: facts are taken back, records are taken otherwise.
"""

from __future__ import annotations

import marshal
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from singer_delivery.ahead import mirror
from singer_delivery.ahead.intake import Intake
from singer_delivery.ahead.mirror import Mirror
from singer_delivery.ahead.process import AT_ONCE
from singer_delivery.ahead.wire import (
    PLAIN,
    UNMAPPABLE,
    Block,
    Packer,
    Result,
    read_facts,
    read_outcome,
    read_plain,
    said_by,
)
from singer_delivery.ahead.worker import Task, Worker, mapped_line
from singer_delivery.mapping.news import is_news
from singer_delivery.model import Event, Fact, Known, Mapped, Note, Unmappable

Key = tuple[str, str]


class ToyMapping:
    """Asks of the past what real mappings ask: owners, links, what was told, what is inherited."""

    needs_keys = False
    is_pure = True

    def __call__(self, record: dict[str, Any], known: Known) -> Mapped:
        if record["told"] == "unmappable":
            reason = "toy"
            raise Unmappable(reason, "it cannot be mapped")
        device, user, at = record["device"], record["user"], record["at"]
        owner = known.recall("owner", device)
        events, renewed, notes = [], [], []
        if user is not None and owner is None:
            claim = Fact("owner", device, user, at)
            events.append(self._event("link", user, merges=device, claims=(claim,), at=at))
        elif user is not None and owner is not None and owner.value != user:
            notes.append(Note("conflict", f"{device} {owner.value} {user}"))
        person = user or (owner.value if owner is not None else device)
        facts = []
        for kind, name in (("person", person), ("group", record["group"])):
            fact = Fact(kind, name, record["told"], at)
            last = known.recall(kind, name)
            if is_news(last, fact, renewed):
                inherited = known.recall("person", device) if last is None else None
                notes.append(Note("news", f"{kind} {name} {inherited}"))
                if fact.value != "nothing":  # news, but there is nothing to say
                    facts.append(fact)
        events.append(self._event("event", person, facts=tuple(facts), at=at))
        return Mapped(tuple(events), None, tuple(notes), tuple(renewed))

    def _event(self, kind: str, person: str, *, at: int, **fields: Any) -> Event:
        return Event("toy", kind, kind, person, at, {"kind": kind, "person": person}, **fields)


class ToyEncoder:
    def encode(self, event: Event) -> bytes:
        return orjson.dumps(event.body)


@dataclass
class Truth:
    """What is known in turn, as the ledger knows it; `disk` is what was saved."""

    facts: dict[Key, Fact] = field(default_factory=dict)
    disk: dict[Key, Fact] = field(default_factory=dict)
    untrue: set[Key] = field(default_factory=set)

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.facts.get((kind, name))

    def read(self, kind: str, name: str) -> Fact | None:
        return self.disk.get((kind, name))

    def in_memory(self) -> dict[Key, Fact]:
        return {key: fact for key, fact in self.facts.items() if self.disk.get(key) != fact}

    def agrees(self, key: Key, on_disk: Fact | None) -> bool:
        return self.facts.get(key) == on_disk

    def taken_back(self) -> set[Key]:
        untrue, self.untrue = self.untrue, set()
        return untrue

    def renew(self, facts: Any) -> None:
        for fact in facts:
            known = self.facts.get(fact[:2])
            if known is not None and known.value == fact.value and known.at < fact.at:
                self.facts[fact[:2]] = fact

    def take(self, mapped: Mapped) -> None:
        self.renew(mapped.renewed)
        self.facts.update({fact[:2]: fact for fact in said_by(mapped.events)})

    def take_back(self, kind: str, name: str) -> None:
        """Forget a fact, as the ledger does when the event that tells it is refused."""
        if self.facts.pop((kind, name), None):
            self.disk.pop((kind, name), None)
            self.untrue.add((kind, name))

    def save(self) -> None:
        self.disk = dict(self.facts)


class ToyDesk:
    """Writes down what it takes, and remembers what it says."""

    def __init__(self, worker: Worker, truth: Truth) -> None:
        self._task = Task(ToyMapping(), {"toy": ToyEncoder()}, "toy")
        worker.learn(self._task)
        self._truth = truth
        self.task = 0
        self.taken: list[Any] = []
        self.taken_otherwise = 0

    def take(self, lines: list[bytes], result: Result) -> None:
        for line, row in zip(lines, result.rows, strict=True):
            if len(row) == PLAIN:
                event, encoded = read_plain(row, result.heads)
                self._take(line, Mapped((event,)), [encoded])
            elif len(row) == UNMAPPABLE:
                self.taken.append((line, *row))
            else:
                self._take(line, *read_outcome(row, result.heads))
        self._truth.renew(read_facts(result.renewed))

    def map_here(self, line: bytes) -> list[Fact]:
        try:
            mapped, encoded = mapped_line(line, self._task, self._truth)
        except Unmappable as error:
            self.taken.append((line, error.reason, error.detail))
            return []
        self._take(line, mapped, encoded)
        return [*said_by(mapped.events), *mapped.renewed]

    def _take(self, line: bytes, mapped: Mapped, encoded: list[bytes]) -> None:
        self._truth.take(mapped)
        said = [
            (e.kind, e.name, e.person, e.at, e.merges, e.claims, e.facts) for e in mapped.events
        ]
        self.taken.append((line, said, mapped.skipped, mapped.notes, encoded))


class ToyMapper:
    """Maps a block when it is given; comes up when it was asked so often whether it is."""

    def __init__(self, worker: Worker, ready_after: int) -> None:
        self._worker = worker
        self._ready_after = ready_after
        self._results: deque[Result] = deque()

    @property
    def is_ready(self) -> bool:
        self._ready_after -= 1
        return self._ready_after < 0

    @property
    def is_full(self) -> bool:
        return len(self._results) >= AT_ONCE

    def give(self, block: Block) -> None:
        given = Block(*marshal.loads(marshal.dumps(tuple(block), 2)))
        made = self._worker.work(given)
        self._results.append(Result(*marshal.loads(marshal.dumps(made, 2))))

    def take(self) -> Result:
        return self._results.popleft()

    def close(self) -> None:
        return None


few = st.sampled_from
"""Few of everything, so that all of it meets; a user has a device's id, another is not clean."""

records = st.fixed_dictionaries({
    "device": few(["d1", "d2", "d3"]),
    "user": few([None, "u1", "d1", "u1\0"]),
    "at": st.integers(0, 4),
    "told": few(["a", "b", "nothing"]) | few(["a", "b", "unmappable"]),
    "group": few(["g1", "g2"]),
})  # fmt: skip
blocks = st.lists(records, min_size=1, max_size=5)
refusals = few([("owner", "d1"), ("person", "u1"), ("person", "d1"), ("group", "g1")])
steps = st.lists(
    st.tuples(st.just("block"), blocks)
    | st.tuples(st.just("refused"), refusals)
    | st.tuples(st.just("otherwise"), records)
    | st.tuples(st.just("save"), st.none()),
    max_size=14,
)


def row(device, user, at, told):
    columns = {"device": device, "user": user, "at": at, "told": told}
    return {**columns, "group": "g1"}


ANOTHER_PERSON = [
    ("block", [row("d1", None, 0, "a")]),
    ("block", [row("d1", "u1", 1, "a")]),
    ("refused", ("owner", "d1")),
    ("block", [row("d1", None, 2, "b")]),  # under way as if of u1, but of d1
    ("block", [row("d1", None, 3, "b")]),
]


def as_lines(rows):
    return [orjson.dumps(row) for row in rows]


def in_turn(what) -> tuple[list[Any], Truth]:
    """Take everything one after the other, as a run without a second process does."""
    truth = Truth()
    desk = ToyDesk(Worker(Mirror(truth.read)), truth)
    for kind, content in what:
        if kind == "refused":
            truth.take_back(*content)
        elif kind != "save":
            for line in as_lines(content if kind == "block" else [content]):
                desk.map_here(line)
    return desk.taken, truth


def ahead(what, ready_after=0) -> tuple[list[Any], Truth, Intake]:
    """Take blocks as they were mapped ahead, and do the rest where it stands between them."""
    truth = Truth()
    worker = Worker(Mirror(truth.read))
    desk = ToyDesk(worker, truth)
    intake = Intake(ToyMapper(worker, ready_after), truth)
    for kind, content in what:
        if kind == "block":
            intake.give(desk, as_lines(content))
        elif kind == "refused":
            intake.then(lambda content=content: truth.take_back(*content))
        elif kind == "save":
            truth.save()  # whenever: what is in memory and what is on disk makes no difference
        else:
            intake.drain()
            desk.map_here(*as_lines([content]))
            desk.taken_otherwise += 1
    intake.drain()
    return desk.taken, truth, intake


@settings(
    max_examples=1_500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(ANOTHER_PERSON, 5, 0)
@given(steps, st.integers(1, 5), st.integers(0, 2))
def test_what_is_mapped_ahead_is_what_would_be_mapped_in_turn(
    monkeypatch, what, known, ready_after
):
    monkeypatch.setattr(mirror, "KNOWN", known)  # so that it forgets, and looks on disk again

    expected, truth = in_turn(what)
    taken, found, _ = ahead(what, ready_after)

    assert taken == expected
    assert found.facts == truth.facts


def test_what_is_renewed_is_written_down_once_and_before_what_takes_its_place():
    packer = Packer()
    renewed = [Fact("person", name, "a", at) for at in (1, 2, 3) for name in ("ann", "bob")]
    event = Event("toy", "event", "event", "ann", 4, {})
    for fact in renewed:
        packer.add(Mapped((event,), renewed=(fact,)), [b"{}"])
    said = replace(event, facts=(Fact("person", "ann", "b", 4),))
    packer.add(Mapped((said,)), [b"{}"])
    packer.add(Mapped((event,), renewed=(Fact("person", "ann", "b", 5),)), [b"{}"])

    result = Result(*packer.result([]))

    changed, _ = read_outcome(result.rows[6], result.heads)
    assert changed.renewed == (Fact("person", "ann", "a", 3),)
    assert sorted(result.renewed) == [("person", "ann", "b", 5), ("person", "bob", "a", 3)]


def rows(count):
    return [
        {
            "device": f"d{n % 7}",
            "user": f"u{n % 7}",
            "at": n,
            "told": "a",
            "group": "g",
        }
        for n in range(count)
    ]


def test_what_is_mapped_ahead_is_not_mapped_again():
    what = [("block", rows(400)[start : start + 20]) for start in range(0, 400, 20)]
    _, truth, intake = ahead(what)
    assert intake.remapped == 0
    assert truth.facts["person", "u0"].at == 399


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_what_is_under_way_when_a_fact_is_taken_back_is_mapped_again_and_no_more(start):
    what = [("block", rows(400)[at : at + 20]) for at in range(0, 400, 20)]
    what.insert(start // 20 + 1, ("refused", ("person", "u1")))
    *_, intake = ahead(what)
    assert 0 < intake.remapped <= AT_ONCE * 20


def test_the_mapper_learns_what_was_taken_otherwise():
    what = [("otherwise", each) for each in rows(50)]
    what += [("block", rows(400)[start : start + 20]) for start in range(60, 400, 20)]
    *_, intake = ahead(what)
    assert intake.remapped == 0
