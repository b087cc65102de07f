"""The parts of a pipeline put together for tests, down to the dispatcher."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from singer_delivery.endpoint import Endpoint, Judgement, Limits, Verdict
from singer_delivery.io.retry import Backoff
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Event, Fact
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.decide import Decider
from singer_delivery.pipeline.delivery import Delivery, Dispatch
from singer_delivery.pipeline.dispatcher import Dispatcher
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.pace import Pace
from singer_delivery.pipeline.packing import Tasks
from singer_delivery.pipeline.parking import Parking
from singer_delivery.pipeline.pieces import Piece, Single
from singer_delivery.pipeline.report import RunReport
from singer_delivery.pipeline.requests import Requests
from singer_delivery.pipeline.workers import Workers

from tests.singer_delivery.toys import PlayedClock, ToyEndpoint, ToyMapping

DELIVERED = Judgement(Verdict.DELIVERED)
REFUSED = Judgement(Verdict.REJECTED, "refused", "The toy refused it.")


def number_of(single: Single) -> int:
    """Return the number of a toy event."""
    return int(single.name.split()[-1])


class ByHand:
    """A dispatch that decides only what the test says is decided."""

    spread = 1

    def __init__(self) -> None:
        self.waiting: dict[int, Piece] = {}
        self.asked: list[str] = []

    @property
    def undecided(self) -> int:
        return len(self.waiting)

    def submit(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            assert piece.single is not None, "by hand, events stay apart"
            self.waiting[number_of(piece.single)] = piece
            self.asked.append(piece.single.name)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        assert is_so(), "nothing would ever bring it about"

    def drain(self) -> None:
        self.asked.append("drain")

    def hurry(self) -> None:
        self.asked.append("hurry")

    def raise_if_over(self) -> None:
        return None


@dataclass
class Files:
    """Where a pipeline keeps what outlasts it."""

    folder: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.sqlite3'}"

    @property
    def dead_path(self) -> Path:
        return self.folder / "dead.singer"

    def dead(self) -> list[dict[str, Any]]:
        """Return the records among the dead letters."""
        if not self.dead_path.exists():
            return []
        return [json.loads(line)["record"] for line in self.dead_path.read_bytes().splitlines()]

    def on_disk(self, kind: str, name: str) -> Fact | None:
        """Return a fact as another process would read it."""
        other = Ledger(self.url, "project")
        try:
            return other.recall(kind, name)
        finally:
            other.close()


class Pipeline:
    """Everything from a record to a dispatch. `dispatch` is `ByHand` unless a sender is given."""

    def __init__(
        self,
        folder: Path,
        sender: Any = None,
        *,
        endpoints: Mapping[str, Endpoint] | None = None,
        most: str | None = None,
        processes: int | None = 0,
        room: int = 24 << 20,
        wait_minutes: float = 0,
        per_second_per_id: float = 0,
        **options: Any,
    ) -> None:
        self.files = Files(folder)
        self.endpoints = endpoints or {"toy": ToyEndpoint(limits=Limits(2, 10_000))}
        self.clock = PlayedClock()
        self.report = RunReport(0.0)
        self.states: list[Any] = []
        self.on_state: Callable[[], None] = lambda: None
        self.letters = DeadLetters(self.files.dead_path)
        self.ledger = Ledger(self.files.url, "project", before_save=[self.letters.flush])
        limit = None if most is None else DeadLetterLimit.read(most)
        self.outcomes = Outcomes(self.ledger, self.letters, self.report, limit)
        self.checkpoints = Checkpoints(self.outcomes.settle, self.outcomes.save, self._emit)
        self.parking = Parking(
            self.ledger, self.outcomes.park, self.clock, per_second_per_id, wait_minutes
        )
        self.by_hand = ByHand()
        self.dispatch: Dispatch = self.by_hand
        self.dispatcher: Dispatcher | None = None
        if sender is not None:
            self.dispatcher = self.dispatch = dispatcher_of(self, sender, **options)
        tasks = Tasks(self.endpoints, packs=sender is not None)
        self.workers = Workers(processes, tasks)
        self.delivery = Delivery(
            self.endpoints,
            self.ledger,
            self.checkpoints,
            self.outcomes,
            self.workers,
            self.dispatch,
            self.parking,
            room,
        )
        self.decider = Decider(self.ledger, self.checkpoints, self.outcomes, self.delivery, tasks)
        self._inputs: dict[str, Input] = {}

    def input(self, stream: str = "events") -> Input:
        if stream not in self._inputs:
            counts = self.report.stream(stream)
            self._inputs[stream] = Input(stream, ToyMapping(), counts, False, "the toy")  # noqa: FBT003
        return self._inputs[stream]

    def take(self, stream: str = "events", **record: Any) -> None:
        """Decide a record; it stays in the open block."""
        self.decider.take(self.input(stream), json.dumps(record).encode())

    def send(self, **record: Any) -> None:
        """Decide a record, and send it on its way at once."""
        self.take(**record)
        self.delivery.flush()

    def state(self, at: Any) -> None:
        """Take a STATE value, behind what was taken before."""
        self.checkpoints.last.states.append({"at": at})
        self.delivery.close_block()

    def end_of_file(self, path: Path) -> None:
        """Take the end of a file, behind what was taken before."""
        self.checkpoints.last.files.append(path)
        self.delivery.close_block()

    def rest(self) -> None:
        self.delivery.flush()
        self.checkpoints.rest()

    def decide(self, *numbered: int, judgement: Judgement = DELIVERED) -> None:
        """Let events that wait be decided, as one reply would."""
        pieces = [self.by_hand.waiting.pop(number) for number in numbered]
        singles = [piece.single for piece in pieces if piece.single is not None]
        self.outcomes.decided("toy", [(single, judgement) for single in singles], 2)
        self.checkpoints.finished(pieces)

    def counts(self, stream: str = "events") -> dict[str, Any]:
        return self.report.stream(stream).as_dict()

    def finish(self, last: Iterable[tuple[str, Event]] = ()) -> None:
        self.delivery.finish(last)

    def close(self) -> None:
        if self.dispatcher is not None:
            self.dispatcher.stop(5.0)
        self.workers.close()
        self.letters.close()
        self.ledger.close()

    def _emit(self, state: Any) -> None:
        self.on_state()
        self.states.append(state)


def dispatcher_of(pipeline: Pipeline, sender: Any, **options: Any) -> Dispatcher:
    """Return a dispatcher for the endpoints of a pipeline, whose requests a sender answers."""
    options["parking"] = pipeline.parking
    requests = requests_of(pipeline.endpoints, sender, pipeline.outcomes, pipeline.clock, options)
    settings: dict[str, Any] = {"max_in_flight": 2, "linger": 1_000.0, **options}
    return Dispatcher(pipeline.endpoints, requests, pipeline.checkpoints, **settings)


def requests_of(
    endpoints: Mapping[str, Endpoint],
    sender: Any,
    listener: Any,
    clock: PlayedClock,
    options: dict[str, Any],
) -> Requests:
    """Return what sends requests; it takes its own options out of those given."""
    return Requests(
        endpoints,
        sender,
        listener,
        max_retries=options.pop("max_retries", 3),
        pace=options.pop("pace", None) or Pace(0, clock),
        backoff=Backoff(jitter=partial(random.Random(7).uniform, 0)),
        clock=clock,
        parking=options.pop("parking", None) or nothing_parked(clock),
    )


def nothing_parked(clock: PlayedClock) -> Parking:
    """Return what parks no event of tests that have no ledger."""
    return Parking(Ledger("sqlite://", "project", keep=False), lambda *_: False, clock)


@contextmanager
def opened(folder: Path, sender: Any = None, **options: Any) -> Iterator[Pipeline]:
    """Open a pipeline, and close it."""
    pipeline = Pipeline(folder, sender, **options)
    try:
        yield pipeline
    finally:
        pipeline.close()


def flat(sent: Sequence[Sequence[int]]) -> list[int]:
    """Return the numbers of all requests, in the order in which they were sent."""
    return [number for request in sent for number in request]
