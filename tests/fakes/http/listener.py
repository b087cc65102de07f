"""The sockets under a fake server: HTTP/1.1, kept-alive connections, one thread for each."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

from tests.fakes.http.exchanges import Exchange, Reply, Stall, TruncateBody

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

SPLIT_FROM = 65_536
"""Bytes of body from which the reply is sent in two pieces, so that it counts as in flight."""


class Host(Protocol):
    """What the sockets need of a fake server."""

    faults: list[BaseException]

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[Exchange]:
        """Enter a request in the journal for as long as it is in flight."""

    def decide(self, exchange: Exchange, body: bytes) -> Reply | None:
        """Return the reply to send; None: close the connection without one."""

    def finish(self, exchange: Exchange) -> None:
        """Note that the exchange ends here."""

    def pause(self, seconds: float) -> None:
        """Wait, unless the server stops."""


class Listener(ThreadingHTTPServer):
    """The listening socket; knows the open connections so that `stop` can cut them."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], fake: Host) -> None:
        self.fake = fake
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                _cut(connection)

    def handle_error(self, request: Any, client_address: object) -> None:
        """Print nothing. A client that went away is part of the play, any other error is not."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.fake.faults.append(error)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and hands them to the fake."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply of two writes waits 40 ms for an ACK
    wbufsize = -1
    server: Listener

    def do_GET(self) -> None:
        fake = self.server.fake
        with fake.exchange(self.command, self.path, dict(self.headers)) as exchange:
            if "transfer-encoding" in exchange.headers:
                self._send(exchange, Reply(411, b"Send a Content-Length."))
                self.close_connection = True
                return
            body = self.rfile.read(int(exchange.headers.get("content-length", 0)))
            reply = fake.decide(exchange, body)
            if reply is None:
                self._cut(exchange)
            else:
                self._send(exchange, reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names http.server calls

    def _send(self, exchange: Exchange, reply: Reply) -> None:
        """Send the reply, closing the exchange before its last byte can arrive."""
        act = exchange.act
        body = reply.body
        if isinstance(act, TruncateBody):
            body = body[: int(len(body) * act.keep)]
        self.send_response(reply.status)
        for name, value in {"Content-Type": "text/plain", **reply.headers}.items():
            self.send_header(name, value)
        if not reply.is_chunked:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if isinstance(act, Stall):
            body = self._stall(body, act, reply)
        if len(body) > SPLIT_FROM:
            self._write(memoryview(body)[:-1], reply)
            self.wfile.flush()
            body = body[-1:]
        self._write(body, reply)
        self.server.fake.finish(exchange)
        if reply.is_chunked and not isinstance(act, TruncateBody):
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        if isinstance(act, TruncateBody):
            self._cut(exchange)

    def _write(self, piece: bytes | memoryview, reply: Reply) -> None:
        if not reply.is_chunked:
            self.wfile.write(piece)
        elif piece:
            self.wfile.write(b"%x\r\n" % len(piece))
            self.wfile.write(piece)
            self.wfile.write(b"\r\n")

    def _stall(self, body: bytes, act: Stall, reply: Reply) -> bytes:
        """Send the first part, wait, return the rest."""
        first = int(len(body) * act.keep)
        self._write(body[:first], reply)
        self.wfile.flush()
        self.server.fake.pause(act.seconds)
        return body[first:]

    def _cut(self, exchange: Exchange) -> None:
        self.server.fake.finish(exchange)
        self.close_connection = True
        _cut(self.connection)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Print nothing."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
