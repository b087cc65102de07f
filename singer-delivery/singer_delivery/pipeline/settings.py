"""What a user sets about delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from singer_delivery.pipeline.dead_letter_limit import DeadLetterLimit
from singer_delivery.progress.reporter import Rhythm


@dataclass(frozen=True)
class Billing:
    """What a destination bills of what it gets.

    Attributes:
        kinds: of events that count, see `Event.kind`; empty: all of them.
        sentence: how it counts, for people.
        notes: that the run report counts -> what that means for the bill, for people.
    """

    kinds: frozenset[str] = frozenset()
    sentence: str = "What the destination bills is not known here: see its contract."
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSettings:
    """What a user sets about delivery, the same for every target.

    `max_events_per_second` of 0 means no limit. `report_path` may be None. `first_wait` is the
    pause in seconds before the first retry, which the service's documents may ask for. `service`
    is what cannot read a record that is not clean, for people. `processes` is how many
    processes map beside this one; None: cores less one, once a run proves long.
    `max_events_per_second_per_id` is a mean of 30 seconds, 0 for none. `max_wait_minutes` is how
    long a run waits at its end for ids whose daily quota is used up. `keep_books` lists what
    is delivered and counts it by day and name; `remember_deliveries` does so for services that
    forget which events they have, and leaves out what is listed. `sample` is the share of people
    that is loaded, and `billing` what the destination counts. `progress` says when to tell how far
    a run is, `control_path` names the file that changes its pace, `reports_path` the folder of its
    reports; both may be None.
    """

    user_agent: str
    max_in_flight: int
    max_retries: int
    max_events_per_second: int
    ledger_url: str
    dead_letter_path: Path
    report_path: Path | None
    dry_run: bool
    output_path: Path
    service: str = "the target"
    processes: int | None = 0
    first_wait: float = 1.0
    max_dead_letters: DeadLetterLimit | None = None
    keep_books: bool = False
    remember_deliveries: bool = False
    max_events_per_second_per_id: int = 0
    max_wait_minutes: float = 60
    sample: float = 1.0
    billing: Billing = Billing()
    progress: Rhythm = field(default_factory=Rhythm)
    control_path: Path | None = None
    reports_path: Path | None = None

    @property
    def dead_letters_to(self) -> Path:
        """Where the dead letters of this run go: a dry run has a file of its own."""
        if not self.dry_run:
            return self.dead_letter_path
        return self.output_path.with_name(self.output_path.name + ".dead-letters.singer")
