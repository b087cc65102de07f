from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from singer_delivery.endpoint import Request
from singer_delivery.io.transport import Transport

from tests.fakes.server import DropConnection, Exchange, FakeServer, Hold, LoseReply, TruncateBody
from tests.fakes.server import Reply as Answer
from tests.singer_delivery.toys import within

KEY = "phc_secret"
PERSON = "someone@example.com"


class Echo(FakeServer):
    """Answers with what it got."""

    def answer(self, exchange: Exchange, body: bytes) -> Answer:
        return Answer(200, b"got " + body, {"X-Path": exchange.path})


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("toy/1.0")
    yield transport
    transport.close()


def request_to(url: str, **headers: str) -> Request:
    return Request(f"{url}/batch/?token={KEY}", PERSON.encode(), headers)


def quotes_nobody(text: str) -> bool:
    return bool(text) and not any(secret in text for secret in (KEY, PERSON, "127.0.0.1", "token"))


def test_the_reply_comes_back_as_it_is(server, transport):
    reply = transport.send(request_to(server.url, **{"X-Mine": "yes"}))
    assert (reply.status, reply.body, reply.error) == (200, b"got " + PERSON.encode(), "")
    assert reply.headers["x-path"] == "/batch/"
    [exchange] = server.journal
    assert exchange.method == "POST"
    assert exchange.headers["x-mine"] == "yes"
    assert exchange.headers["user-agent"] == "toy/1.0"


@pytest.mark.parametrize("status", [204, 400, 401, 413, 429, 500, 503])
def test_a_refusal_is_a_reply_and_not_tried_again(server, transport, status):
    server.misbehave(Answer(status, b"words", {"Retry-After": "3"}))
    reply = transport.send(request_to(server.url))
    assert reply.status == status
    assert reply.headers["Retry-After"] == "3"
    assert len(server.journal) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(server, transport, status):
    server.misbehave(Answer(status, headers={"Location": f"{server.url}/elsewhere"}))
    assert transport.send(request_to(server.url)).status == status
    assert [exchange.path for exchange in server.journal] == ["/batch/"]


def test_nobody_listening_is_a_reply_of_status_0(transport):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        reply = transport.send(request_to(url))
    assert reply.status == 0
    assert quotes_nobody(reply.error)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (DropConnection(), "the connection failed or was dropped"),
        (LoseReply(), "the connection failed or was dropped"),
        (TruncateBody(), "the reply was cut off or garbled"),
        (Answer(200, b"no gzip", {"Content-Encoding": "gzip"}), "the reply was cut off or garbled"),
    ],
)
def test_half_a_reply_is_none_and_says_what_failed(server, transport, act, words):
    server.misbehave(act)
    reply = transport.send(request_to(server.url))
    assert (reply.status, reply.error) == (0, words)
    assert len(server.journal) == 1
    assert transport.send(request_to(server.url)).status == 200


@pytest.mark.parametrize("url", ["", "nothing", "http://", "http://[::", "ftp://127.0.0.1/x"])
def test_an_impossible_address_is_a_reply_of_status_0(transport, url):
    reply = transport.send(Request(url, b""))
    assert reply.status == 0
    assert reply.error


def open_connections(server: FakeServer) -> int:
    assert server._listener is not None
    return len(server._listener._connections)


def test_a_connection_is_kept_and_used_again(server, transport):
    for _ in range(5):
        assert transport.send(request_to(server.url)).status == 200
    assert open_connections(server) == 1


def test_each_thread_has_a_connection_of_its_own(server, transport):
    server.misbehave(Hold(), Hold())
    threads = [
        threading.Thread(target=transport.send, args=(request_to(server.url),)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    server.wait_until_held(2)
    assert open_connections(server) == 2
    server.release()
    within(lambda: [thread.join() for thread in threads])


def test_after_an_outage_the_same_session_serves_again(server, transport):
    assert transport.send(request_to(server.url)).status == 200
    server.stop()
    assert transport.send(request_to(server.url)).status == 0
    server.start()
    assert transport.send(request_to(server.url)).status == 200


def test_a_netrc_does_not_put_its_login_in_the_place_of_the_request_s(
    server, transport, tmp_path: Path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    transport.send(request_to(server.url, Authorization="Bearer mine"))
    transport.send(request_to(server.url))
    assert server.journal[0].headers["authorization"] == "Bearer mine"
    assert "authorization" not in server.journal[1].headers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate nobody vouches for, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "self-signed.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(path), "-out", str(path.with_suffix(".crt"))],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        pytest.skip("openssl is not installed")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@contextmanager
def tls_server(certificate: Path) -> Iterator[str]:
    """Listen with TLS and take one connection, up to its handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def shake_hands() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    return

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(20)


def test_a_certificate_nobody_vouches_for_is_refused(transport, certificate):
    with tls_server(certificate) as url:
        reply = transport.send(request_to(url))
    assert (reply.status, reply.is_hopeless) == (0, True)
    assert reply.error.startswith("its TLS certificate could not be verified")
