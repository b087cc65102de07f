"""The destinations of this project: every suite runs each of its scenarios for each of them.

A new destination is a module here, beside its fake in `tests/fakes`, and an entry in
`DESTINATIONS`.
"""

from __future__ import annotations

from tests.destinations.amplitude import AMPLITUDE
from tests.destinations.destination import Destination, Sent
from tests.destinations.mixpanel import MIXPANEL
from tests.destinations.posthog import POSTHOG

__all__ = ["AMPLITUDE", "DESTINATIONS", "MIXPANEL", "POSTHOG", "Destination", "Sent"]

DESTINATIONS: tuple[Destination, ...] = (POSTHOG, MIXPANEL, AMPLITUDE)
