"""The end of the command of a tap."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ending_quietly() -> Iterator[None]:
    """Let a signal end the process once the command has ended with 0: all is written by then.

    A handler that raises while Python shuts down would leave a traceback.
    """
    try:
        yield
    except SystemExit as end:
        if not end.code:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
        raise
