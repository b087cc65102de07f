"""Which pipelines run on which part of the export, and the rounds in which they do.

A slow minute of the machine should hit all alike: within a round every trial runs once, one after
the other, and what is compared is compared within the round.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.export import Export
from bench.peers import pipelines as peers
from bench.pipelines import (
    Floor,
    MeltanoRun,
    Ours,
    Outcome,
    Pipeline,
    found_meltano,
    knows_batch,
    run,
)
from bench.services import OTHERS, SERVICES, Service

LATENCY = 0.2
"""Seconds a reply takes in the runs that wait for replies."""

PEERS_SHARE, SLOWEST_SHARE, LEAST = 5, 10, 20_000
"""Peers read a fifth or a tenth of the export, since it is their rate that is compared; but so many
lines at least that starting up weighs no more than it does in ours."""

TINY = 200
"""Lines of an export that is all overhead."""

PROCESSES = (1, 2, 4)
"""How many processes map, in the runs that compare it."""


@dataclass(frozen=True)
class Trial:
    """One pipeline on one export.

    Attributes:
        pipeline: what runs.
        export: what it reads.
        latency: seconds of each reply.
        rounds: how often it runs at most.
    """

    pipeline: Pipeline
    export: Export
    latency: float = 0.0
    rounds: int = sys.maxsize


@dataclass(frozen=True)
class Exports:
    """The export and its parts."""

    full: Export
    half: Export
    fifth: Export
    tenth: Export
    tiny: Export


@dataclass(frozen=True)
class Comparison:
    """The trials of one destination.

    Attributes:
        service: the destination.
        ours: on RECORD messages, then on BATCH messages if the tap knows them.
        meltano: the same through `meltano run`.
        halves: ours on half of the export.
        scales: ours on RECORD messages, by how many processes map.
        latencies: ours on RECORD messages, waiting for replies.
        peers: what others run.
        late_peers: of these, what also runs waiting for replies.
        overhead: ours and Meltano's on next to nothing.
        others: ours with other settings; see `services.OTHERS`.
        left_out: what cannot run here, and why.
    """

    service: Service
    ours: list[Trial]
    meltano: list[Trial]
    halves: list[Trial]
    scales: dict[int, Trial]
    latencies: list[Trial]
    peers: list[Trial]
    late_peers: list[Trial] = field(default_factory=list)
    overhead: list[Trial] = field(default_factory=list)
    others: list[Trial] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def trials(self) -> list[Trial]:
        """All of them, in the order in which they run."""
        return [
            *self.ours,
            *self.others,
            *self.meltano,
            *self.peers,
            *self.halves,
            *self.scales.values(),
            *self.latencies,
            *self.late_peers,
            *self.overhead,
        ]

    @property
    def memory_trials(self) -> list[Trial]:
        """Those whose memory is limited: our pipes on much."""
        return [*self.ours, *self.others, *self.halves, *self.scales.values(), *self.latencies]

    def late_pairs(self) -> list[tuple[Trial, Trial]]:
        """Return each trial that waits for replies behind the same without waiting."""
        peers = {trial.pipeline: trial for trial in self.peers}
        return [
            *zip(self.ours, self.latencies, strict=False),
            *((peers[late.pipeline], late) for late in self.late_peers),
        ]


@dataclass
class Results:
    """What came of the trials, round by round."""

    outcomes: dict[Trial, list[Outcome]] = field(default_factory=dict)

    def of(self, trial: Trial, figure: Callable[[Outcome], float]) -> list[float]:
        """Return a figure of each round."""
        return [figure(outcome) for outcome in self.outcomes[trial]]

    def median(self, trial: Trial, figure: Callable[[Outcome], float]) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(self.of(trial, figure))

    def rate_beside(self, trial: Trial, other: Trial) -> float:
        """Return the median rate of a trial in the rounds that another had too."""
        both = zip(self.outcomes[trial], self.outcomes[other], strict=False)
        return statistics.median(mine.rate for mine, _ in both)

    def ratio(self, trial: Trial, other: Trial) -> float:
        """Return how many times the rate of another a trial reached, within the rounds."""
        pairs = zip(self.outcomes[trial], self.outcomes[other], strict=False)
        return statistics.median(mine.rate / its.rate for mine, its in pairs)


def parts(full: Export, folder: Path) -> Exports:
    """Link the parts of an export."""
    lines = full.lines
    return Exports(
        full,
        full.first(lines // 2, folder / "half"),
        full.first(max(lines // PEERS_SHARE, LEAST), folder / "fifth"),
        full.first(max(lines // SLOWEST_SHARE, LEAST), folder / "tenth"),
        full.first(TINY, folder / "tiny"),
    )


def floor(exports: Exports) -> Trial:
    """Return the trial that everything is compared with."""
    return Trial(Floor(), exports.full)


def comparisons(exports: Exports, folder: Path) -> list[Comparison]:
    """Return the trials of each destination."""
    batches = (False, True) if knows_batch() else (False,)
    return [_comparison(service, batches, exports, folder) for service in SERVICES]


def _comparison(
    service: Service, batches: Sequence[bool], exports: Exports, folder: Path
) -> Comparison:
    ours = [Ours(service, batch) for batch in batches]
    found = Comparison(
        service,
        ours=[Trial(each, exports.full) for each in ours],
        meltano=[],
        halves=[Trial(each, exports.half, rounds=1) for each in ours],
        scales={
            count: Trial(Ours(service, processes=count), exports.full, rounds=1)
            for count in PROCESSES
        },
        latencies=[Trial(ours[0], exports.full, LATENCY, rounds=1)],
        peers=[Trial(peers.SdkDefaults(service), exports.tenth)],
    )
    if service.target in OTHERS:
        other = service.other(**OTHERS[service.target])
        found.others.extend(Trial(Ours(other, batch), exports.full) for batch in batches)
    if len(batches) == 1:
        found.left_out[Ours(service, batch=True).name] = "this tap writes no BATCH messages"
    _add_meltano(found, batches, exports, folder / service.target)
    if service.target in PEERS:
        PEERS[service.target](found, exports)
    return found


def _add_meltano(
    found: Comparison, batches: Sequence[bool], exports: Exports, project: Path
) -> None:
    meltano = found_meltano()
    if meltano is None:
        found.left_out["meltano run"] = "there is no Meltano here"
        return
    runs = [MeltanoRun(found.service, meltano, project, batch) for batch in batches]
    found.meltano.extend(
        Trial(each, exports.full, rounds=sys.maxsize if each.batch else 1) for each in runs
    )
    found.overhead.extend(
        [Trial(found.ours[0].pipeline, exports.tiny), Trial(runs[0], exports.tiny)]
    )


def _add_guide(found: Comparison, exports: Exports) -> None:
    why = peers.missing_guide()
    if why is not None:
        found.left_out[peers.Guide().name] = why
        return
    found.peers.append(Trial(peers.Guide(), exports.tenth))
    found.late_peers.append(Trial(peers.Guide(), exports.tenth, LATENCY, rounds=1))


def _add_mixpanel_import(found: Comparison, exports: Exports) -> None:
    why = peers.missing_node()
    if why is not None:
        found.left_out[peers.MixpanelImport().name] = why
        return
    found.peers.append(Trial(peers.MixpanelImport(), exports.fifth))
    found.late_peers.append(Trial(peers.MixpanelImport(), exports.fifth, LATENCY, rounds=1))


PEERS = {"target-posthog": _add_guide, "target-mixpanel": _add_mixpanel_import}
"""What is there to compare a target with, by the target."""


def warm_up(comparison: Comparison, folder: Path) -> None:
    """Run Meltano once: its first run in a project sets a database up."""
    for trial in comparison.overhead[1:]:
        run(trial.pipeline, trial.export, folder / f"warm-{comparison.service.target}")


def run_rounds(trials: Iterable[Trial], rounds: int, folder: Path) -> Results:
    """Run every trial once in each round, telling how far it has come."""
    results = Results({trial: [] for trial in trials})
    for number in range(rounds):
        for place, (trial, outcomes) in enumerate(results.outcomes.items()):
            if number >= trial.rounds:
                continue
            outcome = run(trial.pipeline, trial.export, folder / f"{number}-{place}", trial.latency)
            outcomes.append(outcome)
            print(_progress(number, trial, outcome), file=sys.stderr, flush=True)
    return results


def _progress(number: int, trial: Trial, outcome: Outcome) -> str:
    late = f", {trial.latency * 1000:.0f} ms a reply" if trial.latency else ""
    return (
        f"round {number + 1}: {outcome.measured.seconds:6.1f} s {outcome.rate:>9,.0f} events/s  "
        f"{trial.pipeline.name}, {outcome.lines:,} events{late}"
    )
