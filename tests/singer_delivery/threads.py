"""Threads under test that begin together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from tests.singer_delivery.toys import within


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
