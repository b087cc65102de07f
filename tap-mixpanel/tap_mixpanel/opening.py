"""The opening check: asks for a few rows before any is read, and says what the answer means.

A page of HTML or an error behind a 200 is a cut window later in a run; here it is the region.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from singer_delivery.io.expansion import Unreadable, blocks_of_lines, most_bytes
from singer_delivery.io.gunzip import DAMAGE, unpacked
from singer_delivery.io.retry import Clock
from singer_delivery.tap.errors import (
    AccessRefused,
    AnswerNotUsable,
    RequestRefused,
    ServiceUnavailable,
)
from singer_delivery.tap.progress import Waiting, in_brief

from tap_mixpanel.account import Account
from tap_mixpanel.body import MARKERS
from tap_mixpanel.budget import seconds_to_wait
from tap_mixpanel.client import Asked, ExportClient, other_region
from tap_mixpanel.downloads import not_begun
from tap_mixpanel.errors import FutureDay, WindowFailed
from tap_mixpanel.project import FEW_DAYS, SAMPLE_ROWS

logger = logging.getLogger("tap-mixpanel.export")


@dataclass
class OpeningCheck:
    """Asks for some rows.

    Args:
        client: sends the requests.
        account: whose project it is.
        folder: where bodies are written.
        max_retries: how often to ask again after a passing failure.
        clock: the clock of every wait.
    """

    client: ExportClient
    account: Account
    folder: Path
    max_retries: int
    clock: Clock
    waiting: Waiting = nullcontext
    _is_answered: bool = field(default=False, init=False)

    def sample(self, first: date, last: date, limit: int = SAMPLE_ROWS) -> list[bytes]:
        """Return up to `limit` raw rows of the days from `first` to `last`.

        Raises:
            AccessRefused: Login, project, region or address are wrong.
            ServiceUnavailable: Mixpanel fails after all retries.
        """
        attempt, until = 0, last
        while True:
            try:
                rows = self._asked(Asked(first, until, limit=limit))
            except FutureDay as error:  # noqa: PERF203 - a request dwarfs it
                if first == last or until < last:
                    raise RequestRefused(not_begun(error)) from error
                until -= timedelta(days=1)
            except AnswerNotUsable as error:
                attempt += 1
                self._wait_or_give_up(attempt, error)
            else:
                self._is_answered = True
                return rows

    def make_sure_of_an_answer(self, today: date) -> None:
        """Ask for one row, unless rows were asked for already.

        Raises:
            AccessRefused: As `sample` does.
            ServiceUnavailable: As `sample` does.
        """
        if not self._is_answered:
            self.sample(today - timedelta(days=FEW_DAYS - 1), today, limit=1)

    def _asked(self, asked: Asked) -> list[bytes]:
        path = self.folder / "opening.jsonl"
        if self.client.fetch(asked, path) is None:
            msg = (
                f"{self.account.base_url} answered 404 where Mixpanel's raw export was expected. "
                "Check region and base_url."
            )
            raise AccessRefused(msg)
        try:
            with path.open("rb") as stored:
                blocks = blocks_of_lines(unpacked(stored), most_bytes(path.stat().st_size))
                lines = [line.strip() for block in blocks for line in block]
        except (*DAMAGE, Unreadable) as error:
            msg = "the answer is cut"
            raise WindowFailed(msg) from error
        return self._rows([*filter(None, lines)])

    def _rows(self, lines: list[bytes]) -> list[bytes]:
        if lines and lines[-1] in MARKERS:
            msg = f'Mixpanel ended the answer with "{lines[-1].decode()}"'
            raise WindowFailed(msg)
        if lines and not lines[0].startswith(b'{"event"') and b'"event"' not in lines[0]:
            raise AccessRefused(other_region(self.account))
        return lines

    def _wait_or_give_up(self, attempt: int, error: AnswerNotUsable) -> None:
        if attempt > self.max_retries:
            msg = f"Mixpanel could not be asked, {attempt} times: {error}. Run again later."
            raise ServiceUnavailable(msg) from error
        seconds = seconds_to_wait(attempt, error)
        logger.warning("Mixpanel is asked again in %.0f s: %s.", seconds, error)
        with self.waiting(in_brief(error, attempt, self.max_retries)):
            self.clock.sleep(seconds)
