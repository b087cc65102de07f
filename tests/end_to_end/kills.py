"""Kills processes at seeded instants and starts them again, until a migration is through.

An instant is chosen by progress (the n-th request, download or STATE of this start) and a delay of
milliseconds, so that a seed strikes at the same kind of moment again. Which bytes of it are through
is chance; that is the point.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.destinations.destination import Destination, Fake
from tests.end_to_end import outcome
from tests.end_to_end.attempts import Attempt
from tests.end_to_end.books import Counts, booked, covered, held
from tests.end_to_end.outcome import Outcome
from tests.end_to_end.pipe import MAPPED_ELSEWHERE, Ended, Pipe, all_hours, batches_in, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tests.fakes.http.exchanges import (
    Act,
    Delay,
    DropConnection,
    Hold,
    LoseReply,
    Reply,
    TruncateBody,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISDEEDS: tuple[Act, ...] = (
    Reply(503),
    LoseReply(),
    DropConnection(),
    Delay(0.05),
    TruncateBody(),
    Reply(429, headers={"Retry-After": "0.2"}),
)


@dataclass(frozen=True)
class Instant:
    """When to strike, and whom.

    Attributes:
        kind: "start"; "download", "request", "update" or "state" number `number` of this start;
            "input over": the tap has ended.
        delay: seconds after that.
        victims: "tap", "target".
        unheard: the request that is reached is held, and taken once its sender is dead.
    """

    kind: str
    number: int
    delay: float
    victims: tuple[str, ...]
    unheard: bool = False

    @classmethod
    def drawn(cls, chance: random.Random) -> Instant:
        """Draw an instant."""
        kind = chance.choice(
            ("start", "download", "request", "request", "request", "update", "state", "input over")
        )
        longest = {"start": 1.0, "input over": 0.1}.get(kind, 0.03)
        number = chance.randint(1, {"request": 10, "download": 3}.get(kind, 2))
        victims = chance.choice((("tap",), ("target",), ("target",), ("tap", "target")))
        if kind == "input over":
            victims = ("target",)
        unheard = kind in ("request", "update") and "target" in victims and chance.random() < 0.4
        return cls(kind, number, longest * chance.random(), victims, unheard)


Draw = Callable[[random.Random], Instant]


@dataclass
class Migration:
    """One export on its way from fake to fake, however often it is cut off.

    Attributes:
        start: starts the processes.
        kills: how often they struck.
        instants: at which they were to.
    """

    destination: Destination
    outcome: Outcome
    amplitude: FakeAmplitude
    service: Fake
    pipe: Pipe
    chance: random.Random
    start: Callable[[Pipe], Attempt] = Attempt
    kills: int = 0
    instants: list[Instant] = field(default_factory=list)

    def kill(self, times: int, draw: Draw = Instant.drawn) -> None:
        """Start, kill and start again until so many kills have struck.

        A run that comes to its end before its instant begins anew without its state.
        """
        while self.kills < times:
            instant = draw(self.chance)
            self.instants.append(instant)
            attempt = self.begin(misbehaving=True)
            self._aim(instant)
            self.wait_for(attempt, instant)
            attempt.pass_time(instant.delay)
            struck = attempt.send(signal.SIGKILL, instant.victims)
            self.service.behave()
            self.amplitude.behave()
            ended = self.end(attempt)
            self.kills += struck
            if (ended.tap_code, ended.target_code) == (0, 0):
                self.pipe.last_state = None

    def finish(self) -> Ended:
        """Run to the end and compare everything with what must have come of it."""
        ended = self.end(self.begin(misbehaving=False))
        assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
        self.destination.check(self.service, self.outcome)
        truth = self.destination.truth(self.outcome.company)
        assert outcome.letters_in(self.pipe.dead_letters) == truth.dead
        outcome.check_report(self.pipe.report)
        assert self.booked() == held(self.destination, self.service), "the books are wrong"
        assert len(covered(self.destination, self.pipe.target)) == 1, "hours have a gap"
        return ended

    def booked(self) -> Counts:
        """Return what the books of the target count by day and name."""
        return booked(self.destination, self.pipe.target)

    def begin(self, *, misbehaving: bool) -> Attempt:
        """Start both processes; each hour comes in another order than before."""
        for hour, lines in self.outcome.company.hours().items():
            self.amplitude.publish(hour, self.chance.sample(lines, len(lines)))
        self._asked, self._sent = len(self.amplitude.journal), len(self.service.journal)
        if misbehaving:
            self._misbehave()
        return self.start(self.pipe)

    def end(self, attempt: Attempt) -> Ended:
        """Wait for the end of a start; whatever its STATE covers must have been decided.

        The books may lack what arrived last, and never have more than arrived.
        """
        ended = attempt.end()
        self.service._wait_for(lambda: self.service.in_flight == 0, "the last request")
        self.check_state()
        if (self.pipe.folder / "ledger.sqlite3").exists():
            beyond = self.booked() - held(self.destination, self.service)
            assert not beyond, "the books have what did not arrive"
        return ended

    def check_state(self) -> None:
        """Every line of the hours that STATE covers arrived, or is a dead letter."""
        bookmarks = (self.pipe.last_state or {}).get("bookmarks", {})
        bookmark = bookmarks.get("events", {}).get("replication_key_value", "")
        truth = self.destination.truth(self.outcome.company)
        covered = self.outcome.uuids_until(bookmark)
        due = self.destination.due(self.outcome.company, covered)
        assert not due - self.destination.kept(self.service), "STATE covers what did not arrive"
        dead = covered & truth.dead.keys()
        assert not dead - outcome.letters_in(self.pipe.dead_letters).keys(), "letters are missing"

    def wait_for(self, attempt: Attempt, instant: Instant) -> None:
        """Return when the instant is reached, but for its delay, or the run is over."""
        count: dict[str, Callable[[], int]] = {
            "start": lambda: instant.number,
            "download": lambda: len(self.amplitude.journal) - self._asked,
            "request": lambda: len(self.service.journal) - self._sent,
            "update": self._updates,
            "state": lambda: len(attempt.states),
            "input over": lambda: instant.number * (not attempt.is_running("tap")),
        }
        attempt.wait_for(lambda: count[instant.kind]() >= instant.number)

    def _updates(self) -> int:
        journal = self.service.journal[self._sent :]
        return sum(exchange.path == self.destination.update for exchange in journal)

    def _aim(self, instant: Instant) -> None:
        if instant.unheard:
            self.service.misbehave(Hold(), when=lambda _: self._is_at(instant))

    def _is_at(self, instant: Instant) -> bool:
        sent = len(self.service.journal) - self._sent if instant.kind == "request" else None
        return (self._updates() if sent is None else sent) >= instant.number

    def _misbehave(self) -> None:
        for _ in range(self.chance.choice((0, 0, 0, 1, 2))):
            number = self._sent + self.chance.randint(1, 20)
            act = self.chance.choice(MISDEEDS)
            self.service.misbehave(act, when=lambda each, number=number: each.number == number)
        self.destination.misbehave(self.service, self.chance)
        if self.chance.random() < 0.1:
            self.amplitude.misbehave(self.chance.choice((TruncateBody(), DropConnection())))


def company_for(seed: int, events: int = 600) -> Company:
    """Return a company whose users often share a tablet in one hour, so that order matters."""
    return Company(seed=seed, events=events, hours=8, people=24)


@contextmanager
def migration(
    folder: Path,
    destination: Destination,
    seed: int,
    company: Company | None = None,
    start: Callable[[Pipe], Attempt] = Attempt,
    *,
    in_batches: bool = False,
) -> Iterator[Migration]:
    """Open both fakes; windows and requests are small, so that there are many of them.

    With `in_batches` the tap hands over files in BATCH messages, and a second process maps them.
    """
    company = company or company_for(seed)
    with FakeAmplitude(company.hours()) as amplitude, destination.open(company) as service:
        pipe = all_hours(make_pipe(folder, amplitude, destination, service), company)
        pipe.target |= {"max_batch_events": 25, "max_in_flight": 4}
        pipe.tap["window_hours"] = 2
        if in_batches:
            pipe.tap["batch_config"] = batches_in(folder)
            pipe.target |= MAPPED_ELSEWHERE
        due, chance = Outcome.of(company), random.Random(seed)
        begun = Migration(destination, due, amplitude, service, pipe, chance, start)
        try:
            yield begun
        except BaseException:
            print(f"{destination}, seed {seed}:", *begun.instants, sep="\n")  # noqa: T201
            raise
