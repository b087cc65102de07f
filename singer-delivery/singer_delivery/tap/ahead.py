"""Makes the next item in a thread while the one before is in use."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

Item = TypeVar("Item")

BEAT = 0.5
"""Seconds until a signal is seen at the latest."""


def one_ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """Yield `items`, none of them None; a thread makes the next one while one is in use.

    What the making raises is raised here, in its turn. Close this generator to make no further
    item; `items` are closed when the one under way is made.

    The thread never keeps the process alive, since a request may take minutes. The threads
    of a `ThreadPoolExecutor` would: the interpreter waits for them before it exits.
    """
    maker = _Maker(items)
    try:
        coming = maker.next()
        while (item := _awaited(coming)) is not None:
            coming = maker.next()
            yield item
    finally:
        maker.close()


def _awaited(coming: Future[Item]) -> Item:
    """Return the result of a future, or raise its error.

    A signal that strikes just before a wait begins does not end it: Python sees it at the next one.
    """
    while not wait([coming], BEAT).done:
        pass
    return coming.result()


class _Maker(Generic[Item]):
    """Makes items, each in a thread of its own; who asks waits for one before the next.

    A signal may strike while a thread starts, so nobody need know whether there is one: the lock
    says whether the items are in use.
    """

    def __init__(self, items: Generator[Item, None, None]) -> None:
        self._items = items
        self._in_use = threading.Lock()
        self._is_over = False

    def next(self) -> Future[Item | None]:
        """Return the next item as a future; its result is None at the end of the items."""
        future: Future[Item | None] = Future()
        threading.Thread(target=self._make, args=(future,), name="downloads", daemon=True).start()
        return future

    def close(self) -> None:
        """Close the items, now or when the one under way is made; does not wait."""
        self._is_over = True
        if self._in_use.acquire(blocking=False):
            try:
                self._items.close()
            finally:
                self._in_use.release()

    def _make(self, future: Future[Item | None]) -> None:
        with self._in_use:
            try:
                future.set_result(next(self._items, None))
            except BaseException as error:  # noqa: BLE001 - `result` raises it
                future.set_exception(error)
        if self._is_over:
            self.close()
