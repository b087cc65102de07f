from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.fakes.http.server import Delay, DropConnection, Reply, Stall, TruncateBody
from tests.fakes.mixpanel_export import PATH, FakeMixpanelExport, Limits, refusals
from tests.fakes.mixpanel_export.faults import (
    CORRUPT,
    CorruptLines,
    CutGzip,
    CutLine,
    EndsEarly,
)
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.fakes.mixpanel_export.rows import Row

ACCOUNT = ("exporter.1a2b3c.mp-service-account", "mixpanel-secret")
DAY = {"project_id": "2195193", "from_date": "2024-03-01", "to_date": "2024-03-01"}
NOON = datetime(2024, 3, 10, 12, tzinfo=timezone.utc)
MOMENT = round(datetime(2024, 3, 1, 9, tzinfo=timezone.utc).timestamp() * 1_000)
ROWS = [Row("Paid", MOMENT, {"n": n}) for n in range(40)]


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def project(**settings) -> FakeMixpanelExport:
    settings.setdefault("limits", UNLIMITED)
    return FakeMixpanelExport(ROWS, now=lambda: NOON, **settings)


def export(server, **headers) -> requests.Response:
    return requests.get(server.url + PATH, params=DAY, auth=ACCOUNT, headers=headers, timeout=10)


def lines(server, *acts, **headers) -> list[bytes]:
    """What a client gets that believes in the 200."""
    server.misbehave(*acts)
    reply = export(server, **headers)
    assert reply.status_code == 200
    return reply.content.splitlines()


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("marker", [refusals.TERMINATED, refusals.EXPORT_TERMINATED])
def test_an_export_ends_early_behind_a_200(marker, coding):
    with project() as mixpanel:
        found = lines(mixpanel, EndsEarly(0.5, marker), **{"Accept-Encoding": coding})
    assert len(found) == 21
    assert found[-1] == marker
    assert all(line.startswith(b'{"event"') for line in found[:-1])


def test_the_line_that_says_so_may_be_all():
    with project() as mixpanel:
        assert lines(mixpanel, EndsEarly(keep=0)) == [b"terminated early"]
        mixpanel.misbehave(EndsEarly(keep=0, newline=False))
        assert export(mixpanel).content == b"terminated early"


def test_a_line_may_be_cut_behind_a_clean_end():
    with project() as mixpanel:
        found = lines(mixpanel, CutLine(0.5))
    assert len(found) == 20
    assert found[0].endswith(b"}}")
    assert not found[-1].endswith(b"}")


def test_lines_may_be_broken_among_whole_ones():
    with project() as mixpanel:
        found = lines(mixpanel, CorruptLines(3))
    assert found[20:23] == [CORRUPT] * 3
    assert found.count(CORRUPT) == 3
    assert len(found) == 43


def test_a_gzip_member_may_be_cut_behind_a_clean_end():
    with project() as mixpanel:
        mixpanel.misbehave(CutGzip(0.5))
        reply = requests.get(mixpanel.url + PATH, params=DAY, auth=ACCOUNT, stream=True, timeout=10)
        body = reply.raw.read(decode_content=False)
    assert reply.headers["Content-Encoding"] == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(body)
    decoder = zlib.decompressobj(31)
    assert decoder.decompress(body)
    assert not decoder.eof


@pytest.mark.parametrize("act", [DropConnection(), TruncateBody(0.5)])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_connection_breaks(act, coding):
    with project() as mixpanel:
        mixpanel.misbehave(act)
        with pytest.raises(requests.RequestException):
            export(mixpanel, **{"Accept-Encoding": coding})


def test_bytes_may_be_slow():
    with project() as mixpanel:
        assert len(lines(mixpanel, Delay(0.05))) == 40
        assert len(lines(mixpanel, Stall(0.05, keep=0))) == 40
        mixpanel.misbehave(Stall(30, keep=0.2))
        with pytest.raises(requests.RequestException):
            requests.get(mixpanel.url + PATH, params=DAY, auth=ACCOUNT, timeout=0.2)


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (refusals.HTML, 200, "<html>"),
        (refusals.ERROR_BEHIND_200, 200, '"error"'),
        (refusals.TIMEOUT_ERROR, 400, '"error":"Timeout Error."'),
        (Reply(502, b"<html>Bad Gateway</html>"), 502, "Bad Gateway"),
        (refusals.too_many("7"), 429, "Too many"),
    ],
)
def test_some_answers_are_none(reply, status, text):
    with project() as mixpanel:
        mixpanel.misbehave(reply)
        answered = export(mixpanel)
    assert answered.status_code == status
    assert text in answered.text
    assert mixpanel.days_served() == {}


def test_a_fault_meets_the_request_of_a_number():
    with project() as mixpanel:
        mixpanel.misbehave(EndsEarly(0), when=lambda exchange: exchange.number == 2)
        sizes = [len(export(mixpanel).content.splitlines()) for _ in range(3)]
    assert sizes == [40, 1, 40]


@pytest.mark.parametrize(
    "act", [EndsEarly(), CutLine(), CorruptLines(), CutGzip(), TruncateBody(), DropConnection()]
)
def test_a_day_that_did_not_come_whole_was_not_read(act):
    late = Row("Paid", MOMENT, {"n": 99}, appears=2)
    with project() as mixpanel:
        mixpanel.publish([late])
        mixpanel.misbehave(act)
        with suppress(requests.RequestException):
            export(mixpanel)
        assert mixpanel.days_served() == {}
        assert len(export(mixpanel).content.splitlines()) == 40
        assert len(export(mixpanel).content.splitlines()) == 41


# Quotas -------------------------------------------------------------------------------------


def test_sixty_requests_an_hour_are_allowed():
    clock = Clock()
    with project(limits=Limits(60, 3, 100), clock=clock) as mixpanel:
        for _ in range(60):
            assert export(mixpanel).status_code == 200
            clock.seconds += 10
        refused = export(mixpanel)
        clock.seconds += 3_000 - 1
        still = export(mixpanel)
        clock.seconds += 2
        allowed = export(mixpanel)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3001")
    assert (still.status_code, still.headers["Retry-After"]) == (429, "2")
    assert allowed.status_code == 200


def test_three_requests_a_second_are_allowed():
    clock = Clock()
    with project(limits=Limits(60, 3, 100), clock=clock) as mixpanel:
        statuses = [export(mixpanel).status_code for _ in range(4)]
        clock.seconds += 1
        statuses.append(export(mixpanel).status_code)
    assert statuses == [200, 200, 200, 429, 200]


def test_a_refused_account_costs_nothing():
    with project(limits=Limits(1, None, None), clock=Clock()) as mixpanel:
        requests.get(mixpanel.url + PATH, params=DAY, timeout=10)
        assert export(mixpanel).status_code == 200
        assert export(mixpanel).status_code == 429


def test_retry_after_may_be_a_date_or_missing():
    with project(limits=Limits(1, None, None), clock=Clock(), retry_after="date") as mixpanel:
        export(mixpanel)
        date = parsedate_to_datetime(export(mixpanel).headers["Retry-After"])
    assert (date - NOON).total_seconds() == 3_600
    with project(limits=Limits(1, None, None), clock=Clock(), retry_after=None) as mixpanel:
        export(mixpanel)
        refused = export(mixpanel)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, False)


def test_only_so_many_are_open_at_once():
    with project(limits=Limits(None, None, 1)) as mixpanel:
        mixpanel.misbehave(Stall(30))
        first = requests.get(mixpanel.url + PATH, params=DAY, auth=ACCOUNT, stream=True, timeout=10)
        assert first.status_code == 200
        assert export(mixpanel).status_code == 429
        first.close()
