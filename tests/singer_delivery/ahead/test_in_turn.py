"""What is mapped ahead, on whatever was known then, is what would have been mapped in its turn.

The real worker and the real intake, with a pool in this process: each worker maps its part of a
block when the block is given, and so knows nothing of what the blocks before it will prove to say.
"""

from __future__ import annotations

import marshal
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.ahead.assuming import Assuming
from singer_delivery.ahead.intake import Intake
from singer_delivery.ahead.pool import AT_ONCE, Result
from singer_delivery.ahead.wire import Block
from singer_delivery.ahead.worker import Task, Worker, mapped_line
from singer_delivery.events import Event, Fact, Known, Mapped, Note, Unmappable
from singer_delivery.sources.news import is_news

Key = tuple[str, str]


class ToyMapping:
    """Asks of the past what real mappings ask: owners, links, what was told, what is inherited."""

    needs_keys = False

    def whose(self, line: bytes) -> bytes:
        return orjson.loads(line)["device"].encode()

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
            last = known.last_told(kind, name, None if record["hides"] else fact.value, at)
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
class Memory:
    """What is known in turn, as the ledger knows it; `disk` is what was saved."""

    facts: dict[Key, Fact] = field(default_factory=dict)
    disk: dict[Key, Fact] = field(default_factory=dict)

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.facts.get((kind, name))

    def last_told(self, kind: str, name: str, value: str | None, at: int) -> Fact | None:
        return self.facts.get((kind, name))

    def read(self, kind: str, name: str) -> Fact | None:
        return self.disk.get((kind, name))

    def take(self, mapped: Mapped) -> None:
        for fact in mapped.renewed:
            known = self.facts.get(fact[:2])
            if known is None or known.at < fact.at:
                self.facts[fact[:2]] = fact
        for event in mapped.events:
            self.facts.update({fact[:2]: fact for fact in (*event.claims, *event.facts)})

    def save(self) -> None:
        self.disk = dict(self.facts)


@dataclass
class ToyDesk:
    """Writes down what it takes, and remembers what it says."""

    task: Task
    memory: Memory
    taken: list[Any] = field(default_factory=list)
    saves: set[int] = field(default_factory=set)

    def message_of(self, line: bytes) -> bytes:
        return line

    def whose(self, line: bytes) -> bytes:
        return ToyMapping().whose(line)

    def map_now(self, line: bytes, known: Known) -> tuple[Mapped, list[bytes]]:
        return mapped_line(line, self.task, known)

    def take_mapped(self, message: bytes, mapped: Mapped, encoded: list[bytes]) -> None:
        self.memory.take(mapped)
        said = [
            (e.kind, e.name, e.person, e.at, e.merges, e.claims, e.facts) for e in mapped.events
        ]
        self.taken.append((message, said, mapped.skipped, mapped.notes, encoded))
        if len(self.taken) in self.saves:
            self.memory.save()

    def take_unmappable(self, message: bytes, error: Unmappable) -> None:
        self.taken.append((message, error.reason, error.detail))


class ToyPool:
    """Workers that map a block when it is given."""

    def __init__(self, task: Task, count: int, memory: Memory) -> None:
        self.count = count
        self._workers = [Worker(task, Assuming(memory.read)) for _ in range(count)]
        self._news: list[list[Any]] = [[] for _ in range(count)]
        self._results: deque[list[Result]] = deque()

    @property
    def is_full(self) -> bool:
        return len(self._results) >= AT_ONCE

    def give(self, parts: list[list[bytes]]) -> None:
        results = []
        for number, (worker, lines) in enumerate(zip(self._workers, parts, strict=True)):
            made = worker.work(Block(self._news[number], lines))
            results.append(Result(*marshal.loads(marshal.dumps(made, 2))))
            self._news[number] = []
        self._results.append(results)

    def take(self) -> list[Result]:
        return self._results.popleft()

    def tell(self, facts: list[Any], *, but: int | None = None) -> None:
        for number in range(self.count):
            if number != but:
                self._news[number] += facts

    def correct(self, number: int, facts: list[Any]) -> None:
        self._news[number] += facts

    def close(self) -> None:
        return None


few = st.sampled_from
"""Few of everything, so that all of it meets; a user has a device's id."""

records = st.fixed_dictionaries({
    "device": few(["d1", "d2", "d3"]),
    "user": few([None, "u1", "d1"]),
    "at": st.integers(0, 4),
    "told": few(["a", "b", "nothing"]) | few(["a", "b", "unmappable"]),
    "group": few(["g1", "g2"]),
    "hides": st.booleans(),
})  # fmt: skip


def take_in_turn(desk: ToyDesk, line: bytes) -> None:
    try:
        desk.take_mapped(line, *desk.map_now(line, desk.memory))
    except Unmappable as error:
        desk.take_unmappable(line, error)


def in_turn(lines: list[bytes], task: Task) -> tuple[list[Any], Memory]:
    desk = ToyDesk(task, Memory())
    for line in lines:
        take_in_turn(desk, line)
    return desk.taken, desk.memory


@settings(max_examples=2_500, deadline=None)
@given(
    st.lists(records, max_size=24),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sets(st.integers(0, 24), max_size=3),
)
def test_what_is_mapped_ahead_is_what_would_be_mapped_in_turn(rows, at_once, count, saves):
    lines = [orjson.dumps({**row, "number": number}) for number, row in enumerate(rows)]
    task = Task(ToyMapping(), {"toy": ToyEncoder()}, "", "", keep=False, service="toy")
    expected, truth = in_turn(lines, task)

    memory = Memory()
    desk = ToyDesk(task, memory, saves=saves)
    intake = Intake(ToyPool(task, count, memory), memory, desk)  # type: ignore[arg-type]
    marks = []
    for start in range(0, len(lines), at_once):
        intake.give(lines[start : start + at_once])
        intake.then(lambda: marks.append(len(desk.taken)))
    intake.drain()

    assert desk.taken == expected
    assert memory.facts == truth.facts
    assert marks == [min(end, len(lines)) for end in range(at_once, len(lines) + at_once, at_once)]


def test_what_is_known_is_mapped_ahead_and_not_again():
    rows = [
        {
            "device": f"d{n % 7}",
            "user": f"u{n % 7}",
            "at": n,
            "told": "a",
            "group": "g",
            "hides": False,
        }
        for n in range(400)
    ]
    lines = [orjson.dumps(row) for row in rows]
    task = Task(ToyMapping(), {"toy": ToyEncoder()}, "", "", keep=False, service="toy")
    memory = Memory()
    intake = Intake(ToyPool(task, 2, memory), memory, ToyDesk(task, memory))  # type: ignore[arg-type]
    for start in range(0, 400, 20):
        intake.give(lines[start : start + 20])
    intake.drain()
    assert intake.remapped < 25
