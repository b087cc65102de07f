"""What a person should know of a comparison, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from singer_delivery.proof.counting import Reason, day_of
from singer_delivery.proof.narrowing import BEYOND, NO_IDS, REFUSED, Missing

NOT_COMPARED: Mapping[str, tuple[str, str]] = {
    BEYOND: (
        "whole_days",
        (
            "The ids of {days} were not compared, which takes more requests than allowed "
            "(--max-requests): all source hours of a day that lacks something are named."
        ),
    ),
    REFUSED: (
        "ids_refused",
        (
            "The destination did not list the ids of {days}: all source hours of a day that lacks "
            "something are named."
        ),
    ),
    NO_IDS: (
        "no_ids",
        "The books hold no ids of {days}: nobody knows in which source hours its events came.",
    ),
}
"""Why ids were not compared -> the reason, and a sentence with the days."""


NOT_READ_AGAIN = Reason(
    "not_read_again",
    "What lacks was not read again, which takes more requests than allowed (--max-requests): the "
    "destination may still be taking it in.",
)


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
    for why, (reason, sentence) in NOT_COMPARED.items():
        days = [day for day, its in missing.whole_days.items() if its == why]
        if days:
            yield Reason(reason, sentence.format(days=_listed(days)))
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
        "cannot tell apart: what lacks there may be hidden. --raw counts ours alone; "
        "--max-requests allows more questions."
    )


def _elsewhere(days: Collection[int]) -> str:
    return (
        f"All ids of {_listed(days)} are there although fewer were counted: nothing is lost, the "
        "destination has them under another day or name, or took them in meanwhile."
    )


def _listed(days: Collection[int]) -> str:
    first = ", ".join(str(day_of(day)) for day in sorted(days)[:5])
    return first + (f" and {len(days) - 5:,} more days" if len(days) > 5 else "")


def _unknown_hours(events: int) -> str:
    return (
        f"{events:,} of the missing events came in source hours that nobody knows, such as those "
        "of a plain stream: send the source's whole range again."
    )
