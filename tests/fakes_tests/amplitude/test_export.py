from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
import requests

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.server import Delay, DropConnection, LoseReply, Reply, TruncateBody

KEYS = ("amplitude-key", "amplitude-secret")
NINE = datetime(2024, 3, 1, 9, tzinfo=timezone.utc)
TEN, ELEVEN = NINE + timedelta(hours=1), NINE + timedelta(hours=2)
HOURS = {
    NINE: [b'{"n":1}', b'{"n":2}', b'{"n":3}'],
    TEN: [b'{"n":4}'],
    ELEVEN: [],
}


def export(server: FakeAmplitude, start: str, end: str, auth=KEYS) -> requests.Response:
    return requests.get(
        server.url + "/api/2/export", params={"start": start, "end": end}, auth=auth, timeout=10
    )


def files_in(reply: requests.Response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: gzip.decompress(archive.read(name)) for name in archive.namelist()}


def lines_in(reply: requests.Response) -> Counter[bytes]:
    return Counter(line for content in files_in(reply).values() for line in content.split(b"\n"))


def test_an_hour_is_a_zip_of_gzip_files_of_lines():
    with FakeAmplitude(HOURS) as amplitude:
        reply = export(amplitude, "20240301T09", "20240301T09")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zip")
    ((name, content),) = files_in(reply).items()
    assert re.fullmatch(r"187520/187520_2024-03-01_9#\d+\.json\.gz", name)
    assert content == b'{"n":1}\n{"n":2}\n{"n":3}'  # no newline at the end


def test_the_last_hour_is_included():
    with FakeAmplitude(HOURS) as amplitude:
        reply = export(amplitude, "20240301T09", "20240301T10")
    assert lines_in(reply) == Counter(HOURS[NINE] + HOURS[TEN])


def test_hours_outside_the_range_stay_outside():
    with FakeAmplitude(HOURS) as amplitude:
        assert lines_in(export(amplitude, "20240301T10", "20240301T12")) == Counter(HOURS[TEN])


def test_an_hour_may_come_in_several_files():
    with FakeAmplitude(HOURS, parts=2, project_id=7) as amplitude:
        reply = export(amplitude, "20240301T09", "20240301T10")
    assert sorted(name.split("#")[0] for name in files_in(reply)) == [
        "7/7_2024-03-01_10",
        "7/7_2024-03-01_9",
        "7/7_2024-03-01_9",
    ]
    assert lines_in(reply) == Counter(HOURS[NINE] + HOURS[TEN])


@pytest.mark.parametrize("hour", ["20240301T11", "20240301T12"])
def test_a_range_that_holds_nothing_is_a_404_with_the_known_text(hour):
    with FakeAmplitude(HOURS) as amplitude:
        reply = export(amplitude, hour, hour)
    assert reply.status_code == 404
    assert "Raw data files were not found." in reply.text


def test_a_wrong_address_is_a_404_without_the_known_text():
    with FakeAmplitude(HOURS) as amplitude:
        reply = requests.get(amplitude.url + "/api/3/export", auth=KEYS, timeout=10)
    assert reply.status_code == 404
    assert "Raw data files" not in reply.text


def test_a_range_over_the_limit_is_too_large_and_one_at_the_limit_is_not():
    size = sum(len(line) + 1 for line in HOURS[NINE])
    with FakeAmplitude(HOURS, max_bytes=size) as amplitude:
        whole = export(amplitude, "20240301T09", "20240301T10")
        hour = export(amplitude, "20240301T09", "20240301T09")
    assert (whole.status_code, hour.status_code) == (400, 200)
    assert "too large" in whole.json()["error"]["message"]
    assert whole.json()["error"]["http_code"] == 400


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", ""),
        ("20240301", "20240301T09"),
        ("20240301T9", "20240301T09"),
        ("2024-03-01T09", "20240301T09"),
        ("20240301T24", "20240301T24"),
        ("20240230T00", "20240301T00"),
        ("20240301T10", "20240301T09"),
        ("20230301T00", "20240229T00"),  # 365 days and an hour
    ],
)
def test_an_impossible_range_is_a_400_that_is_not_about_size(start, end):
    with FakeAmplitude(HOURS) as amplitude:
        reply = export(amplitude, start, end)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "Invalid time range"


def test_365_days_are_allowed():
    with FakeAmplitude(HOURS) as amplitude:
        assert export(amplitude, "20230303T00", "20240301T23").status_code == 200


@pytest.mark.parametrize(
    "header", [None, "Bearer x", "Basic !!", "Basic YTpi!", "Basic bm9jb2xvbg=="]
)
def test_missing_or_garbled_credentials_are_a_401(header):
    with FakeAmplitude(HOURS) as amplitude:
        reply = requests.get(
            amplitude.url + "/api/2/export", headers={"Authorization": header}, timeout=10
        )
    assert reply.status_code == 401


@pytest.mark.parametrize("auth", [("amplitude-key", "wrong"), ("wrong", "amplitude-secret")])
def test_wrong_credentials_are_a_403_that_says_so(auth):
    with FakeAmplitude(HOURS) as amplitude:
        reply = export(amplitude, "20240301T09", "20240301T09", auth=auth)
    assert reply.status_code == 403
    assert reply.json()["error"]["metadata"]["details"] == "Invalid API Key"


def test_only_get_is_allowed():
    with FakeAmplitude(HOURS) as amplitude:
        assert requests.post(amplitude.url + "/api/2/export", timeout=10).status_code == 405


def test_asked_lists_ranges_in_order_whatever_they_were_answered():
    with FakeAmplitude(HOURS) as amplitude:
        amplitude.misbehave(Reply(504))
        export(amplitude, "20240301T09", "20240301T10")
        export(amplitude, "20240301T09", "20240301T09")
        export(amplitude, "nonsense", "20240301T09")
    assert amplitude.asked == [(NINE, TEN), (NINE, NINE)]


def test_hours_served_counts_each_hour_that_was_answered_in_full():
    with FakeAmplitude(HOURS) as amplitude:
        amplitude.misbehave(Delay(0))
        export(amplitude, "20240301T09", "20240301T10")
        export(amplitude, "20240301T10", "20240301T10")
        export(amplitude, "20240301T11", "20240301T11")  # empty, and known to be
    assert amplitude.hours_served() == {NINE: 1, TEN: 2, ELEVEN: 1}


@pytest.mark.parametrize("act", [Reply(404), DropConnection(), LoseReply(), TruncateBody()])
def test_hours_that_never_reached_the_client_were_not_served(act):
    with FakeAmplitude(HOURS) as amplitude:
        amplitude.misbehave(act)
        try:
            status = export(amplitude, "20240301T09", "20240301T10").status_code
        except requests.RequestException:
            status = None
    assert status in (404, None)
    assert amplitude.hours_served() == {}
    assert amplitude.asked == [(NINE, TEN)]


def test_hours_refused_as_too_large_were_not_served():
    with FakeAmplitude(HOURS, max_bytes=1) as amplitude:
        export(amplitude, "20240301T09", "20240301T09")
    assert amplitude.hours_served() == {}


def test_an_hour_published_later_is_there_from_then_on():
    with FakeAmplitude(HOURS) as amplitude:
        before = export(amplitude, "20240301T10", "20240301T11")
        amplitude.publish(TEN, [b'{"n":40}'])
        amplitude.publish(ELEVEN, [b'{"n":5}'])
        after = export(amplitude, "20240301T10", "20240301T11")
    assert lines_in(before) == Counter([b'{"n":4}'])
    assert lines_in(after) == Counter([b'{"n":40}', b'{"n":5}'])


@pytest.mark.parametrize(
    "hour",
    [
        datetime(2024, 3, 1, 9),  # noqa: DTZ001 - the point of the case
        NINE.replace(minute=30),
        NINE.astimezone(timezone(timedelta(hours=2))),
    ],
)
def test_only_full_hours_of_utc_are_hours(hour):
    with pytest.raises(ValueError, match="full hour of UTC"):
        FakeAmplitude({hour: []})
