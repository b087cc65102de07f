"""A local HTTP server that answers like a service, misbehaves on command and keeps a journal.

It speaks HTTP/1.1 with kept-alive connections on 127.0.0.1, one thread a connection. A fake of a
service derives from `FakeServer` and implements `answer`. What is promised:

- the journal lists requests in order of arrival, and an exchange is complete in the journal before
  its client can see the end of the reply;
- an act of misbehaviour applies to exactly one request, unless `misbehave_always` says otherwise;
- questions before a run, which say so in their user agent, are in a journal of their own and meet
  no act but those of `misbehave_at_questions`: whoever counts or spoils deliveries need not know;
- a mistake of the fake itself never passes for a behaviour of the service: leaving the `with` block
  raises it;
- `stop` frees held and delayed requests; `start` after `stop` listens on the same port again, which
  plays an outage.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.http.exchanges import (
    Act,
    Delay,
    DropConnection,
    Exchange,
    Hold,
    LoseReply,
    Reply,
    ReplyAfter,
    Stall,
    TruncateBody,
)
from tests.fakes.http.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

__all__ = [
    "Act",
    "Delay",
    "DropConnection",
    "Exchange",
    "FakeServer",
    "Hold",
    "LoseReply",
    "Reply",
    "ReplyAfter",
    "Stall",
    "TruncateBody",
]

QUESTION = "(check)"
"""Stands in the user agent of a question."""

PATIENCE = 60.0
"""Seconds after which waiting for something that does not happen becomes an error."""


@dataclass(frozen=True)
class _Order:
    """An act that waits for its request."""

    act: Act
    when: Callable[[Exchange], bool] | None

    def fits(self, exchange: Exchange) -> bool:
        return self.when is None or self.when(exchange)


class FakeServer:
    """Base of the fakes; see the module's docstring.

    Args:
        keep_bodies: Keep each request's body in its exchange. Off, as imports are large.
    """

    def __init__(self, *, keep_bodies: bool = False) -> None:
        self.journal: list[Exchange] = []
        self.questions: list[Exchange] = []
        self.in_flight = 0
        self.in_flight_peak = 0
        self.faults: list[BaseException] = []
        self.keep_bodies = keep_bodies
        self._changed = threading.Condition(threading.RLock())
        self._orders: list[_Order] = []
        self._standing: _Order | None = None
        self._at_questions: list[Act] = []
        self._held = 0
        self._releases = 0
        self._tick = 0
        self._port = 0
        self._stopping = threading.Event()
        self._listener: Listener | None = None

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Process one request as the service would. Called from many threads at once."""
        raise NotImplementedError

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Process one question as the service would; a fake that plays none knows no address."""
        return Reply(404, b"")

    # Life -----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Address without a trailing slash; stays the same from the first start on."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Listen; on the port of the last time, if there was one."""
        self._stopping.clear()
        self._listener = Listener(("127.0.0.1", self._port), self)
        self._port = self._listener.server_port
        serve = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        serve.start()
        return self

    def stop(self) -> None:
        """Refuse new connections, cut those that are open, free whoever waits."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        listener.shutdown()
        listener.server_close()
        listener.cut_connections()
        self._wait_for(lambda: self.in_flight == 0, "the requests in flight to end")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.stop()
        if self.faults and error is None:
            raise self.faults[0]

    # Misbehaviour ---------------------------------------------------------------------------

    def misbehave(self, *acts: Act, when: Callable[[Exchange], bool] | None = None) -> None:
        """Queue acts; each applies to the next request (for which `when` is true), once."""
        with self._changed:
            self._orders += [_Order(act, when) for act in acts]

    def misbehave_always(self, act: Act, when: Callable[[Exchange], bool] | None = None) -> None:
        """Apply one act to every request (for which `when` is true) that no queued act takes."""
        with self._changed:
            self._standing = _Order(act, when)

    def misbehave_at_questions(self, *acts: Act) -> None:
        """Queue acts; each applies to the next question, once."""
        with self._changed:
            self._at_questions += acts

    def behave(self) -> None:
        """Forget all acts, and release whoever is held."""
        with self._changed:
            self._orders.clear()
            self._at_questions.clear()
            self._standing = None
        self.release()

    def release(self) -> None:
        """Let the requests go on that are held at this moment."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def wait_until_held(self, count: int = 1) -> None:
        """Return once so many requests are held.

        Raises:
            TimeoutError: It did not come to that.
        """
        self._wait_for(lambda: self._held >= count, f"{count} held requests")

    def wait_until_asked(self, count: int) -> None:
        """Return once so many requests have arrived in all.

        Raises:
            TimeoutError: It did not come to that.
        """
        self._wait_for(lambda: len(self.journal) >= count, f"{count} requests")

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                msg = f"Waited {PATIENCE:.0f} s in vain for {what}."
                raise TimeoutError(msg)

    # One request ----------------------------------------------------------------------------

    @contextmanager
    def exchange(self, method: str, target: str, headers: Mapping[str, str]) -> Iterator[Exchange]:
        """Enter a request in the journal; on leaving, whatever happened, it is finished."""
        address = urlsplit(target)
        named = {name.lower(): value for name, value in headers.items()}
        is_question = QUESTION in named.get("user-agent", "")
        with self._changed:
            journal = self.questions if is_question else self.journal
            exchange = Exchange(
                number=len(journal) + 1,
                method=method,
                path=address.path,
                query=dict(parse_qsl(address.query, keep_blank_values=True)),
                headers=named,
                started=self._next_tick(),
                is_question=is_question,
            )
            journal.append(exchange)
            if not is_question:
                self.in_flight += 1
                self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
            self._changed.notify_all()
        try:
            yield exchange
        finally:
            self.finish(exchange)

    def finish(self, exchange: Exchange) -> None:
        """Close an exchange in the journal; harmless when it is closed already."""
        with self._changed:
            if exchange.finished is None:
                exchange.finished = self._next_tick()
                self.in_flight -= not exchange.is_question
                self._changed.notify_all()

    def decide(self, exchange: Exchange, body: bytes) -> Reply | None:
        """Process a request, waiting first if told to. None: no reply is to be sent."""
        exchange.body_size = len(body)
        exchange.body = body if self.keep_bodies else b""
        exchange.act = act = self._take_act(exchange)
        if isinstance(act, (Delay, Hold)):
            self._wait(act)
        if isinstance(act, DropConnection) or self._stopping.is_set():
            return None
        reply = act if isinstance(act, Reply) else self._safe_answer(exchange, body)
        if isinstance(act, LoseReply):
            return None
        if isinstance(act, ReplyAfter):
            reply = act.reply
        exchange.status = reply.status
        return reply

    def _take_act(self, exchange: Exchange) -> Act | None:
        with self._changed:
            if exchange.is_question:
                return self._at_questions.pop(0) if self._at_questions else None
            order = next((order for order in self._orders if order.fits(exchange)), None)
            if order is not None:
                self._orders.remove(order)
            elif self._standing is not None and self._standing.fits(exchange):
                order = self._standing
            return order.act if order is not None else None

    def _wait(self, act: Delay | Hold) -> None:
        if isinstance(act, Delay):
            self.pause(act.seconds)
            return
        with self._changed:
            releases = self._releases
            self._held += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._releases > releases or self._stopping.is_set())
            self._held -= 1

    def pause(self, seconds: float) -> None:
        """Wait, unless the server stops."""
        self._stopping.wait(seconds)

    def _safe_answer(self, exchange: Exchange, body: bytes) -> Reply:
        try:
            answer = self.answer_question if exchange.is_question else self.answer
            return answer(exchange, body)
        except Exception as error:  # noqa: BLE001 - raised again where the test will see it
            self.faults.append(error)
            return Reply(500, b"The fake itself broke; see its faults.")

    def _next_tick(self) -> int:
        self._tick += 1
        return self._tick
