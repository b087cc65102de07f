"""The books beside the figures of the source's own charts: printed, never a verdict.

Charts leave out what the source hides, blocks or deletes, and an export still holds it; and they
count days in a zone of their own. So more in the books is usual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from singer_delivery.progress.words import aligned, shortened
from singer_delivery.proof.comparing import Sent
from singer_delivery.proof.counting import CannotAsk, SourceCounter, day_of
from singer_delivery.proof.result import number

MOST_LINES = 20
UTC = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT"})


class Row(NamedTuple):
    """A day, or a name, in the books and at the source; None where it was not answered."""

    what: str
    books: int
    source: int | None


def soft_check(
    sent: Sequence[Sent], counter: SourceCounter, most_names: int | None = None
) -> Iterator[str]:
    """Yield lines that set the books beside the source.

    Args:
        sent: of the books.
        counter: asks the source.
        most_names: that are asked for; None for as many as are cheap.

    Raises:
        CannotAsk: the books are empty, or the source does not answer.
    """
    if not sent:
        msg = "the books hold no events of these days."
        raise CannotAsk(msg)
    of_day, of_name = Counter[int](), Counter[str]()
    for cell in sent:
        of_day[cell.day] += cell.count
        of_name[cell.source_name] += cell.count
    first, last = min(of_day), max(of_day)
    exact = counter.time_zone in UTC
    around = 0 if exact else 1
    there = counter.days(first - around, last + around)
    yield f"{counter.source}'s own charts beside the books, which never fails:"
    yield from aligned([("", "books", "charts"), *_rows(of_day, there, exact=exact)])
    most = counter.affordable(last - first + 1) if most_names is None else most_names
    chosen = [name for name, _ in of_name.most_common(most)]
    rows = [*_names(chosen, of_name, counter, (first - around, last + around))]
    if rows:
        yield ""
        yield from aligned([("name", "books", "charts"), *_written(rows)])
    yield from ("", _to_know(counter, exact=exact))


def _rows(
    books: Mapping[int, int], there: Mapping[int, int], *, exact: bool
) -> Iterator[Sequence[str]]:
    rows = [Row("all days", sum(books.values()), sum(there.values()))]
    if exact:
        days = [day for day in sorted(books) if books[day] != there.get(day, 0)]
        rows += [Row(str(day_of(day)), books[day], there.get(day, 0)) for day in days[:MOST_LINES]]
    return _written(rows)


def _names(
    names: Iterable[str], books: Mapping[str, int], counter: SourceCounter, days: tuple[int, int]
) -> Iterator[Row]:
    for name in names:
        try:
            found: int | None = sum(counter.days(*days, name).values())
        except CannotAsk:
            found = None
        yield Row(shortened(name), books[name], found)


def _written(rows: Iterable[Row]) -> Iterator[Sequence[str]]:
    for row in rows:
        yield row.what, f"{row.books:,}", number(row.source)


def _to_know(counter: SourceCounter, *, exact: bool) -> str:
    how = "by day" if exact else "over the whole range, a day more at both ends"
    return (
        f"Days of {counter.time_zone}, compared {how}. Charts leave out hidden and deleted "
        "events, and filters of the run leave out others: a difference here proves nothing."
    )
