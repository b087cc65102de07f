"""Windows of the export as files on disk, one ahead of the reader.

All requests are made by one thread, one after the other: Amplitude allows five at once across its
REST APIs (Amplitude docs, Dashboard REST API), and other tools of the customer share them.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_amplitude.errors import (
    HourTooLarge,
    ServiceUnavailable,
    TooLarge,
    TooSlow,
    TryAgain,
)
from tap_amplitude.windows import write_time

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from singer_delivery.io.retry import Backoff, Clock

    from tap_amplitude.client import ExportClient
    from tap_amplitude.windows import Walk, Window

logger = logging.getLogger("tap-amplitude.export")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Download:
    """A window and the zip with its rows; `path` is None when it has none."""

    window: Window
    path: Path | None


@dataclass
class Downloader:
    """Walks through the hours, and asks for each until it is answered.

    A window that is too large or too slow is halved, down to one hour; after an answer windows grow
    again. Passing failures are tried again, `max_retries` times each window.
    """

    client: ExportClient
    walk: Walk
    folder: Path
    max_retries: int
    backoff: Backoff
    clock: Clock

    def __iter__(self) -> Generator[Download, None, None]:
        try:
            while (window := self.walk.window) is not None:
                download = self._ask_for(window)
                if download is not None:
                    yield download
        finally:
            self.client.close()

    def _ask_for(self, window: Window) -> Download | None:
        """Return the answer, or None when the walk goes on with a smaller window."""
        path = self.folder / f"{window.first_hour}-{window.last_hour}.zip"
        try:
            found = self._fetch(window, path)
        except (TooLarge, TooSlow) as error:
            self.walk = self._halved(window, error)
            return None
        self.walk = self.walk.passed(window)
        return Download(window, path if found else None)

    def _fetch(self, window: Window, path: Path) -> bool:
        attempt = 0
        while True:
            try:
                return self.client.fetch(window, path)
            except (TryAgain, TooSlow) as error:  # noqa: PERF203 - a request dwarfs it
                if isinstance(error, TooSlow) and window.hours > 1:
                    raise
                attempt += 1
                self._wait_or_give_up(window, attempt, error)

    def _wait_or_give_up(self, window: Window, attempt: int, error: TryAgain | TooSlow) -> None:
        if attempt > self.max_retries:
            if isinstance(error, TooSlow):
                raise HourTooLarge(_archive_road(window, str(error))) from error
            msg = (
                f"The export of {window} failed {attempt} times: {error}. "
                "What came before is done; run again later."
            )
            raise ServiceUnavailable(msg) from error
        asked = error.retry_after if isinstance(error, TryAgain) else None
        seconds = self.backoff.wait(attempt, asked)
        logger.warning(
            "Window %s: %s. Try %d of %d in %.0f s.",
            window,
            error,
            attempt + 1,
            self.max_retries + 1,
            seconds,
        )
        self.clock.sleep(seconds)

    def _halved(self, window: Window, error: TooLarge | TooSlow) -> Walk:
        if window.hours == 1:
            raise HourTooLarge(_archive_road(window, str(error))) from error
        walk = self.walk.halved(window)
        logger.info("Window %s: %s. Asking for %d h instead.", window, error, walk.size)
        return walk


def _archive_road(window: Window, why: str) -> str:
    return (
        f"The hour {write_time(window.start)} alone is more than the Export API gives out: {why}. "
        "Export it through Amplitude's Amazon S3 or Google Cloud Storage destination, which has no "
        "such limit, load those files with the setting archive_path, and go on here with "
        f"start_date {write_time(window.end)}."
    )


class _End:
    """Marks the end of the items."""


@dataclass(frozen=True)
class _Failed:
    """Carries an error from one thread to the other."""

    error: BaseException


class OneAhead(Generic[Item]):
    """Iterates over `items` with the next one being made, in a thread, while one is in use.

    What the making raises is raised here, in its turn. The thread never keeps the process alive; on
    leaving the `with` block it makes no further item.
    """

    def __init__(self, items: Generator[Item, None, None]) -> None:
        self._items = items
        self._made: queue.SimpleQueue[Item | _Failed | type[_End]] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(1)
        self._is_over = False
        self._thread = threading.Thread(target=self._make, name="downloads", daemon=True)

    def __enter__(self) -> Iterator[Item]:
        self._thread.start()
        return self._take()

    def __exit__(self, *_error: object) -> None:
        self._is_over = True
        self._wanted.release()

    def _take(self) -> Iterator[Item]:
        while True:
            item = self._made.get()
            if item is _End:
                return
            if isinstance(item, _Failed):
                raise item.error
            self._wanted.release()
            yield item  # type: ignore[misc]  # neither the end nor a failure

    def _make(self) -> None:
        try:
            while True:
                self._wanted.acquire()
                if self._is_over:
                    return
                self._made.put(next(self._items))
        except StopIteration:
            self._made.put(_End)
        except BaseException as error:  # noqa: BLE001 - it is raised by the thread that takes
            self._made.put(_Failed(error))
        finally:
            self._items.close()
