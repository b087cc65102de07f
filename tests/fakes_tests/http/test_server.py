from __future__ import annotations

import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from tests.fakes.http.server import (
    Delay,
    DropConnection,
    Exchange,
    FakeServer,
    Hold,
    LoseReply,
    Reply,
    ReplyAfter,
    Stall,
    TruncateBody,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = b"x" * 200_000  # more than goes out in one piece


class Echo(FakeServer):
    """Answers with what it was sent, and remembers that it processed it."""

    def __init__(self, *, keep_bodies: bool = False) -> None:
        super().__init__(keep_bodies=keep_bodies)
        self.processed: list[bytes] = []

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        self.processed.append(body)
        return Reply(200, body)


class Broken(FakeServer):
    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        msg = "a bug of the fake"
        raise KeyError(msg)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


def post(server: FakeServer, body: bytes = b"hello", path: str = "/") -> requests.Response:
    return requests.post(server.url + path, data=body, timeout=10)


# The journal ----------------------------------------------------------------------------------


def test_the_journal_tells_what_was_asked_and_answered(echo):
    requests.post(echo.url + "/a/b?x=1&y=", data=b"hello", headers={"X-Key": "v"}, timeout=10)

    (exchange,) = echo.journal
    assert (exchange.number, exchange.method, exchange.path) == (1, "POST", "/a/b")
    assert exchange.query == {"x": "1", "y": ""}
    assert exchange.headers["x-key"] == "v"
    assert (exchange.body_size, exchange.status, exchange.act) == (5, 200, None)
    assert exchange.is_answered
    assert (exchange.started, exchange.finished) == (1, 2)


def test_bodies_are_kept_only_when_asked_for(echo):
    post(echo)
    with Echo(keep_bodies=True) as keeping:
        post(keeping)
    assert [echo.journal[0].body, keeping.journal[0].body] == [b"", b"hello"]


def test_a_connection_serves_many_requests(echo):
    host, port = echo.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    sockets = set()
    for _ in range(3):
        connection.request("POST", "/", body=b"hello")
        assert connection.getresponse().read() == b"hello"
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1
    assert None not in sockets


def test_an_exchange_is_finished_before_its_reply_can_be_read_to_the_end(echo):
    for body in (b"short", LONG):
        post(echo, body)
        assert echo.journal[-1].finished is not None
        assert echo.in_flight == 0


def test_a_body_without_a_length_is_refused(echo):
    reply = requests.post(echo.url, data=iter([b"a", b"b"]), timeout=10)
    assert reply.status_code == 411
    assert echo.processed == []


# Misbehaviour ---------------------------------------------------------------------------------


def test_a_reply_on_command_is_given_once_and_nothing_is_processed(echo):
    echo.misbehave(Reply(503, b"busy", {"Retry-After": "7"}))
    first, second = post(echo), post(echo)
    assert (first.status_code, first.content, first.headers["retry-after"]) == (503, b"busy", "7")
    assert (second.status_code, second.content) == (200, b"hello")
    assert echo.processed == [b"hello"]
    assert [exchange.is_answered for exchange in echo.journal] == [False, True]


def test_acts_are_taken_in_order(echo):
    echo.misbehave(Reply(500), Reply(502))
    echo.misbehave(Reply(504))
    assert [post(echo).status_code for _ in range(4)] == [500, 502, 504, 200]


def test_an_act_waits_for_the_request_it_is_meant_for(echo):
    echo.misbehave(Reply(500), when=lambda exchange: exchange.path == "/second")
    echo.misbehave(Reply(502))
    statuses = [post(echo, path=path).status_code for path in ("/first", "/second", "/second")]
    assert statuses == [502, 500, 200]


def test_a_standing_act_applies_until_told_to_behave_and_queued_acts_come_first(echo):
    echo.misbehave_always(Reply(503), when=lambda exchange: exchange.path == "/")
    echo.misbehave(Reply(429))
    statuses = [post(echo, path=path).status_code for path in ("/", "/", "/", "/other")]
    echo.behave()
    assert [*statuses, post(echo).status_code] == [429, 503, 503, 200, 200]


def test_behaving_forgets_queued_acts(echo):
    echo.misbehave(Reply(500))
    echo.behave()
    assert post(echo).status_code == 200


def test_a_dropped_connection_means_nothing_was_processed(echo):
    echo.misbehave(DropConnection())
    with pytest.raises(requests.ConnectionError):
        post(echo)
    assert echo.processed == []
    assert echo.journal[0].status is None
    assert echo.journal[0].finished is not None
    assert post(echo).status_code == 200


def test_a_lost_reply_means_the_request_was_processed(echo):
    echo.misbehave(LoseReply())
    with pytest.raises(requests.ConnectionError):
        post(echo)
    assert echo.processed == [b"hello"]
    assert (echo.journal[0].status, echo.journal[0].is_answered) == (None, False)


def test_another_reply_may_follow_a_request_that_was_processed(echo):
    echo.misbehave(ReplyAfter(Reply(500, b"sorry")))
    reply = post(echo)
    assert (reply.status_code, reply.content, echo.processed) == (500, b"sorry", [b"hello"])
    assert (echo.journal[0].status, echo.journal[0].is_answered) == (500, False)


@pytest.mark.parametrize("body", [b"0123456789", LONG])
def test_a_truncated_body_promises_all_and_sends_a_part(echo, body):
    echo.misbehave(TruncateBody(keep=0.3))
    with requests.post(echo.url, data=body, stream=True, timeout=10) as reply:
        assert reply.headers["content-length"] == str(len(body))
        assert reply.raw.read(len(body) * 3 // 10) == body[: len(body) * 3 // 10]
        with pytest.raises(Exception, match="IncompleteRead"):
            reply.raw.read(1)
    assert not echo.journal[0].is_answered


CHUNKED = {"Transfer-Encoding": "chunked"}


class Streamer(Echo):
    """Marks the end of a body instead of announcing it."""

    def answer(self, exchange, body):
        return Reply(200, super().answer(exchange, body).body, CHUNKED)


@pytest.mark.parametrize("body", [b"", b"0123456789", LONG])
def test_a_body_may_come_without_its_length(body):
    with Streamer() as streamer, requests.Session() as session:
        for _ in range(2):  # the connection stays usable
            reply = session.post(streamer.url, data=body, timeout=10)
            assert "content-length" not in reply.headers
            assert reply.content == body


@pytest.mark.parametrize("body", [b"0123456789", LONG])
def test_a_truncated_body_without_its_length_lacks_its_end(body):
    with Streamer() as streamer:
        streamer.misbehave(TruncateBody(keep=0.3))
        with pytest.raises(requests.RequestException):
            requests.post(streamer.url, data=body, timeout=10)
        assert not streamer.journal[0].is_answered


@pytest.mark.parametrize("kind", [Echo, Streamer])
def test_a_stalled_body_comes_after_all(kind):
    with kind() as server:
        server.misbehave(Stall(0.01, keep=0.3), Stall(60, keep=0))
        assert requests.post(server.url, data=LONG, timeout=10).content == LONG
        assert server.journal[0].is_answered
        with pytest.raises(requests.RequestException):
            requests.post(server.url, data=b"hello", timeout=0.1)


def test_a_delayed_request_is_answered_normally(echo):
    echo.misbehave(Delay(0.001))
    assert post(echo).content == b"hello"
    assert echo.journal[0].is_answered


def test_a_delay_outlasts_a_client_without_patience(echo):
    echo.misbehave(Delay(60))
    with pytest.raises(requests.ReadTimeout):
        requests.post(echo.url, data=b"hello", timeout=0.01)


def test_held_requests_go_on_when_released(echo):
    echo.misbehave(Hold(), Hold())
    with ThreadPoolExecutor() as pool:
        replies = [pool.submit(post, echo, body) for body in (b"first", b"second")]
        echo.wait_until_held(2)
        assert echo.processed == []
        echo.release()
        assert [reply.result().content for reply in replies] == [b"first", b"second"]


def test_a_release_does_not_reach_requests_held_after_it(echo):
    echo.misbehave(Hold())
    echo.release()
    with ThreadPoolExecutor() as pool:
        later = pool.submit(post, echo)
        echo.wait_until_held()
        assert not later.done()
        echo.behave()
        assert later.result().status_code == 200


def test_the_peak_counts_requests_that_are_in_flight_at_once(echo):
    echo.misbehave(Hold(), Hold(), Hold())
    with ThreadPoolExecutor() as pool:
        replies = [pool.submit(post, echo) for _ in range(3)]
        echo.wait_until_held(3)
        echo.release()
        for reply in replies:
            reply.result()
    post(echo)
    assert echo.in_flight_peak == 3


def test_requests_one_after_the_other_never_count_as_two(echo):
    for _ in range(50):
        post(echo, LONG)
    assert echo.in_flight_peak == 1


def test_the_journal_tells_which_requests_overlapped(echo):
    echo.misbehave(Hold())
    with ThreadPoolExecutor() as pool:
        held = pool.submit(post, echo, b"held")
        echo.wait_until_held()
        post(echo, b"quick")
        echo.release()
        held.result()
    first, second = echo.journal
    assert first.started < second.started < second.finished < first.finished


# Life -----------------------------------------------------------------------------------------


def test_stopping_frees_a_held_request_without_processing_it():
    with Echo() as echo, ThreadPoolExecutor() as pool:
        echo.misbehave(Hold())
        held = pool.submit(post, echo)
        echo.wait_until_held()
        echo.stop()
        with pytest.raises(requests.ConnectionError):
            held.result()
        assert echo.processed == []


def test_an_outage_is_a_stop_and_a_start_on_the_same_address():
    echo = Echo().start()
    url = echo.url
    post(echo)
    echo.stop()
    with pytest.raises(requests.ConnectionError):
        post(echo)
    echo.start()
    assert echo.url == url
    assert post(echo).content == b"hello"
    assert [exchange.number for exchange in echo.journal] == [1, 2]
    echo.stop()
    echo.stop()  # harmless


def test_kept_connections_are_cut_by_a_stop():
    with Echo() as echo, requests.Session() as session:
        session.post(echo.url, data=b"hello", timeout=10)
        host, port = echo.url.removeprefix("http://").split(":")
        idle = socket.create_connection((host, int(port)), timeout=10)
        idle.sendall(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert idle.recv(4)
        echo.stop()
        assert idle.recv(65_536).endswith(b"\r\n\r\n")  # what was under way
        assert idle.recv(1) == b""  # and the end
        idle.close()
        with pytest.raises(requests.ConnectionError):
            session.post(echo.url, data=b"hello", timeout=10)


def test_waiting_for_what_does_not_happen_is_an_error(echo, monkeypatch):
    monkeypatch.setattr("tests.fakes.http.server.PATIENCE", 0.01)
    with pytest.raises(TimeoutError, match="in vain for 1 requests"):
        echo.wait_until_asked(1)


def test_a_bug_of_the_fake_is_raised_where_the_test_sees_it():
    with pytest.raises(KeyError, match="a bug of the fake"), Broken() as broken:
        assert post(broken).status_code == 500


def test_a_bug_in_a_predicate_is_raised_too():
    echo = Echo().start()
    echo.misbehave(Reply(500), when=lambda exchange: 1 // 0)
    with pytest.raises(requests.ConnectionError):
        post(echo)
    with pytest.raises(ZeroDivisionError):
        echo.__exit__(None, None, None)


def test_nothing_is_printed(echo, capfd):
    echo.misbehave(DropConnection(), Reply(500))
    with pytest.raises(requests.ConnectionError):
        post(echo)
    post(echo)
    echo.misbehave(Delay(0.05))  # so that the server writes to a closed connection
    with pytest.raises(requests.ReadTimeout):
        requests.post(echo.url, data=LONG, timeout=0.01)
    echo.stop()
    assert capfd.readouterr() == ("", "")
