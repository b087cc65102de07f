"""Runs that follow one another, and the service that they send to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Fact
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.run import Run
from singer_delivery.pipeline.settings import RunSettings

from tests.fakes.http.server import Exchange, FakeServer, Reply
from tests.singer_delivery.toys import PlayedClock, ToyEndpoint, ToyMapping, events_in


class Service(FakeServer):
    """Takes toy events and keeps them; refuses requests that hold a bad one."""

    def __init__(self, bad: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.bad = bad

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        events = events_in(body)
        if self.bad & {event["number"] for event in events}:
            return Reply(400)
        self.events += events
        return Reply(200)

    @property
    def numbers(self) -> list[int]:
        return [event["number"] for event in self.events]

    @property
    def first_arrivals(self) -> dict[int, dict[str, Any]]:
        """{number: the event as it arrived first}, as a service keeps what it tells by its id."""
        return {event["number"]: event for event in reversed(self.events)}


class Scene:
    """Settings and files of runs that follow one another."""

    def __init__(self, folder: Path, url: str, limits: Limits | None = None) -> None:
        self.folder = folder
        self.endpoints: dict[str, Endpoint] = {
            "toy": ToyEndpoint(limits=limits or Limits(2, 10_000), url=url)
        }
        self.states: list[Any] = []
        self.emit: Callable[[Any], None] = self.states.append
        self.settings = RunSettings(
            user_agent="toy/1.0",
            max_in_flight=2,
            max_retries=1,
            max_events_per_second=0,
            ledger_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
            dead_letter_path=folder / "dead.singer",
            report_path=folder / "report.json",
            dry_run=False,
            output_path=folder / "out.jsonl",
        )

    def open(self, *, max_dead_letters: str | None = None, **changed: Any) -> Run:
        if max_dead_letters is not None:
            changed["max_dead_letters"] = DeadLetterLimit.read(max_dead_letters)
        settings = replace(self.settings, **changed)
        return Run(settings, self.endpoints, "project", self.emit, PlayedClock())

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def remembered(self, kind: str, name: str) -> Fact | None:
        ledger = Ledger(self.settings.ledger_url, "project")
        try:
            return ledger.recall(kind, name)
        finally:
            ledger.close()


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the JSON lines of a file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def input_of(run: Run) -> Input:
    """Return the input of the stream of toy events, as lines of a file."""
    found = getattr(run, "_toy_input", None)
    if found is None:
        found = run.input("events", ToyMapping(), are_messages=False)
        run._toy_input = found  # type: ignore[attr-defined]
    return found


def take(run: Run, **record: Any) -> None:
    """Let a run take a toy record."""
    run.take(input_of(run), orjson.dumps(record))


def kill(run: Run) -> None:
    """Leave a run as a kill does: nothing more is saved, and what it held is free."""
    run._dispatch.stop(5.0)
    run._opened.close()
    run._place.close()


def processes_of(run: Run) -> list[int]:
    """Return the ids of the processes that map for a run."""
    pool = run.workers._pool
    return [] if pool is None else sorted(pool._processes)
