"""What can go wrong between Amplitude and the tap, from the wire to the last byte of a file.

Each case ends in one of three ways: everything arrives once, or the run stops with a sentence and
STATE before the trouble, or nothing is asked at all. The meaning of each status is in
`test_client.py`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import socket
import subprocess
import sys
import zipfile

import pytest
from singer_delivery.io.addresses import has_login, is_open_to_others
from singer_delivery.tap.archive import shown
from singer_delivery.tap.errors import AccessRefused, ArchiveUnreadable, ServiceUnavailable
from tap_amplitude import client as client_module
from tap_amplitude.archive import hour_and_part
from tap_amplitude.settings import problems

from tests.examples import first_of
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exactly_once import assert_exactly_once
from tests.fakes.http.listener import _Handler
from tests.fakes.http.server import Hold, Reply
from tests.fakes.http.tls import self_signed, speak_tls
from tests.tap_amplitude.running import (
    LATER,
    MONDAY,
    Sandbox,
    hours_of_rows,
    row,
    uuids,
)

HOURS = hours_of_rows(MONDAY, *[3] * 48)
EXPECTED = [found for lines in HOURS.values() for found in uuids(lines)]
ROWS = [row(MONDAY, number) for number in range(50)]
NAME = "187520/187520_2024-01-01_0#1.json.gz"
MIB = 1024 * 1024
# Restated here, on purpose.
FREE_BYTES, LONGEST_LINE = 256 * MIB, 64 * MIB
SOON = 0.5
"""Seconds of silence until a test's request is given up."""


@pytest.fixture
def amplitude():
    with FakeAmplitude(HOURS, parts=2) as server:
        yield server


@pytest.fixture
def asking(tmp_path, amplitude):
    """A sandbox that asks the API."""
    return Sandbox(tmp_path, amplitude)


# On the wire ------------------------------------------------------------------------------------


class StallsHalfway(_Handler):
    """Sends the first half of its first reply, and then nothing."""

    def _send(self, exchange, reply):
        if exchange.number > 1:
            super()._send(exchange, reply)
            return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        self.server.fake._stopping.wait()


def test_a_download_that_stalls_is_asked_for_again(amplitude, asking, monkeypatch):
    monkeypatch.setattr(client_module, "READ_TIMEOUT", SOON)
    amplitude._listener.RequestHandlerClass = StallsHalfway

    output = asking.run()

    assert_exactly_once(output.uuids, EXPECTED)
    assert amplitude.asked[0] == amplitude.asked[1]
    assert len(asking.clock.waits) == 1


def test_an_answer_that_never_begins_is_asked_for_in_halves(amplitude, asking, monkeypatch):
    monkeypatch.setattr(client_module, "READ_TIMEOUT", SOON)
    amplitude.misbehave(Hold())

    output = asking.run()

    assert_exactly_once(output.uuids, EXPECTED)
    (first, _), (again, last) = amplitude.asked[0], amplitude.asked[1]
    assert (again, last) == (first, MONDAY.replace(hour=11))


@pytest.fixture
def no_such_name(monkeypatch):
    """A name that the machine cannot resolve; no resolver is asked."""
    resolve = socket.getaddrinfo

    def unknown(host, *args, **options):
        if host == "amplitude.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    return "amplitude.invalid"


def test_a_name_that_does_not_resolve_is_waited_for_and_then_named(asking, no_such_name):
    output, error = asking.try_run(base_url=f"https://{no_such_name}", max_retries=3)

    assert isinstance(error, ServiceUnavailable)
    assert "the name of its host is not known (DNS)" in str(error)
    assert len(asking.clock.waits) == 3
    assert output.states == output.records == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere_and_the_keys_stay_here(amplitude, asking, status):
    with FakeAmplitude(HOURS) as elsewhere:
        amplitude.misbehave_always(Reply(status, headers={"Location": f"{elsewhere.url}/x?y=1"}))
        output, error = asking.try_run()

        assert elsewhere.journal == []
    assert isinstance(error, AccessRefused)
    assert "redirects are not followed" in str(error)
    assert len(amplitude.journal) == 1
    assert output.states == output.records == []


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return self_signed(tmp_path)


def test_a_certificate_nobody_vouches_for_is_refused_at_once(amplitude, asking, certificate):
    output, error = asking.try_run(base_url=speak_tls(amplitude, certificate))

    assert isinstance(error, AccessRefused)
    assert "certificate" in str(error)
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert amplitude.journal == []
    assert output.states == output.records == asking.clock.waits == []


@pytest.mark.parametrize(
    "name", ["PYTHONHTTPSVERIFY", "SSL_NO_VERIFY", "NODE_TLS_REJECT_UNAUTHORIZED"]
)
def test_no_variable_turns_verification_off(amplitude, asking, certificate, monkeypatch, name):
    monkeypatch.setenv(name, "0")

    _, error = asking.try_run(base_url=speak_tls(amplitude, certificate))

    assert isinstance(error, AccessRefused)
    assert amplitude.journal == []


def test_a_bundle_of_ones_own_is_honoured(amplitude, asking, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    output = asking.run(base_url=speak_tls(amplitude, certificate))

    assert_exactly_once(output.uuids, EXPECTED)


def test_a_handshake_with_what_speaks_no_tls_is_tried_again(amplitude, asking):
    _, error = asking.try_run(base_url=amplitude.url.replace("http:", "https:"), max_retries=2)

    assert isinstance(error, ServiceUnavailable)
    assert "the TLS handshake failed" in str(error)
    assert len(asking.clock.waits) == 2


# Files that are not what they seem ----------------------------------------------------------------


def zipped(content, name=NAME, method=zipfile.ZIP_STORED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as out:
        out.writestr(name, content)
    return held.getvalue()


def flipped(content, at):
    spoilt = bytearray(content)
    spoilt[at] ^= 0xFF
    return bytes(spoilt)


WHOLE = gzip.compress(b"\n".join(ROWS))
SPOILT = {
    "cut off": WHOLE[: len(WHOLE) // 2],
    "without its checksum": WHOLE[:-8],
    "a byte changed": flipped(WHOLE, len(WHOLE) // 2),
    "a wrong checksum": flipped(WHOLE, -6),
    "another method": flipped(WHOLE, 2),
}


def read(sandbox, tmp_path, content, name="export.zip", **settings):
    path = tmp_path / name
    path.write_bytes(content)
    return sandbox.try_run(archive_path=str(path), **settings)


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_member_of_a_sound_zip_is_named_and_state_stays_before_it(
    sandbox, tmp_path, content
):
    output, error = read(sandbox, tmp_path, zipped(content))

    assert isinstance(error, ArchiveUnreadable)
    assert f"{NAME} in " in str(error)
    assert "is damaged" in str(error)
    assert "archive" not in str(output.states)


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.99])
def test_a_zip_that_is_cut_off_is_named_and_nothing_of_it_is_read(sandbox, tmp_path, keep):
    content = zipped(WHOLE)

    output, error = read(sandbox, tmp_path, content[: int(len(content) * keep)])

    assert isinstance(error, ArchiveUnreadable)
    assert "export.zip is no whole zip file" in str(error)
    assert output.records == output.states == []


@pytest.mark.parametrize(
    "name",
    [
        "../../../outside_2024-01-01_0#1.json.gz",
        "/tmp/outside_2024-01-01_0#1.json.gz",
        "C:\\outside_2024-01-01_0#1.json.gz",
        "a/../../outside_2024-01-01_0#1.json.gz",
    ],
)
def test_a_members_name_is_never_a_path(amplitude, asking, tmp_path, name):
    content = zipped(WHOLE, name)
    amplitude.misbehave(Reply(200, content))
    before = set(tmp_path.parent.rglob("*"))

    from_api = asking.run(end_date="2024-01-02")
    from_file, _ = read(asking, tmp_path, content)

    assert from_api.uuids == from_file.uuids == uuids(ROWS)
    left = {path.name for path in set(tmp_path.parent.rglob("*")) - before}
    assert left == {"spool", "lock", "export.zip"}


def test_a_date_no_calendar_reaches_is_no_date():
    assert hour_and_part("1_9999-12-31_99#1.json.gz") == hour_and_part("undated.json.gz")


# Bombs ------------------------------------------------------------------------------------------


def blank(mebibytes):
    """Gzip of so many MiB of blank lines: a thousandth of them."""
    return gzip.compress(b" " * (MIB - 1) + b"\n", 9) * mebibytes


def long_line(size):
    """Gzip of one event of so many bytes."""
    head, tail = b'{"uuid":"1","x":"', b'"}'
    return gzip.compress(head + b"x" * (size - len(head) - len(tail)) + tail, 6)


def overlapping():
    """A zip whose members are all the same bytes: each sound, together more than the file."""
    content = bytearray(zipped(WHOLE))
    end = content.rindex(b"PK\x05\x06")
    start = content.index(b"PK\x01\x02")
    entry = bytes(content[start:end])
    entries = [entry.replace(b"#1.json", b"#%d.json" % part) for part in range(10)]
    directory = b"".join(entries)
    counts = (10).to_bytes(2, "little") * 2 + len(directory).to_bytes(4, "little")
    return bytes(content[:start]) + directory + content[end : end + 8] + counts + content[-6:]


def encrypted():
    content = bytearray(zipped(WHOLE))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)


MANY = FREE_BYTES // MIB + 10
BOMBS = {
    "gzip": (lambda: blank(MANY), "unpacked it is more than 256 MiB, over 500 times"),
    "gzip in a zip": (
        lambda: zipped(blank(MANY), method=zipfile.ZIP_DEFLATED),
        "unpacked it is more than 256 MiB, over 500 times",
    ),
    "plain in a zip": (
        lambda: zipped(b" " * (MANY * MIB), method=zipfile.ZIP_DEFLATED),
        "would swell from",
    ),
    "one long line": (lambda: long_line(LONGEST_LINE + 1), "a line of more than 64 MiB"),
    "one long line in a zip": (
        lambda: zipped(long_line(LONGEST_LINE + 1)),
        "a line of more than 64 MiB",
    ),
    "overlapping members": (overlapping, "overlap"),
    "encrypted": (encrypted, "is encrypted"),
    "another method": (
        lambda: zipped(bz2.compress(b""), method=zipfile.ZIP_BZIP2),
        "is packed by method 12",
    ),
}


@pytest.mark.parametrize(("bomb", "words"), first_of(BOMBS.values(), 2), ids=BOMBS)
def test_a_bomb_ends_in_a_sentence_before_it_goes_off(sandbox, tmp_path, bomb, words):
    content = bomb()
    name = "export.zip" if content[:2] == b"PK" else "1_2024-01-01_0#1.json.gz"

    output, error = read(sandbox, tmp_path, content, name)

    assert isinstance(error, ArchiveUnreadable)
    assert words in str(error)
    assert name in str(error)
    assert output.records == []
    assert "archive" not in str(output.states)


@pytest.mark.parametrize("name", ["overlapping members", "encrypted", "plain in a zip"])
def test_a_bomb_that_amplitude_sends_is_not_unpacked(amplitude, asking, name):
    bomb, words = BOMBS[name]
    amplitude.misbehave_always(Reply(200, bomb()))

    output, error = asking.try_run(max_retries=1)

    assert isinstance(error, ServiceUnavailable)
    assert words in str(error)
    assert output.records == output.states == asking.leftovers == []


@pytest.mark.slow
def test_a_line_just_short_enough_passes(sandbox, tmp_path):
    output, error = read(sandbox, tmp_path, long_line(LONGEST_LINE), "1.json.gz")

    assert error is None
    assert [len(record["x"]) for record in output.records] == [LONGEST_LINE - 19]


MEMORY = """
import sys
from contextlib import suppress
from singer_delivery.tap.errors import ArchiveUnreadable
from tap_amplitude.tap import TapAmplitude
with suppress(ArchiveUnreadable):
    TapAmplitude(config={"archive_path": sys.argv[1], "spool_dir": sys.argv[2]}).sync_all()
    sys.exit("no error")
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


# Not ru_maxrss, which a process inherits from the one that started it.
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_bomb_takes_no_more_memory_than_its_longest_line(tmp_path):
    path = tmp_path / "1_2024-01-01_0#1.json.gz"
    path.write_bytes(gzip.compress(b"x" * MIB, 9) * 1_024)  # a GiB without a newline
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, path, tmp_path / "spool"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stderr.split()[-1]) < 80_000 + 3 * LONGEST_LINE // 1024  # kB


# Addresses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "is_open"),
    [
        ("https://amplitude.com", False),
        ("http://amplitude.com", True),
        ("http://10.0.0.7:8080", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("http://[broken", False),
    ],
)
def test_http_is_for_this_machine(base_url, is_open):
    assert is_open_to_others(base_url) is is_open


def test_http_to_another_machine_is_warned_of(asking, caplog, no_such_name):
    asking.try_run(base_url=f"http://{no_such_name}", max_retries=0)
    assert "base_url is http://: the keys and the export travel unencrypted." in caplog.messages


def test_http_to_this_machine_is_not(asking, caplog):
    asking.run()
    assert "unencrypted" not in caplog.text


@pytest.mark.parametrize(
    "base_url", ["https://me:secret@proxy.example", "https://me@proxy.example"]
)
def test_an_address_with_a_login_is_refused_without_quoting_it(base_url):
    config = {"api_key": "a", "secret_key": "b", "start_date": "2024-01-01", "base_url": base_url}
    assert has_login(base_url)
    (sentence,) = problems(config, LATER)
    assert "no user name or password" in sentence
    assert "me" not in sentence.split()
    assert "secret@" not in sentence


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("sftp://me:secret@host/export", "sftp://host/export"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("https://host/a.zip?X-Amz-Signature=1f", "https://host/a.zip?…"),
        ("/data/what?/a@b.json", "/data/what?/a@b.json"),
        ("zip://*::https://me:secret@host/a?b=1", "zip://*::https://host/a?…"),
        ("no file at ftp://me:secret@host/x, sorry", "no file at ftp://host/x, sorry"),
    ],
)
def test_an_address_is_shown_without_what_it_keeps_to_itself(address, seen):
    assert shown(address) == seen


@pytest.mark.parametrize("scheme", ["memory", "nonsense", "sftp", "https"])
def test_an_archive_that_cannot_be_read_is_named_without_its_login(sandbox, scheme):
    _, error = sandbox.try_run(archive_path=f"{scheme}://me:hush@127.0.0.1:1/none?sig=hushed")
    assert isinstance(error, ArchiveUnreadable)
    assert "hush" not in str(error)
