"""The figures of one run that the pages show."""

from __future__ import annotations

from bench.pipelines import Outcome


def rate(outcome: Outcome) -> float:
    """Return events a second."""
    return outcome.rate


def largest(outcome: Outcome) -> float:
    """Return the memory of the largest process, in MB."""
    return outcome.measured.largest_mb


def total(outcome: Outcome) -> float:
    """Return the memory of all processes, in MB."""
    return outcome.measured.total_mb


def seconds(outcome: Outcome) -> float:
    """Return the wall time."""
    return outcome.measured.seconds


def arrived(outcome: Outcome) -> float:
    """Return the share of what was sent that arrived."""
    return outcome.arrived


def cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of all processes."""
    return _an_event(outcome.measured.cpu, outcome)


def tap_cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of the tap, the first command of a pipe of ours."""
    return _an_event(outcome.measured.usages[0].cpu, outcome)


def sending_cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of the process that reads, decides and sends: the last command."""
    return _an_event(outcome.measured.usages[-1].own_cpu, outcome)


def mapping_cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of all mapping processes: what the last command started."""
    return _an_event(outcome.measured.usages[-1].children_cpu, outcome)


def most_rate(outcome: Outcome) -> float:
    """Return the events a second at which the sending process alone would be busy all the time."""
    return 1e6 / sending_cpu(outcome)


def meltano_cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of Meltano itself, the only command of its run."""
    return _an_event(outcome.measured.usages[0].own_cpu, outcome)


def plugins_cpu(outcome: Outcome) -> float:
    """Return the CPU µs an event of what Meltano started: the plugins with their processes."""
    return _an_event(outcome.measured.usages[0].children_cpu, outcome)


def ledger(outcome: Outcome) -> float:
    """Return the size of the ledger, in MB."""
    return outcome.ledger_mb


def sink_cpu(outcome: Outcome) -> float:
    """Return the CPU µs that an event cost the sink."""
    return outcome.counts.cpu_seconds / outcome.counts.events * 1e6


def _an_event(cpu_seconds: float, outcome: Outcome) -> float:
    return cpu_seconds / outcome.lines * 1e6
