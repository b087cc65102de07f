"""The table at a run's end: twenty rows at most, aligned, one line each."""

from __future__ import annotations

import pytest
from singer_delivery.model import Note
from singer_delivery.pipeline.report import NAMES, RunReport
from singer_delivery.pipeline.summary import lines_of, listed, table_of

MOST_ROWS = 20  # restated on purpose: the brief


def report_of(streams: int, names: int = 0) -> RunReport:
    report = RunReport(0.0)
    for number in range(streams):
        counts = report.stream(f"stream {number}")
        counts.read, counts.delivered = 1_000 + number, 990
        counts.skipped["bot"] = 10
        counts.dead["bad_line"] = number
    for number in range(names):
        report.delivered("toy", {("event", f"name {number}"): names - number})
    report.finished = 12.34
    return report


def test_one_stream_and_its_names():
    report = report_of(1, 2)
    assert table_of(report) == [
        "stream or name   read  delivered  skipped  dead  seconds",
        "stream 0        1,000        990       10     0     12.3",
        "  name 0                       2",
        "  name 1                       1",
    ]


def test_several_streams_have_a_sum():
    lines = table_of(report_of(3))
    assert len(lines) == 1 + 3 + 1
    assert lines[-1].split() == ["all", "streams", "3,003", "2,970", "30", "3", "12.3"]


def test_what_waits_or_is_undecided_has_a_column_where_there_is_any():
    report = report_of(1)
    report.streams["stream 0"].waiting = 4
    report.streams["stream 0"].delivered = 900
    head, row = table_of(report)
    columns = ["read", "delivered", "skipped", "dead", "waiting", "undecided", "seconds"]
    assert head.split()[3:] == columns
    assert row.split()[2:] == ["1,000", "900", "10", "0", "4", "86", "12.3"]


@pytest.mark.parametrize("streams", [0, 1, 2, 9, 10, 300])
@pytest.mark.parametrize("names", [0, 1, 8, 9, NAMES + 50])
def test_there_are_twenty_rows_at_most_and_all_is_counted(streams, names):
    report = report_of(streams, names)
    lines = table_of(report)
    assert len(lines) <= MOST_ROWS
    named = [line for line in lines[1:] if line.startswith("  ")]
    assert sum(int(line.split()[-1].replace(",", "")) for line in named) == report.names.total()
    if streams > 1:
        (total,) = (line for line in lines if line.startswith("all "))
        assert f"{sum(each.read for each in report.streams.values()):,}" in total


def test_a_name_chosen_by_anybody_breaks_no_line():
    report = report_of(1)
    report.delivered("toy", {("event", "a\nb\x1b[31m\u2028c" + "x" * 500): 1})
    lines = lines_of(report)
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 120


def test_beneath_it_stand_requests_reasons_and_notes():
    report = report_of(1)
    counts = report.endpoint("toy")
    counts.requests, counts.bytes_sent = 12, 34_100_000
    counts.retries["http 503"] = 3
    report.note(Note("odd"), 2)
    report.delivered("toy", {("event", "name"): 25})
    assert lines_of(report)[3:] == [
        "12 requests, 34.1 MB, 3 tried again (http 503 3); 2 events/s.",
        "Skipped: bot 10.",
        "Counted: odd 2.",
    ]


def test_reasons_are_few():
    assert listed({f"r{n}": 100 - n for n in range(10)}) == (
        "r0 100, r1 99, r2 98, r3 97, r4 96, r5 95, r6 94, r7 93, 2 more in the report"
    )
