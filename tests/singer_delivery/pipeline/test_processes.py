"""Records come to the same through other processes and through none: events, report, ledger.

Also after a refusal, in a second run, and when a run is abandoned anywhere and started again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.errors import Interrupted
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Effects, Fact, Unmappable
from singer_delivery.pipeline import blocks
from singer_delivery.pipeline.blocks import Block, Input
from singer_delivery.pipeline.packing import LANES, Tasks, lane_of
from singer_delivery.pipeline.report import StreamCounts
from singer_delivery.pipeline.run import Run
from singer_delivery.pipeline.workers import Workers, map_here

from tests.examples import examples, first_of
from tests.singer_delivery.pipeline.runs import Scene, Service, lines_of, take
from tests.singer_delivery.toys import ToyEndpoint, ToyMapping, plain, within

PEOPLE = ("ann", "bob", "cyn", "device-1", "device-2")
Row = dict[str, Any]


def endpoints(url: str = "") -> dict[str, Endpoint]:
    packed = ToyEndpoint(limits=Limits(8, 2_000), url=url)
    people = plain("people", Limits(5, 2_000))
    people.url = url
    return {"toy": packed, "people": people}


# Block by block, with processes that stay ---------------------------------------------------

few = st.sampled_from
rows = st.fixed_dictionaries(
    {"events": st.lists(st.integers(0, 9_999), max_size=4)},
    optional={
        "person": few(PEOPLE),
        "merges": few(PEOPLE),
        "skipped": st.just("excluded"),
        "value": few("abc"),
        "order": few(["group-1", "group-2"]),
        "endpoint": few(["toy", "people"]),
        "deferred": st.booleans(),
        "strange": st.lists(few("xyz") | st.none(), max_size=3),
        "padding": few(["", "é" * 20, "x" * 300]),
        **{name: st.just("sometimes") for name in ("unmappable", "late", "unsayable")},
    },
)


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return Tasks(endpoints(), packs=True)


@pytest.fixture(scope="module")
def workers(tasks) -> Iterator[Workers]:
    workers = Workers(2, tasks)
    yield workers
    workers.close()


@pytest.fixture(scope="module")
def inputs() -> list[Input]:
    """Return the same stream in both of its forms."""
    return [
        Input("events", ToyMapping(), StreamCounts(), are_messages, "the toy")
        for are_messages in (True, False)
    ]


class Memory:
    """The facts of the past, in a dictionary."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.facts.get((kind, name))


def decided(rows: list[Row], forms: list[bool], inputs: list[Input], spread: int) -> Block:
    """Return the closed block of these rows, in whichever form each comes."""
    memory, block = Memory(), Block(0)
    block.spread = spread
    for at, (row, is_row) in enumerate(zip(rows, forms, strict=True)):
        of, effects = inputs[is_row], Effects()
        line = orjson.dumps({**row, "at": at})
        line = line if is_row else of.message_of(b'{"record":%b}' % line)
        try:
            seen = of.mapping.observe(line, is_message=of.are_messages)
            decision = of.mapping.decide(seen, memory, effects)
        except Unmappable:
            continue
        memory.facts.update({fact[:2]: fact for fact in (*effects.facts, *effects.kept)})
        block.add(of, line, decision, lane_of(decision.person), None)
    return block


@settings(max_examples=examples(80), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.lists(rows, max_size=40), st.sampled_from([1, 4, LANES]))
def test_a_block_comes_to_the_same_in_another_process(workers, tasks, inputs, data, of, spread):
    forms = data.draw(st.lists(st.booleans(), min_size=len(of), max_size=len(of)))
    block = decided(of, forms, inputs, spread)
    workers.map(block)
    there = workers.result(lambda: None, is_needed=True)
    assert there is not None
    assert there[0] is block
    here = map_here(block, tasks)
    assert there[1] == here
    assert there[1].notes == dict(here.notes)


# Run by run ---------------------------------------------------------------------------------


def rows_of(seed: int, count: int) -> list[Row]:
    """Return random rows about few people; some are refused, and some cannot be mapped."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        row: Row = {"events": [number], "person": chance.choice(PEOPLE), "at": number}
        row["value"] = chance.choice("ab")
        if chance.random() < 0.1:
            row["merges"] = chance.choice(PEOPLE)
        if chance.random() < 0.1:
            row |= {"endpoint": "people", "order": row["person"], "deferred": True}
        if chance.random() < 0.15:
            odd = {"unmappable": "odd", "late": "late", "unsayable": 1, "skipped": "excluded"}
            name = chance.choice(sorted(odd))
            row[name] = odd[name]
        if chance.random() < 0.1:
            row |= {"odd": [f"odd {number % 3}"], "strange": [f"strange {number % 3}"]}
        made.append(row)
    return made


def bad_of(seed: int, rows: list[Row]) -> frozenset[int]:
    sent = [row["at"] for row in rows if "deferred" not in row]
    return frozenset(random.Random(seed).sample(sent, len(rows) // 20))


class Town:
    """A service and the files of runs into it, the same rows again and again."""

    def __init__(self, folder: Path, service: Service, rows: list[Row]) -> None:
        self.scene = Scene(folder, service.url)
        self.service = service
        self.rows = rows

    def open(self, processes: int) -> Run:
        self.scene.endpoints = endpoints(self.service.url)
        return self.scene.open(processes=processes)

    def run(self, processes: int) -> dict[str, Any]:
        """Run through all rows; return what can be compared of it."""
        before = len(self.service.events)
        run = self.open(processes)
        within(lambda: self._take(run, self.rows))
        within(run.finish)
        arrived = self.service.events[before:]
        return {"report": self._report(), "events": sorted(map(orjson.dumps, arrived))}

    def cut(self, processes: int, after: int) -> None:
        """Run through the first rows, and be told to stop."""
        run = self.open(processes)
        within(lambda: self._take(run, self.rows[:after]))
        within(lambda: run.abandon(Interrupted(143)))

    def end_state(self) -> dict[str, Any]:
        """Return what is true at the end, however often and in which pieces it was sent."""
        ledger = Ledger(self.scene.settings.ledger_url, "project")
        try:
            facts = {name: ledger.recall("person", name) for name in PEOPLE}
            left = list(ledger.updates())
        finally:
            ledger.close()
        letters = lines_of(self.scene.folder / "dead.singer")
        reasons = {each["record"]["at"]: each["record"]["_dead_letter"] for each in letters}
        why = {at: (of["reason"], of["endpoint"]) for at, of in reasons.items()}
        return {"events": self.service.first_arrivals, "facts": facts, "dead": why, "left": left}

    def _take(self, run: Run, rows: list[Row]) -> None:
        for row in rows:
            take(run, **row)
            if row["at"] in self.service.bad or {"late", "unsayable"} & row.keys():
                run._delivery.flush()  # so that it is known at the same record in every run
                run._dispatch.drain()
            if row["at"] % 7 == 0:
                run.checkpoint({"at": row["at"]})

    def _report(self) -> dict[str, Any]:
        """Return a report without times, and without how events were put into requests."""
        report = self.scene.report()
        for name in ("started", "finished", "seconds", "events_per_second"):
            del report[name]
        for counts in report["endpoints"].values():
            del counts["requests"], counts["bytes_sent"]
        examples = {name: sorted(of) for name, of in report["examples"].items()}
        return {**report, "examples": examples}


@pytest.fixture
def towns(tmp_path_factory, monkeypatch) -> Iterator[Callable[..., Town]]:
    monkeypatch.setattr(blocks, "MOST_RECORDS", 20)  # so that there are many
    services: list[Service] = []

    def another(seed: int, count: int = 200) -> Town:
        made = rows_of(seed, count)
        services.append(Service(bad_of(seed, made)))
        return Town(tmp_path_factory.mktemp("town"), services[-1].start(), made)

    yield another
    for service in services:
        service.stop()


@pytest.mark.parametrize("seed", first_of([1, 2, 3]))
@pytest.mark.parametrize("processes", first_of([1, 2]))
def test_two_runs_come_to_the_same_with_other_processes(towns, seed, processes):
    plain_town, town = towns(seed), towns(seed)
    for _ in range(2):
        assert town.run(processes) == plain_town.run(0)
        assert town.end_state() == plain_town.end_state()
    states = [{"at": at} for at in range(0, 200, 7)] * 2
    assert plain_town.scene.states == town.scene.states == states


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "processes", "cuts"), [(1, 1, (70,)), (2, 2, (33, 150))])
def test_a_run_that_is_cut_comes_to_the_same_with_other_processes(towns, seed, processes, cuts):
    whole, town = towns(seed), towns(seed)
    whole.run(0)
    for after in cuts:
        town.cut(processes, after)
    town.run(processes)
    assert town.end_state() == whole.end_state()


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=3))
def test_wherever_a_run_is_cut_the_end_is_the_same(towns, seed, cuts):
    whole, town = towns(seed, 60), towns(seed, 60)
    whole.run(0)
    for after in cuts:
        town.cut(0, after)
    town.run(0)
    assert town.end_state() == whole.end_state()
