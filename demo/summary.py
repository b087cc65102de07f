"""The demonstration's last words: what arrived, in plain text. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from demo.balance import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.balance import Arrived, Check

WIDTH = 34


def lines(
    arrived: Arrived, report: Mapping[str, Any], results: Sequence[Check], users: int
) -> list[str]:
    """Return the summary, line by line."""
    return [
        "",
        "What arrived at the stand-in for PostHog",
        "",
        *_table(arrived.names.most_common()),
        "",
        *_table(_people(arrived, report, users)),
        "",
        *_table(_run(report)),
        "",
        *_sum(stream_of(report)),
        "",
        *(_failure(check) for check in results if not check.holds),
        _verdict(results),
    ]


def _people(arrived: Arrived, report: Mapping[str, Any], users: int) -> Iterable[tuple[str, Any]]:
    yield "people", arrived.profiles
    yield "  with a user id", users
    yield "  anonymous", arrived.profiles - users
    yield "devices linked to their user", arrived.links
    conflicts = report["examples"].get("identity_conflict", [])
    yield "devices seen with a second user", f"{len(conflicts):,} (not merged)"
    yield "groups", len(arrived.groups)
    yield "sessions", arrived.sessions


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


def _table(rows: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for name, value in rows:
        yield f"  {name:<{WIDTH}} {value if isinstance(value, str) else format(value, ',')}"


def _failure(check: Check) -> str:
    return f"  WRONG  {check.what}: found {check.found}, expected {check.expected}"


def _verdict(results: Sequence[Check]) -> str:
    wrong = sum(not check.holds for check in results)
    if wrong:
        return f"It does not add up: {wrong} of {len(results)} checks failed."
    return f"It adds up: all {len(results)} checks against what the sample is known to hold."
