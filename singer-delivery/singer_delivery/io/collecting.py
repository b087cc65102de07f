"""How often Python looks for garbage that refers to itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""More containers than were let go, before it looks. By default it is 700: with thousands of
events under way it would look at them again and again, for a fifth of the time of a run."""


def collect_rarely() -> None:
    """Look seldom, and never again at what was made until now.

    What a run makes does not refer to itself, so that next to nothing waits to be found.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 100)


@contextmanager
def importing() -> Iterator[None]:
    """Look for none in the block.

    The Singer SDK and what it needs are a hundred thousand objects, none of them garbage. Looking
    through them while they are made is a fifth of the time it takes to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
