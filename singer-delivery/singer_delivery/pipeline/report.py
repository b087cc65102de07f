"""What a run did: counts and reasons, for people and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from singer_delivery.errors import StorageError
from singer_delivery.io.files import write_private
from singer_delivery.model import Note

EXAMPLES = 100
"""Examples kept of each note: enough to look into, however long the run."""

NAMES = 2_000
"""Event names counted one by one; the rest is counted together as OTHER."""

OTHER = "(other names)"


@dataclass
class StreamCounts:
    """Where the records of one stream ended; those that wait do so in the ledger, for their id."""

    read: int = 0
    delivered: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    waiting: int = 0

    @property
    def undecided(self) -> int:
        """Records read that this run did not decide; a later run reads them again."""
        decided = self.delivered + self.skipped.total() + self.dead.total() + self.waiting
        return self.read - decided

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "read": self.read,
            "delivered": self.delivered,
            "skipped": dict(self.skipped.most_common()),
            "dead": dict(self.dead.most_common()),
            **({"waiting": self.waiting} if self.waiting else {}),
            "undecided": self.undecided,
        }


@dataclass
class EndpointCounts:
    """What became of the events and updates that were sent to one endpoint."""

    delivered: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "delivered": self.delivered,
            "dead": dict(self.dead.most_common()),
            "requests": self.requests,
            "retries": dict(self.retries.most_common()),
            "bytes_sent": self.bytes_sent,
        }


class RunReport:
    """Counts of one run. Not safe for threads by itself: `Outcomes` guards it."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.finished = started
        self.outcome = "running"
        self.streams: dict[str, StreamCounts] = {}
        self.kinds: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.endpoints: dict[str, EndpointCounts] = {}
        self.plan: Mapping[str, Any] | None = None  # of a dry run, when it is over

    def stream(self, name: str) -> StreamCounts:
        """Return the counts of a stream, new ones on first sight."""
        counts = self.streams.get(name)
        if counts is None:
            counts = self.streams[name] = StreamCounts()
        return counts

    def endpoint(self, name: str) -> EndpointCounts:
        """Return the counts of an endpoint, new ones on first sight."""
        counts = self.endpoints.get(name)
        if counts is None:
            counts = self.endpoints[name] = EndpointCounts()
        return counts

    def note(self, note: Note, count: int = 1) -> None:
        """Count a note and keep its example among the first."""
        self.notes[note.name] += count
        if note.example is not None:
            examples = self.examples.setdefault(note.name, [])
            if len(examples) < EXAMPLES and note.example not in examples:
                examples.append(note.example)

    def delivered(self, endpoint: str, tallies: Mapping[tuple[str, str], int]) -> None:
        """Count events that the destination took, by kind and name."""
        counts = self.endpoint(endpoint)
        for (kind, name), count in tallies.items():
            counts.delivered += count
            self.kinds[kind] += count
            known = name in self.names or len(self.names) < NAMES
            self.names[name if known else OTHER] += count

    def rejected(self, endpoint: str, reason: str) -> None:
        """Count an event the destination refused for good."""
        self.endpoint(endpoint).dead[reason] += 1

    @property
    def _events_per_second(self) -> float:
        return self.kinds.total() / max(self.finished - self.started, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "outcome": self.outcome,
            "started": _iso(self.started),
            "finished": _iso(self.finished),
            "seconds": round(self.finished - self.started, 3),
            "events_per_second": round(self._events_per_second, 1),
            "streams": {name: counts.as_dict() for name, counts in self.streams.items()},
            "endpoints": {name: counts.as_dict() for name, counts in self.endpoints.items()},
            "sent": dict(self.kinds.most_common()),
            "events": dict(self.names.most_common()),
            "notes": dict(self.notes.most_common()),
            "examples": self.examples,
            **({"plan": self.plan} if self.plan is not None else {}),
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON, readable by its owner alone, replacing an older one.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            write_private(path, json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            msg = f"The run report could not be written to {path} ({error.strerror})."
            raise StorageError(msg) from error

    def lines(self) -> list[str]:
        """Return the report in a few sentences for a log."""
        return [
            *(_sentence(name, counts) for name, counts in self.streams.items()),
            *(f"Counted {count:,} x {name}." for name, count in self.notes.most_common()),
            *(_traffic(name, counts) for name, counts in self.endpoints.items()),
            f"In all {self._events_per_second:,.0f} events/s.",
        ]


def _sentence(name: str, counts: StreamCounts) -> str:
    parts = [f"{counts.delivered:,} delivered"]
    parts += [f"{counts.skipped.total():,} skipped"] if counts.skipped else []
    if counts.dead:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.dead.most_common(5))
        parts.append(f"{counts.dead.total():,} to the dead letters ({reasons})")
    parts += [f"{counts.waiting:,} waiting in the ledger"] if counts.waiting else []
    parts += [f"{counts.undecided:,} undecided, to be read again"] if counts.undecided else []
    return f"Stream '{name}': {counts.read:,} records read: {', '.join(parts)}."


def _traffic(name: str, counts: EndpointCounts) -> str:
    again = f" ({counts.retries.total():,} tried again)" if counts.retries else ""
    refused = f", {counts.dead.total():,} refused" if counts.dead else ""
    return (
        f"{name}: {counts.delivered:,} delivered{refused} in {counts.requests:,} requests{again}."
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
