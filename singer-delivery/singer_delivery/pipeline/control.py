"""A small file by which a running target is told to go slower, quicker, or to pause.

It is looked at about once a second, as the flag files of gh-ost are (gh-ost, doc/throttle.md,
`throttle-flag-file`). It holds one JSON object, or a line for each setting:

    max_events_per_second: 500
    pause: false

What it does not name is as the settings say, and so is all when the file is gone.
"""

from __future__ import annotations

import json
import logging
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from singer_delivery.pipeline.pace import Pace

logger = logging.getLogger("singer-delivery.progress")

RATE, PAUSE = "max_events_per_second", "pause"
MOST_BYTES = 4_096
"""More is no control file, and is not read."""

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Wanted(NamedTuple):
    """What a control file asks for; None: what the settings say."""

    per_second: float | None = None
    is_paused: bool = False


def wanted_in(text: str) -> Wanted:
    """Read the content of a control file; an empty one asks for nothing.

    Raises:
        ValueError: it cannot be read; the text says why, and quotes nothing.
    """
    found = dict(_json(text) if text.lstrip().startswith("{") else _lines(text))
    unknown = [name for name in found if name not in (RATE, PAUSE)]
    if unknown:
        msg = f"it names something else than {RATE} and {PAUSE}"
        raise ValueError(msg)
    return Wanted(_rate(found.get(RATE)), _flag(found.get(PAUSE, False)))


def _json(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        msg = "it begins as JSON and is none"
        raise ValueError(msg) from None
    return found


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for line in text.splitlines():
        said = line.partition("#")[0].strip()
        if not said:
            continue
        name, sign, value = said.replace("=", ":", 1).partition(":")
        if not sign:
            msg = "a line is not of the form `name: value`"
            raise ValueError(msg)
        yield name.strip(), value.strip()


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    try:
        rate = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not 0 <= rate < math.inf:
        msg = f"{RATE} must be a number of events, 0 for no limit"
        raise ValueError(msg)
    return rate


def _flag(value: Any) -> bool:
    flag = WORDS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        msg = f"{PAUSE} must be true or false"
        raise ValueError(msg)  # noqa: TRY004 - what a person wrote
    return flag


class Control:
    """Looks at the control file, and changes the pace of a run.

    A file that cannot be read twice in a row is warned of once, and changes nothing: at the first
    look its writer may be in the middle of it.

    Args:
        path: of the file.
        pace: of the run, with the limit that the settings say.
    """

    def __init__(self, path: Path, pace: Pace) -> None:
        self._path, self._pace = path, pace
        self._usual = pace.per_second
        self._seen: tuple[int, ...] | None = None
        self._doubted: tuple[int, ...] | None = None

    def look(self) -> None:
        """Do what the file says, if it has changed."""
        try:
            found = self._path.stat()
            seen: tuple[int, ...] = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen:
                return
            wanted = wanted_in(self._text(found))
        except FileNotFoundError:
            seen, wanted = (), Wanted()
        except OSError as error:
            self._doubt((-1,), f"it cannot be read ({error.strerror})")
            return
        except ValueError as error:
            self._doubt(seen, str(error))
            return
        self._doubted = None
        if seen != self._seen:
            is_first = self._seen is None
            self._seen = seen
            self._do(wanted, is_silent=is_first and not seen)

    def _text(self, found: os.stat_result) -> str:
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            msg = "it is no plain file"
            raise ValueError(msg)
        if found.st_size > MOST_BYTES:
            msg = "it is too large"
            raise ValueError(msg)
        try:
            return self._path.read_text("utf-8")
        except UnicodeDecodeError:
            msg = "it is no text in UTF-8"
            raise ValueError(msg) from None

    def _doubt(self, seen: tuple[int, ...], why: str) -> None:
        if self._doubted != seen:
            self._doubted = seen
            return
        if self._seen == seen:
            return
        self._seen = seen
        logger.warning(
            "%s changes nothing, since %s. Write `%s: 500` and `%s: false` into it.",
            self._path,
            why,
            RATE,
            PAUSE,
        )

    def _do(self, wanted: Wanted, *, is_silent: bool) -> None:
        rate = self._usual if wanted.per_second is None else wanted.per_second
        was = (self._pace.per_second, self._pace.is_paused)
        self._pace.change(rate, is_paused=wanted.is_paused)
        if is_silent or was == (rate, wanted.is_paused):
            return
        limit = f"at most {rate:,g} events a second" if rate else "no limit of events a second"
        what = "the run pauses" if wanted.is_paused else f"the run goes on, {limit}"
        logger.info("By %s %s.", self._path, what)
