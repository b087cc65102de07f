"""What a person should know of a comparison, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from singer_delivery.proof.counting import Reason, day_of
from singer_delivery.proof.narrowing import Missing


def of_comparison(copies: int, shared: Collection[str]) -> Iterator[Reason]:
    """Yield what the counts alone say: rows there twice, names that others send too."""
    if copies:
        yield Reason("duplicates", _copies(copies))
    if shared:
        yield Reason("shared_names", _shared(shared))


def of_missing(missing: Missing) -> Iterator[Reason]:
    """Yield what the ids say beside what is missing."""
    if missing.elsewhere:
        yield Reason("other_name_or_day", _elsewhere(missing.elsewhere))
    if missing.whole_days:
        yield Reason("whole_days", _whole_days(missing.whole_days))
    if missing.hours.get(0):
        yield Reason("unknown_hours", _unknown_hours(missing.hours[0]))


def _copies(rows: int) -> str:
    return (
        f"{rows:,} rows are there a second time. The destination drops them by and by; different "
        "ids are compared, so they make no difference here."
    )


def _shared(names: Collection[str]) -> str:
    return (
        f"The figures of {len(names):,} names hold events of others too, which this way of asking "
        "cannot tell apart: what lacks there may be hidden. --raw counts ours alone."
    )


def _elsewhere(days: Collection[int]) -> str:
    return (
        f"All ids of {_listed(days)} are there although fewer were counted: nothing is lost, the "
        "destination has them under another day or name."
    )


def _whole_days(days: Collection[int]) -> str:
    return (
        f"The ids of {_listed(days)} were not compared, which takes more requests than allowed "
        "(--max-requests): all source hours of these days are named."
    )


def _listed(days: Collection[int]) -> str:
    first = ", ".join(str(day_of(day)) for day in sorted(days)[:5])
    return first + (f" and {len(days) - 5:,} more days" if len(days) > 5 else "")


def _unknown_hours(events: int) -> str:
    return (
        f"{events:,} of the missing events came in source hours that nobody knows, such as those "
        "of a plain stream: send the source's whole range again."
    )
