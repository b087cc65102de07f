"""Threads under test: what hangs fails, and races show."""

from __future__ import annotations

import faulthandler
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

LATEST = 15.0
"""Seconds after which a test that hangs is given up, with a look at its threads."""


def within(body: Callable[[], None], seconds: float = LATEST) -> None:
    """Run `body` in a thread of its own; fail with a dump of all threads when it hangs."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        with tempfile.TemporaryFile("w+") as dump:
            faulthandler.dump_traceback(dump)
            dump.seek(0)
            pytest.fail(f"It hung.\n{dump.read()}")
    if raised:
        raise raised[0]


def all_at_once(bodies: Iterable[Callable[[], None]]) -> None:
    """Run each body in a thread of its own, begun together; raise what one of them raised."""
    bodies, raised = list(bodies), list[BaseException]()
    begin = threading.Barrier(len(bodies))

    def run(body: Callable[[], None]) -> None:
        begin.wait()
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(body,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    within(lambda: [thread.join() for thread in threads] and None, 60.0)
    if raised:
        raise raised[0]


@contextmanager
def restless_threads() -> Iterator[None]:
    """Switch threads as often as Python can, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
