"""What the checks of every destination are made of. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

EXAMPLES = 100
"""So many different examples of a note a report keeps."""


class Check(NamedTuple):
    """One thing that must be so: `found` is `expected`."""

    what: str
    found: Any
    expected: Any

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return bool(self.found == self.expected)


def stream_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the report's counts of the events; a run that read nothing has none."""
    nothing = {"read": 0, "delivered": 0, "skipped": {}, "dead": {}}
    stream: Mapping[str, Any] = report["streams"].get("events", nothing)
    return stream


def conflicts_in(report: Mapping[str, Any]) -> int:
    """Return how many devices with a second user the report names."""
    return len(report["examples"].get("identity_conflict", []))


def sum_of_the_report(report: Mapping[str, Any], lines: int) -> list[Check]:
    """Check that every line of the export was read, and that each ended somewhere."""
    stream = stream_of(report)
    decided = sum((stream["delivered"], *stream["skipped"].values(), *stream["dead"].values()))
    return [
        Check("records read", stream["read"], lines),
        Check("delivered + skipped + dead", decided, stream["read"]),
    ]


def once_each(copies: Mapping[str, int], due: Collection[str]) -> list[Check]:
    """Check that each of the events that are due is there once, and no other."""
    return [
        Check("events missing", len(due - copies.keys()), 0),
        Check("events that nobody sent", len(copies.keys() - due), 0),
        Check("events that arrived twice", sum(count > 1 for count in copies.values()), 0),
    ]


def behind(
    known: Mapping[str, Mapping[str, Any]], newest: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return whose properties lack some of the newest."""
    return [
        name
        for name, due in newest.items()
        if any(known.get(name, {}).get(key) != value for key, value in due.items())
    ]
