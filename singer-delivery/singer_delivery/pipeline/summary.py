"""A run's end for people: a table of at most twenty rows, and a few lines beneath it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from singer_delivery.pipeline.report import OTHER, RunReport, StreamCounts
from singer_delivery.progress.words import aligned, shortened

MOST_STREAMS = 9
MOST_NAMES = 8
"""With its head, a line for the other streams or the sum, and one for the other names: 20 rows."""

MOST_REASONS = 8

MEGABYTE = 1_000_000


Row = tuple[str, ...]
"""What a row of the table is about, and its numbers as texts, which may be empty."""


def lines_of(report: RunReport) -> list[str]:
    """Return the table, and what else a log should have of a run."""
    with report.lock:
        report.totals()
        return [*table_of(report), *_beneath(report)]


def table_of(report: RunReport) -> list[str]:
    """Return the table's rows, aligned: streams, and beneath them the names of events."""
    streams = [*report.streams.items()]
    columns = ["read", "delivered", "skipped", "dead"]
    columns += [each for each in ("waiting", "undecided") if any(_of(s, each) for _, s in streams)]
    head = ("stream or name", *columns, "seconds")
    rows = [*_stream_rows(streams, columns, report.seconds), *_name_rows(report.names, columns)]
    return [*aligned([head, *rows])]


def _stream_rows(
    streams: Sequence[tuple[str, StreamCounts]], columns: Sequence[str], seconds: float
) -> Iterator[Row]:
    first, others = streams[:MOST_STREAMS], streams[MOST_STREAMS:]
    for name, counts in first:
        taken = seconds if len(streams) == 1 else counts.seconds
        yield (shortened(name), *_numbers([counts], columns), f"{taken:,.1f}")
    if len(streams) > 1:
        label = f"all {len(streams)} streams" if others else "all streams"
        every = [counts for _, counts in streams]
        yield (label, *_numbers(every, columns), f"{seconds:,.1f}")


def _name_rows(names: Counter[str], columns: Sequence[str]) -> Iterator[Row]:
    known = [(name, count) for name, count in names.most_common() if name != OTHER]
    shown = known[:MOST_NAMES]
    rest = names.total() - sum(count for _, count in shown)
    for name, count in shown:
        yield _name_row(shortened(name), count, columns)
    if rest:
        yield _name_row("other names", rest, columns)


def _name_row(label: str, delivered: int, columns: Sequence[str]) -> Row:
    numbers = [f"{delivered:,}" if column == "delivered" else "" for column in columns]
    return (f"  {label}", *numbers, "")


def _numbers(streams: Iterable[StreamCounts], columns: Sequence[str]) -> list[str]:
    streams = [*streams]
    return [f"{sum(_of(counts, column) for counts in streams):,}" for column in columns]


def _of(counts: StreamCounts, column: str) -> int:
    value: int | Counter[str] = getattr(counts, column)
    return value.total() if isinstance(value, Counter) else value


def _beneath(report: RunReport) -> Iterator[str]:
    skipped, retries = Counter[str](), Counter[str]()
    for counts in report.streams.values():
        skipped += counts.skipped
    for endpoint in report.endpoints.values():
        retries += endpoint.retries
    requests = sum(each.requests for each in report.endpoints.values())
    size = sum(each.bytes_sent for each in report.endpoints.values()) / MEGABYTE
    again = f", {retries.total():,} tried again ({listed(retries)})" if retries else ""
    yield f"{requests:,} requests, {size:,.1f} MB{again}; {report.events_per_second:,.0f} events/s."
    if skipped:
        yield f"Skipped: {listed(skipped)}."
    if report.notes:
        yield f"Counted: {listed(report.notes)}."


def listed(counts: Mapping[str, int]) -> str:
    """Return the most frequent of what is counted, as in `excluded_person 12, bot 3`."""
    most = Counter(counts).most_common()
    said = [f"{shortened(name)} {count:,}" for name, count in islice(most, MOST_REASONS)]
    if len(most) > MOST_REASONS:
        said.append(f"{len(most) - MOST_REASONS} more in the report")
    return ", ".join(said)
