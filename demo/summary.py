"""The demonstration's last words on a destination: what arrived, in plain text. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from demo.checks import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.checks import Check
    from demo.destination import Outcome

WIDTH = 40


def lines(service: str, outcome: Outcome, report: Mapping[str, Any]) -> list[str]:
    """Return the summary, line by line."""
    return [
        "",
        f"What arrived at the stand-in for {service}",
        "",
        *_table(outcome.names.most_common()),
        "",
        *_table(outcome.figures),
        "",
        *_table(_run(report)),
        "",
        "  Counted on the way:",
        *_table((f"  {name}", count) for name, count in report["notes"].items()),
        "",
        *_sum(stream_of(report)),
        *(_traffic(name, counts) for name, counts in report["endpoints"].items()),
        "",
        *(_failure(check) for check in outcome.checks if not check.holds),
        _verdict(outcome.checks),
    ]


def _run(report: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    yield "requests", sum(each["requests"] for each in report["endpoints"].values())
    yield "seconds from the first record on", f"{report['seconds']:.2f}"
    yield "events a second", round(report["events_per_second"])


def _sum(stream: Mapping[str, Any]) -> Iterable[str]:
    """The sum of the run report, with the reasons under it."""
    skipped, dead = sum(stream["skipped"].values()), sum(stream["dead"].values())
    yield (
        f"  {stream['read']:,} records read = {stream['delivered']:,} delivered"
        f" + {skipped:,} skipped + {dead:,} dead letters"
    )
    for kind in ("skipped", "dead"):
        yield from (f"    {kind}: {count:,} {why}" for why, count in stream[kind].items())


def _traffic(endpoint: str, counts: Mapping[str, Any]) -> str:
    delivered, dead = counts["delivered"], sum(counts["dead"].values())
    return f"  {endpoint}: {delivered + dead:,} sent = {delivered:,} delivered + {dead:,} refused"


def _table(rows: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in rows:
        yield f"  {name:<{WIDTH}} {value if isinstance(value, str) else format(value, ',')}"


def _failure(check: Check) -> str:
    return f"  WRONG  {check.what}: found {check.found}, expected {check.expected}"


def _verdict(checks: Sequence[Check]) -> str:
    wrong = sum(not check.holds for check in checks)
    if wrong:
        return f"It does not add up: {wrong} of {len(checks)} checks failed."
    return f"It adds up: all {len(checks)} checks against what the sample is known to hold."
