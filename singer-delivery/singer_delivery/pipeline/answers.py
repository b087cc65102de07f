"""What the destination answers just now: whether requests get through, and since when not."""

from __future__ import annotations

import threading

from singer_delivery.endpoint import Reply
from singer_delivery.io.retry import Clock
from singer_delivery.progress.figures import Wait

LONG = 2.0
"""Seconds without a single request that gets through, after which a run waits for the service."""

SILENT = 15.0
"""Seconds without any reply, after which it waits for one."""


class Answers:
    """Remembers the last replies. Called from the threads that send, twice a request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._what = ""
        self._since: float | None = None
        self._sent = self._heard = clock.monotonic()
        self._open = 0
        self._lock = threading.Lock()

    def asked(self) -> None:
        """Take note that a request leaves."""
        with self._lock:
            if not self._open:
                self._sent = self._clock.monotonic()
            self._open += 1

    def heard(self, reply: Reply, *, is_taken: bool) -> None:
        """Take note of a reply, and whether the service took anything of the request."""
        with self._lock:
            self._open -= 1
            self._heard = self._clock.monotonic()
            if is_taken:
                self._since = None
                return
            self._what = _said(reply)
            if self._since is None:
                self._since = self._heard

    def wait(self) -> Wait | None:
        """Return what the run waits for: a service that refuses, or that is silent."""
        now, since = self._clock.monotonic(), self._since
        if since is not None and now - since >= LONG:
            return Wait(self._what, now - since)
        silent = now - max(self._sent, self._heard)
        if self._open and silent >= SILENT:
            return Wait("destination has not answered yet", silent)
        return None


def _said(reply: Reply) -> str:
    if reply.status:
        return f"destination answers {reply.status}"
    return f"destination does not answer ({reply.error})"
