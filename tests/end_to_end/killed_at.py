"""A target that kills itself at one arrow of the order of durable writes.

    claims on disk → request → reply → dead letters on disk → ledger on disk → STATE

It is the target itself, with one of its functions wrapped: it dies just before or just after the
n-th call that has something to do.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from singer_delivery.endpoint import Request
from singer_delivery.io.transport import Transport
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.pipeline.dead_letters import DeadLetters
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.sdk.target import DeliveryTarget

from tests.destinations.amplitude import plain
from tools.connectors import targets

ROOT = Path(__file__).resolve().parents[2]

Matters = Callable[..., bool]


@dataclass(frozen=True)
class Step:
    """A function of ours on the way, and which of its calls have something to do."""

    owner: type[Any]
    name: str
    matters: Matters = lambda *_: True


STEPS = {
    "claims": Step(Ledger, "save_claims", lambda ledger: bool(ledger._facts._claims)),
    "request": Step(Transport, "send", lambda transport, _: not _asks(transport)),
    "reply": Step(Outcomes, "delivered"),
    "dead letters": Step(DeadLetters, "flush", lambda letters: letters._file is not None),
    "ledger": Step(Ledger, "save", lambda ledger: ledger._facts.to_save > 0),
    "state": Step(DeliveryTarget, "give_back"),
    # Of updates that wait for the end of the run:
    "kept": Step(Ledger, "save", lambda ledger: bool(ledger._outbox._waiting)),
    "sent": Step(Transport, "send", lambda _, request: _is_of_updates(request)),
    "forgotten": Step(Ledger, "save", lambda ledger: bool(ledger._outbox._gone)),
    # Of events that wait for their id:
    "parked": Step(Ledger, "save", lambda ledger: bool(ledger._parked._unsaved)),
    "listed": Step(Ledger, "save", lambda ledger: ledger._deliveries.to_save > 0),
    "unparked": Step(Ledger, "save", lambda ledger: bool(ledger._parked._gone)),
}


def _asks(transport: Transport) -> bool:
    """Tell the questions before a run from what it sends."""
    return "(check)" in transport._user_agent


def _is_of_updates(request: Request) -> bool:
    return "/engage" in request.url or b'"event_type":"$identify"' in plain(request.body)


def write_executable(path: Path, target: str, step: str, when: str, number: int) -> str:
    """Write an executable that is `target` until it dies; return its path."""
    # A process that maps runs the script again, under another name.
    path.write_text(
        f"#!{sys.executable}\n"
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.end_to_end.killed_at import run\n"
        f"if __name__ == '__main__': run({target!r}, {step!r}, {when!r}, {number})\n"
    )
    path.chmod(0o700)
    return str(path)


def run(target: str, step: str, when: str, number: int) -> None:
    """Be the target of that name, up to that moment."""
    _wrap(STEPS[step], when, number)
    (plugin,) = (each for each in targets() if each.name == target)
    plugin.plugin_class().cli()


def _wrap(step: Step, when: str, number: int) -> None:
    whole = getattr(step.owner, step.name)
    numbers = count(1)

    @functools.wraps(whole)
    def deadly(*arguments: Any) -> Any:
        is_the_one = step.matters(*arguments) and next(numbers) == number
        if is_the_one and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*arguments)
        if is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(step.owner, step.name, deadly)
