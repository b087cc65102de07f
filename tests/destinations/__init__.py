"""The destinations of this project: every suite runs each of its scenarios for each of them.

A new destination is a module here, beside its fake in `tests/fakes`, and an entry in
`DESTINATIONS`. One that takes events in two ways has a second entry in `IN_ALL_WAYS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.destinations.amplitude import AMPLITUDE
from tests.destinations.destination import Destination, Sent
from tests.destinations.mixpanel import MIXPANEL
from tests.destinations.posthog import POSTHOG, POSTHOG_V1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _pytest.mark.structures import ParameterSet

__all__ = [
    "AMPLITUDE", "DESTINATIONS", "IN_ALL_WAYS", "MIXPANEL", "POSTHOG", "POSTHOG_V1", "Destination",
    "Sent", "in_all_ways",
]  # fmt: skip

DESTINATIONS: tuple[Destination, ...] = (POSTHOG, MIXPANEL, AMPLITUDE)

IN_ALL_WAYS: tuple[Destination, ...] = (*DESTINATIONS, POSTHOG_V1)
"""Those, and the other ways by which one of them takes events."""


def in_all_ways(
    cases: Iterable[tuple[Any, ...]], by_default: Callable[..., bool] = lambda *_: False
) -> list[ParameterSet]:
    """Return cases that begin with a destination of `IN_ALL_WAYS`, as pytest takes them.

    Those of a second way are slow, but for those that `by_default` picks: the code that is tested
    is mostly that of the first.
    """
    return [
        pytest.param(
            *case,
            marks=() if case[0] in DESTINATIONS or by_default(*case) else pytest.mark.slow,
        )
        for case in cases
    ]
