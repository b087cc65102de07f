"""A mapping of Mixpanel's rows to PostHog under test, with a memory."""

from __future__ import annotations

from typing import Any

from singer_delivery.io.copies import Copies
from target_posthog.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
)
from target_posthog.settings import MappingSettings

from tests.analytics_records.mixpanel.rows import named, tapped
from tests.pairs.walk import Walk, Walked, the

READ = "2024-05-01T00:00:00.000Z"


class Importing(Walk):
    """Reads rows with these settings; profiles share its memory."""

    def __init__(self, **settings: Any) -> None:
        self.settings = MappingSettings(**settings)
        super().__init__(lambda: FromMixpanel(self.settings))
        self.profiles = Walk(lambda: ProfilesFromMixpanel(self.settings))
        self.groups = Walk(lambda: GroupProfilesFromMixpanel(self.settings))
        self.profiles.known = self.groups.known = self.known

    def row(self, event: str = "Played", mode: str | None = None, **properties: Any) -> Walked:
        """Read a row of the tap; see `rows.own` for its properties."""
        return self.reads_row(tapped(event, mode, **properties))

    def profile(self, distinct_id: Any, read_at: str | None = READ, **properties: Any) -> Walked:
        """Read a profile."""
        given = {named(key): value for key, value in properties.items()}
        row = {"distinct_id": distinct_id, "read_at": read_at, "properties": given}
        return self.profiles.reads_row(row)

    def group(self, key: str, group: Any, read_at: str = READ, **properties: Any) -> Walked:
        """Read a profile of a group."""
        given = {named(name): value for name, value in properties.items()}
        row = {"group_key": key, "group_id": group, "read_at": read_at, "properties": given}
        return self.groups.reads_row(row)


def counting() -> FromMixpanel:
    """Return a mapping that numbers equal rows, as a run has it."""
    return FromMixpanel(MappingSettings(), number=Copies().number)


def event_of(walked: Walked) -> dict[str, Any]:
    """Return the body of the one event of a row."""
    return the("event", walked).body


def links_of(walked: Walked) -> list[tuple[str, str]]:
    """Return the other id and the user of each link."""
    made = [event.body for event in walked.events if event.kind == "link"]
    return [(body["properties"]["alias"], body["distinct_id"]) for body in made]
