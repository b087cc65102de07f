"""What a run did: counts and reasons, for people and as JSON."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from singer_delivery.errors import StorageError
from singer_delivery.io.files import write_private
from singer_delivery.model import Note
from singer_delivery.progress.figures import RUNNING
from singer_delivery.progress.status import iso

EXAMPLES = 100
"""Examples kept of each note: enough to look into, however long the run."""

NAMES = 2_000
"""Event names counted one by one; the rest is counted together as OTHER."""

OTHER = "(other names)"


@dataclass
class StreamCounts:
    """Where the records of one stream ended; those that wait do so in the ledger, for their id.

    Attributes:
        seconds: from its first sight to the last time that its counts were seen to have changed.
        vendor: whose rows these are; empty where nobody knows.
        not_carried: columns of the source that no record of it takes along, and why.
    """

    read: int = 0
    delivered: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    seconds: float = 0.0
    vendor: str = ""
    not_carried: Mapping[str, str] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic, repr=False)
    _seen: tuple[int, ...] = (0, 0)

    def look(self, now: float) -> None:
        """Take note of how long its records take; `now` is of the monotonic clock."""
        seen = (self.read, self.undecided)
        if seen != self._seen:
            self._seen, self.seconds = seen, now - self._begun

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
            **({"vendor": self.vendor} if self.vendor else {}),
            **({"not_carried": dict(self.not_carried)} if self.not_carried else {}),
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
    """Counts of one run.

    Attributes:
        lock: guards the counts. `Outcomes` changes them, and a thread that shows progress reads
            them; `read` of a stream alone is counted without it, by one thread.
    """

    def __init__(self, started: float) -> None:
        self.lock = threading.RLock()
        self.started = started
        self.finished = started
        self.outcome = RUNNING
        self.streams: dict[str, StreamCounts] = {}
        self.kinds: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.endpoints: dict[str, EndpointCounts] = {}
        self.plan: Mapping[str, Any] | None = None  # of a dry run; empty until it is over

    def stream(self, name: str) -> StreamCounts:
        """Return the counts of a stream, new ones on first sight."""
        counts = self.streams.get(name)
        if counts is None:
            with self.lock:
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
    def seconds(self) -> float:
        """How long the run took; 0 if the clock was set back meanwhile."""
        return max(self.finished - self.started, 0.0)

    @property
    def events_per_second(self) -> float:
        """How many events were delivered a second."""
        return self.kinds.total() / self.seconds if self.seconds else 0.0

    def totals(self) -> dict[str, int]:
        """Return the records of all streams by what became of them, and the events delivered."""
        with self.lock:
            now = time.monotonic()
            streams = [*self.streams.values()]
            for each in streams:
                each.look(now)
            return {
                "events": self.kinds.total(),
                "read": sum(each.read for each in streams),
                "delivered": sum(each.delivered for each in streams),
                "skipped": sum(each.skipped.total() for each in streams),
                "dead": sum(each.dead.total() for each in streams),
                "undecided": sum(each.undecided for each in streams),
            }

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        with self.lock:
            return self._as_dict()

    def _as_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "started": iso(self.started),
            "finished": iso(self.finished),
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
            "streams": {name: counts.as_dict() for name, counts in self.streams.items()},
            "endpoints": {name: counts.as_dict() for name, counts in self.endpoints.items()},
            "sent": dict(self.kinds.most_common()),
            "events": dict(self.names.most_common()),
            "notes": dict(self.notes.most_common()),
            "examples": {name: [*examples] for name, examples in self.examples.items()},
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
