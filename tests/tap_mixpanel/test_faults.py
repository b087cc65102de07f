"""What can go wrong between Mixpanel and the tap, from the connection to the last line of a body.

Each case ends in one of two ways: everything arrives once, or the run stops with a sentence and
STATE before the trouble.
"""

from __future__ import annotations

import gzip
import json
import time
from contextlib import closing
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from singer_delivery.tap.errors import AccessRefused, ServiceUnavailable, TooManyBroken
from tap_mixpanel import client as client_module
from tap_mixpanel.body import deal
from tap_mixpanel.dealing import RUN_BYTES, Dealer, Dealt
from tap_mixpanel.downloads import Reader
from tap_mixpanel.errors import TooManyLinesBroken
from tap_mixpanel.identity_merge import IdentityMerge
from tap_mixpanel.project import Project, Watch
from tap_mixpanel.rows import Heads
from tap_mixpanel.time_frame import UTC, TimeFrame
from tap_mixpanel.windows import Part, Window

from tests.fakes.http.listener import _Handler
from tests.fakes.http.server import DropConnection, Hold, Reply, TruncateBody
from tests.fakes.mixpanel_export import Row
from tests.fakes.mixpanel_export.faults import CorruptLines, CutGzip, CutLine, EndsEarly
from tests.fakes.mixpanel_export.refusals import (
    ERROR_BEHIND_200,
    EXPORT_TERMINATED,
    FUTURE,
    HTML,
    TIMEOUT_ERROR,
    too_many,
)
from tests.tap_mixpanel.running import Sandbox, at, days, days_of_rows, fake, row

ROWS = days_of_rows(30, 40, 35, 50, 45)
NUMBERS = [each.properties["n"] for each in ROWS]
FRAME = TimeFrame(UTC, ZoneInfo("UTC"))
SOON = 0.5
"""Seconds of silence until a test's request is given up."""

FAULTS = {
    "a marker at the end": EndsEarly(),
    "the other marker": EndsEarly(marker=EXPORT_TERMINATED),
    "a marker alone": EndsEarly(keep=0),
    "a marker without a newline": EndsEarly(newline=False),
    "a cut gzip": CutGzip(),
    "a gzip cut in its last bytes": CutGzip(keep=0.99),
    "a cut line": CutLine(),
    "a cut last line": CutLine(keep=1),
    "a cut body": TruncateBody(),
    "a dropped connection": DropConnection(),
    "a page of HTML": HTML,
    "an error behind a 200": ERROR_BEHIND_200,
    "500": Reply(500),
    "502 with HTML": Reply(502, b"<html>Bad Gateway</html>"),
    "504": Reply(504),
    "a timeout error": TIMEOUT_ERROR,
    "429": too_many("7"),
    "429 by a date": too_many("Sat, 20 Jan 2024 12:00:30 GMT"),
    "429 without a word": too_many(),
}


@pytest.fixture
def mixpanel():
    with fake(ROWS) as server:
        yield server


@pytest.fixture
def sandbox(tmp_path, mixpanel):
    return Sandbox(tmp_path, mixpanel)


def of_window(exchange):
    """The request for the second window, January 2 and 3."""
    return exchange.query.get("from_date") == "2024-01-02" and "limit" not in exchange.query


def of_both_days(exchange):
    """The request for the second window, before it is halved."""
    return of_window(exchange) and exchange.query["to_date"] == "2024-01-03"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_fault_costs_a_request_and_no_row(mixpanel, sandbox, fault):
    mixpanel.misbehave(fault, when=of_window)
    output = sandbox.run()
    assert output.numbers == NUMBERS
    assert days(mixpanel.asked)[1:4] == [(1, 1), (2, 3), (2, 3)]
    assert len(sandbox.clock.waits) >= 1
    assert output.days[-1] == "2024-01-05"
    assert sandbox.leftovers == []


SAY_NOTHING_OF_SIZE = ("429", "500", "502", "a cut body", "a dropped connection")
LASTING = {
    name: fault for name, fault in FAULTS.items() if not name.startswith(SAY_NOTHING_OF_SIZE)
}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_window_that_keeps_failing_is_halved(mixpanel, sandbox, fault):
    mixpanel.misbehave_always(fault, when=of_both_days)
    assert sandbox.run().numbers == NUMBERS
    assert days(mixpanel.asked)[1:6] == [(1, 1), (2, 3), (2, 3), (2, 2), (3, 4)]


@pytest.mark.parametrize("fault", [EndsEarly(), CutGzip(), CutLine(), TIMEOUT_ERROR], ids=repr)
def test_a_day_that_keeps_failing_is_read_in_parts(mixpanel, sandbox, fault, caplog):
    mixpanel.misbehave_always(
        fault, when=lambda each: of_window(each) and "where" not in each.query
    )
    output = sandbox.run()
    assert output.numbers == NUMBERS
    parts = [each.query["where"] for each in mixpanel.journal if "where" in each.query]
    assert len(parts) == 2
    assert any("2024-01-02 cannot be read at once" in message for message in caplog.messages)


def test_parts_become_hours_at_last(mixpanel, sandbox):
    mixpanel.publish([row(at(2, hour / 4), 1_000 + hour) for hour in range(96)])

    def is_long(each):
        where = each.query.get("where", "T00:00:00 T23:59:00")
        starts = [int(text[:2]) for text in where.split("T")[1:]]
        length = (starts[-1] - starts[0]) % 24 or 24
        return of_window(each) and length > 1

    mixpanel.misbehave_always(EndsEarly(), when=is_long)
    output = sandbox.run(end_date="2024-01-03")
    numbers = [number for number in output.numbers if number >= 1_000]
    assert numbers == [1_000 + hour for hour in range(96)]


def test_a_day_that_cannot_be_read_stops_the_run_with_state_before_it(mixpanel, sandbox):
    mixpanel.misbehave_always(EndsEarly(), when=of_window)
    output, error = sandbox.try_run(max_retries=3)
    assert isinstance(error, ServiceUnavailable)
    assert "2024-01-02" in str(error)
    assert "terminated early" in str(error)
    assert output.numbers == NUMBERS[:30]
    assert output.days[-1] == "2024-01-01"
    assert sandbox.leftovers == []


def test_a_service_that_stays_away_stops_the_run_after_the_retries(mixpanel, sandbox):
    mixpanel.misbehave_always(Reply(503), when=of_window)
    output, error = sandbox.try_run(max_retries=4)
    assert isinstance(error, ServiceUnavailable)
    assert len([wait for wait in sandbox.clock.waits if wait >= 1]) == 4
    assert output.days[-1] == "2024-01-01"


def test_the_run_after_a_failure_brings_the_rest(mixpanel, sandbox):
    mixpanel.misbehave_always(Reply(503), when=of_window)
    first, _ = sandbox.try_run(max_retries=1)
    mixpanel.behave()
    rest = sandbox.run(state=first.states[-1], lookback_days=0)
    assert [*first.numbers, *rest.numbers] == NUMBERS


def test_retry_after_is_obeyed(mixpanel, sandbox):
    mixpanel.misbehave(too_many("137"), when=of_window)
    sandbox.run()
    assert 137.0 in sandbox.clock.waits


def test_without_retry_after_a_429_waits_a_minute_and_doubles(mixpanel, sandbox):
    mixpanel.misbehave_always(too_many(), when=of_window)
    sandbox.try_run(max_retries=8)
    waits = [wait for wait in sandbox.clock.waits if wait >= 60]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


class StallsHalfway(_Handler):
    """Sends the first half of each second window, and then nothing."""

    stalled = 0

    def _send(self, exchange, reply):
        if not of_window(exchange) or self.stalled:
            super()._send(exchange, reply)
            return
        type(self).stalled += 1
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name != "Transfer-Encoding":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        self.server.fake._stopping.wait()


def test_a_download_that_falls_silent_is_asked_for_again(mixpanel, sandbox, monkeypatch):
    monkeypatch.setattr(client_module, "BETWEEN_BYTES_TIMEOUT", SOON)
    monkeypatch.setattr(client_module, "FIRST_BYTE_TIMEOUT", 60 * SOON)
    mixpanel._listener.RequestHandlerClass = StallsHalfway
    began = time.monotonic()
    assert sandbox.run().numbers == NUMBERS
    assert time.monotonic() - began < 60 * SOON
    assert days(mixpanel.asked)[2:4] == [(2, 3), (2, 3)]


def test_an_answer_that_never_begins_is_asked_for_in_halves(mixpanel, sandbox, monkeypatch):
    monkeypatch.setattr(client_module, "FIRST_BYTE_TIMEOUT", SOON)
    mixpanel.misbehave(Hold(), Hold(), when=of_window)
    assert sandbox.run().numbers == NUMBERS
    assert days(mixpanel.asked)[2:5] == [(2, 3), (2, 3), (2, 2)]


# Lines that are no rows ---------------------------------------------------------------------------


def kept(sandbox):
    path = sandbox.spool / "bad_lines.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_few_broken_lines_are_kept_and_counted(mixpanel, sandbox):
    mixpanel.misbehave(CorruptLines(3), when=of_window)
    output = sandbox.run()
    assert output.numbers == NUMBERS
    assert [line["file"] for line in kept(sandbox)] == ["2024-01-02 to 2024-01-03"] * 3
    assert output.states[-1]["bookmarks"]["events"]["bad_lines"] == 3
    assert days(mixpanel.asked)[2:4] == [(2, 3), (4, 5)]


OTHERS = {
    "no event": b'{"properties":{"time":1704153600000}}',
    "no properties": b'{"event":"x"}',
    "properties that are no object": b'{"event":"x","properties":"y"}',
    "no object": b"[1,2]",
    "no UTF-8": b'{"event":"\xff","properties":{}}',
}


@pytest.mark.parametrize("line", OTHERS.values(), ids=OTHERS)
def test_what_is_no_row_is_kept(mixpanel, sandbox, line):
    mixpanel.misbehave(CorruptLines(1, line), when=of_window)
    assert sandbox.run().numbers == NUMBERS
    assert len(kept(sandbox)) == 1


def test_many_broken_lines_are_a_failed_window(mixpanel, sandbox):
    mixpanel.misbehave(CorruptLines(12), when=of_window)
    output = sandbox.run()
    assert output.numbers == NUMBERS
    assert kept(sandbox) == []
    assert days(mixpanel.asked)[2:4] == [(2, 3), (2, 3)]


def test_a_day_whose_lines_stay_broken_stops_the_run_by_its_name(mixpanel, sandbox):
    mixpanel.misbehave_always(CorruptLines(12), when=of_window)
    output, error = sandbox.try_run()
    assert isinstance(error, TooManyBroken)
    assert "The day 2024-01-02 was read 3 times" in str(error)
    assert output.days[-1] == "2024-01-01"


def test_lines_that_are_no_rows_are_given_up_before_they_fill_memory(tmp_path):
    bad, line = tmp_path / "bad.jsonl", b'{"properties":[]}\n'
    bad.write_bytes(line * 200_000)
    project = Project(FRAME, IdentityMerge(), Watch(FRAME))
    dealer = Dealer(project, Heads(FRAME), tmp_path)
    with pytest.raises(TooManyLinesBroken):
        deal(bad, dealer)
    assert len(dealer.broken) < 20_000


def test_a_day_in_24_parts_takes_no_more_memory_than_a_window(tmp_path):
    lines = [row(at(1) + n, n).line(1, in_ms=True) for n in range(9_000)]
    project = Project(FRAME, IdentityMerge(), Watch(FRAME))

    class Client:
        def fetch(self, asked, path):
            path.write_bytes(b"\n".join(lines))
            return path.stat().st_size

    reader = Reader(Client(), project, (), tmp_path, tmp_path / "spool")
    day = Window(date(2024, 1, 1), date(2024, 1, 1))
    dealers = [reader.read(day, part)[0] for part in Part.whole(day.first).smaller() * 3]
    in_memory = sum(
        len(line) for dealer in dealers for rows in dealer.sorter._kept for line in rows.lines
    )
    assert in_memory < RUN_BYTES / 24 * len(dealers)
    with closing(Dealt(dealers)) as dealt:
        assert sum(len(rows) for day in dealt.days() for rows in day.blocks) == 6 * 9_000


def test_odd_text_is_mended_and_digits_stay(tmp_path):
    odd = [
        Row("Odd", at(1), {"$insert_id": "1", "text": "a\u2028b\u0085c\x0bd"}),
        Row("Odd", at(1) + 1, {"$insert_id": "2"}, extra=b'"cut":"\\ud83d","nul":"\\u0000"'),
        Row("Odd", at(1) + 2, {"$insert_id": "3"}, extra=b'"big":123456789012345678901,"f":1.0'),
        Row("Odd", at(1) + 3, {"$insert_id": "4"}, extra=b'"nan":NaN,"rest":1'),
    ]
    with fake(odd) as mixpanel:
        output = Sandbox(tmp_path, mixpanel).run()
    found = [record["properties"] for record in output.events]
    assert found[0]["text"] == "a\u2028b\u0085c\x0bd"
    assert (found[1]["cut"], found[1]["nul"]) == ("\ufffd", "\ufffd")
    assert '"big":123456789012345678901,"f":1.0' in output.raw_records[2]
    assert found[3]["rest"] == 1
    assert "nan" not in found[3]


# What stops the run at once -----------------------------------------------------------------------


def refused(tmp_path, settings=(), **options):
    with fake(ROWS, **options) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        output, error = sandbox.try_run(**dict(settings))
        assert len(mixpanel.journal) == 1
    assert isinstance(error, AccessRefused)
    assert output.records == output.states == []
    assert "mixpanel-secret" not in str(error)
    return str(error)


@pytest.mark.parametrize("refusal", [401, 400])
def test_a_login_that_is_refused_is_named_with_its_project(tmp_path, refusal):
    wrong = {"service_account_secret": "mixpanel-secret-old"}
    said = refused(tmp_path, wrong, refusal=refusal)
    assert "The service account exporter.1a2b3c.mp-service-account was refused" in said
    assert "for project 2195193" in said
    assert 'region (now "us")' in said


@pytest.mark.parametrize("lost", ["cluster", "page"])
def test_another_region_is_named(tmp_path, lost):
    said = refused(tmp_path, lost_project=lost, project_region="eu")
    assert 'Project 2195193 is not in region "us"' in said
    assert '"eu" or "in"' in said


def test_a_project_without_a_role_is_named(tmp_path):
    assert "no role" in refused(tmp_path, {"project_id": "77"})


def test_an_address_that_is_none_is_named(tmp_path):
    with fake(ROWS) as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        _, error = sandbox.try_run(base_url=f"{mixpanel.url}/elsewhere")
    assert isinstance(error, AccessRefused)
    assert "answered 404" in str(error)


def test_a_project_secret_works_and_is_warned_of(tmp_path, caplog):
    with fake(ROWS, project_secret="project-secret") as mixpanel:
        sandbox = Sandbox(tmp_path, mixpanel)
        output = sandbox.run(
            project_secret="project-secret",
            service_account_username=None,
            service_account_secret=None,
        )
        assert all("project_id" not in each.query for each in mixpanel.journal)
    assert output.numbers == NUMBERS
    assert any("3 March 2027" in message for message in caplog.messages)


def test_a_day_that_has_not_begun_there_is_left_to_the_next_run(mixpanel, sandbox):
    def reaches_the_fifth(each):
        return each.query["to_date"] == "2024-01-05" and "limit" not in each.query

    mixpanel.misbehave_always(FUTURE, when=reaches_the_fifth)
    output = sandbox.run()
    assert output.days[-1] == "2024-01-04"
    assert output.numbers == [each.properties["n"] for each in ROWS if each.at < at(5)]


def test_the_opening_check_steps_back_a_day_after_a_passing_fault_too(mixpanel, sandbox):
    def reaches_today(each):
        return each.query["to_date"] == "2024-01-20"

    mixpanel.misbehave(Reply(500), FUTURE, when=reaches_today)
    assert sandbox.run(max_retries=1).numbers == NUMBERS


def test_a_redirect_leads_nowhere_and_the_login_stays_here(mixpanel, sandbox):
    with fake(ROWS) as elsewhere:
        mixpanel.misbehave_always(Reply(302, headers={"Location": f"{elsewhere.url}/x?y=1"}))
        output, error = sandbox.try_run()
        assert elsewhere.journal == []
    assert isinstance(error, AccessRefused)
    assert "redirects are not followed" in str(error)
    assert output.states == output.records == []


def test_an_empty_day_is_whole_and_so_is_a_404(tmp_path):
    rows = days_of_rows(2, 0, 3)
    with fake(rows) as mixpanel:
        mixpanel.misbehave(Reply(404), when=lambda each: each.query["from_date"] == "2024-01-04")
        output = Sandbox(tmp_path, mixpanel).run(window_days=1)
    assert output.days[-1] == "2024-01-05"
    assert len(output.events) == 5


def test_a_body_that_swells_is_asked_for_again_and_never_unpacked_whole(mixpanel, sandbox):
    bomb = gzip.compress(b" " * 1024 * 1024, 9) * 300
    mixpanel.misbehave(Reply(200, bomb, {"Content-Encoding": "gzip"}), when=of_window)
    assert sandbox.run().numbers == NUMBERS
