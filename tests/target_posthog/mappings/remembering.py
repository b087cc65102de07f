"""A mapping to PostHog under test, with a memory."""

from __future__ import annotations

from typing import Any

from target_posthog.mappings.amplitude import AmplitudeMapping
from target_posthog.mappings.settings import MappingSettings

from tests.singer_delivery.sources.remembering import WithMemory


class Importing(WithMemory):
    """Reads records with these settings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(lambda: AmplitudeMapping(MappingSettings(**settings)))
