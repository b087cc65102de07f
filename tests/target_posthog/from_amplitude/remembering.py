"""A mapping to PostHog under test, with a memory."""

from __future__ import annotations

from typing import Any

from target_posthog.from_amplitude import FromAmplitude
from target_posthog.settings import MappingSettings

from tests.pairs.walk import Walk


class Importing(Walk):
    """Reads records with these settings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(lambda: FromAmplitude(MappingSettings(**settings)))
