from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from singer_delivery.io.retry import Clock
from singer_delivery.tap.errors import (
    AccessRefused,
    RequestRefused,
    SpoolUnwritable,
    TooSlow,
    TryAgain,
)
from singer_delivery.tap.http import text_of
from tap_amplitude.account import Account
from tap_amplitude.client import ExportClient
from tap_amplitude.errors import TooLarge
from tap_amplitude.windows import Window

from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.server import DropConnection, Reply, TruncateBody
from tests.tap_amplitude.running import HOUR, MONDAY, hours_of_rows

DAY = Window(MONDAY, MONDAY + 24 * HOUR)


@pytest.fixture
def amplitude():
    with FakeAmplitude(hours_of_rows(MONDAY, 2, 0, 3)) as server:
        yield server


def client_of(server, *, secret_key="amplitude-secret", region="us"):
    account = Account(server.url, region, server.api_key, secret_key)
    return ExportClient(account, "tap-amplitude-export/test", Clock())


def fetch(server, path, **options):
    client = client_of(server, **options)
    try:
        return client.fetch(DAY, path / "window.zip")
    finally:
        client.close()


def empty_zip():
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").close()
    return archive.getvalue()


def test_a_window_is_written_to_disk_as_it_came(amplitude, tmp_path):
    assert fetch(amplitude, tmp_path)
    assert len(zipfile.ZipFile(tmp_path / "window.zip").namelist()) == 2
    assert amplitude.asked == [(MONDAY, MONDAY + 23 * HOUR)]


def test_a_download_can_be_read_by_its_owner_alone(amplitude, tmp_path):
    fetch(amplitude, tmp_path)
    assert (tmp_path / "window.zip").stat().st_mode & 0o777 == 0o600


def test_the_tap_says_who_it_is(amplitude, tmp_path):
    fetch(amplitude, tmp_path)
    assert amplitude.journal[0].headers["user-agent"] == "tap-amplitude-export/test"


def test_a_404_that_found_no_files_is_an_empty_window(tmp_path):
    with FakeAmplitude({}) as amplitude:
        assert not fetch(amplitude, tmp_path)


JSON_ERROR = (
    b'{"error":{"http_code":400,"type":"invalid","message":"Invalid chart definition",'
    b'"metadata":{"details":"Invalid user property country"}}}'
)
TABLE = [
    (Reply(400, b"The file size of the exported data is too large."), TooLarge),
    (Reply(400, b'{"error":"Response exceeds 4GB"}'), TooLarge),
    (Reply(400), TooLarge),
    (Reply(400, JSON_ERROR), RequestRefused),
    (Reply(400, b'{"code":400,"error":"Invalid API key: amplitude-key"}'), AccessRefused),
    (Reply(401), AccessRefused),
    (Reply(403, b"Forbidden"), AccessRefused),
    (Reply(404, b"<html>Not Found</html>"), AccessRefused),
    (Reply(301, headers={"Location": "https://elsewhere.example/"}), AccessRefused),
    (Reply(302, headers={"Location": "/login"}), AccessRefused),
    (Reply(402, b"Payment required"), RequestRefused),
    (Reply(408), TryAgain),
    (Reply(429, b"slow down"), TryAgain),
    (Reply(500), TryAgain),
    (Reply(502, b"<html>Bad Gateway</html>"), TryAgain),
    (Reply(503), TryAgain),
    (Reply(504), TooSlow),
    (Reply(200, b"Too many requests"), TryAgain),
    (Reply(200, b""), TryAgain),
    (Reply(200, b"PK\x03\x04 and no more"), TryAgain),
    (Reply(200, empty_zip()), TryAgain),
    (DropConnection(), TryAgain),
    (TruncateBody(0.5), TryAgain),
    (TruncateBody(0.0), TryAgain),
]


@pytest.mark.parametrize(("act", "outcome"), TABLE, ids=lambda value: str(value)[:50])
def test_each_answer_has_one_meaning(amplitude, tmp_path, act, outcome):
    amplitude.misbehave(act)
    with pytest.raises(outcome):
        fetch(amplitude, tmp_path)


def test_a_byte_that_was_changed_on_the_way_is_noticed(amplitude, tmp_path):
    client = client_of(amplitude)
    client.fetch(DAY, tmp_path / "whole.zip")
    client.close()
    spoilt = bytearray((tmp_path / "whole.zip").read_bytes())
    spoilt[120] ^= 1
    amplitude.misbehave(Reply(200, bytes(spoilt)))
    with pytest.raises(TryAgain, match="checksum"):
        fetch(amplitude, tmp_path)


def test_retry_after_is_handed_on(amplitude, tmp_path):
    amplitude.misbehave(Reply(429, headers={"Retry-After": "17"}))
    with pytest.raises(TryAgain) as caught:
        fetch(amplitude, tmp_path)
    assert caught.value.retry_after == 17


def test_a_refused_key_is_explained_with_both_regions(amplitude, tmp_path):
    with pytest.raises(AccessRefused) as caught:
        fetch(amplitude, tmp_path, secret_key="wrong-secret", region="eu")
    sentence = str(caught.value)
    assert "403" in sentence
    assert "Invalid API Key" in sentence
    assert 'set region to "us" (now "eu")' in sentence
    assert "wrong-secret" not in sentence


def test_a_key_that_the_service_quotes_is_blotted_out(amplitude, tmp_path):
    amplitude.misbehave(Reply(400, b"nonsense from amplitude-key, amplitude-secret"))
    with pytest.raises(RequestRefused) as caught:
        fetch(amplitude, tmp_path)
    assert "nonsense" in str(caught.value)
    assert "amplitude-key" not in str(caught.value)
    assert "amplitude-secret" not in str(caught.value)


def test_a_redirect_is_not_followed_and_its_host_is_named(amplitude, tmp_path):
    with FakeAmplitude({}) as elsewhere:
        amplitude.misbehave(Reply(302, headers={"Location": elsewhere.url + "/api/2/export?x=1"}))
        with pytest.raises(AccessRefused, match=r"http://127\.0\.0\.1,"):
            fetch(amplitude, tmp_path)
    assert elsewhere.journal == []


def test_another_400_is_quoted_in_amplitudes_words(amplitude, tmp_path):
    amplitude.misbehave(Reply(400, JSON_ERROR))
    with pytest.raises(RequestRefused, match=r"Invalid chart definition.*Invalid user property"):
        fetch(amplitude, tmp_path)


@pytest.mark.parametrize("base_url", ["https://", "https://[broken", "gopher://amplitude.com"])
def test_an_address_that_is_none_is_not_asked_again(tmp_path, base_url):
    client = ExportClient(Account(base_url, "us", "key", "secret"), "test", Clock())
    with pytest.raises(AccessRefused, match="is no address to ask"):
        client.fetch(DAY, tmp_path / "window.zip")


def test_a_folder_that_cannot_be_written_is_no_failure_of_the_network(amplitude, tmp_path):
    with pytest.raises(SpoolUnwritable, match="spool_dir"):
        fetch(amplitude, tmp_path / "missing")


def test_keys_beyond_ascii_travel(tmp_path):
    with FakeAmplitude(hours_of_rows(MONDAY, 1), secret_key="schlüssel") as amplitude:
        assert fetch(amplitude, tmp_path, secret_key="schlüssel")


def test_a_year_is_answered_whole(amplitude, tmp_path):
    client = client_of(amplitude)
    assert client.fetch(Window(MONDAY, MONDAY + timedelta(days=365)), tmp_path / "year.zip")
    client.close()


def test_an_account_shows_no_keys():
    assert repr(Account("https://a.example", "us", "k1", "s1")) == "Account('https://a.example')"


def test_the_text_of_a_page_is_read_without_its_tags():
    assert text_of(b"<html><h1>Bad\n Gateway</h1></html>") == "Bad Gateway"


@pytest.mark.parametrize("key", ["size", "large", "1", "api", "not", "found", ""])
def test_a_short_key_changes_no_answer(amplitude, tmp_path, key):
    amplitude.misbehave(Reply(400, b"the file size is too large: 1, not 12 GB"))
    with pytest.raises(TooLarge) as caught:
        fetch(amplitude, tmp_path, secret_key=key)
    assert not key or f" {key} " not in str(caught.value).split("(400")[1]
    amplitude.misbehave(Reply(404, b"raw data files were not found"))
    assert not fetch(amplitude, tmp_path, secret_key=key)
