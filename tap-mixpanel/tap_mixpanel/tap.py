"""The tap: its settings and its streams."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_delivery.sdk.tap import CheckedTap

from tap_mixpanel.config import CONFIG_SCHEMA
from tap_mixpanel.identities import IdentitiesStream
from tap_mixpanel.profile_streams import GroupProfilesStream, ProfilesStream
from tap_mixpanel.questions import Questions
from tap_mixpanel.row_streams import EventsStream
from tap_mixpanel.run import Run
from tap_mixpanel.settings import Settings, problems, today_in_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_delivery.proof.questions import Question
    from singer_sdk import Stream

STREAMS = (IdentitiesStream, GroupProfilesStream, ProfilesStream, EventsStream)
"""In the order in which they are emitted: what is known of groups, people and merged ids comes
before the events it colours."""

OF_PROFILES = (GroupProfilesStream, ProfilesStream)
"""The streams that come from the Query API."""


class TapMixpanel(CheckedTap):
    """Reads a Mixpanel project: its raw events, its profiles, and who its ids are.

    Rows pass exactly as Mixpanel exported them, in constant memory. The bookmark moves with each
    finished day: a run that stops at any moment is simply started again.
    """

    name = "tap-mixpanel"
    package_name = "tap-mixpanel-export"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_SCHEMA
    takes_whole_days: ClassVar[bool] = True
    """For `singer-delivery verify`: hours are not asked for, so it names days."""

    @cached_property
    def run(self) -> Run:
        """What the streams of this run share."""
        settings = Settings.of_config(self.config)
        return Run(settings, self.clock, self.user_agent, self.progress.waiting)

    def discover_streams(self) -> Sequence[Stream]:
        """Return the streams."""
        return [stream(self) for stream in STREAMS]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams by name, in the order of `STREAMS`; the SDK would sort them by name."""
        found = super().streams
        return {stream.name: found[stream.name] for stream in STREAMS}

    def questions(self) -> Sequence[Question]:
        """Return what can be asked of Mixpanel on request; nothing where files are read."""
        settings, now = self.run.settings, self.clock.now()
        if settings.archive_path:
            return []
        needs_queries = any(self.streams[each.name].selected for each in OF_PROFILES)
        today = today_in_utc(now)
        return Questions(settings.account, today, now, needs_queries).all()

    def config_errors(self) -> list[str]:
        """Return a sentence for each problem that a JSON schema cannot express."""
        return problems(self._config, datetime.fromtimestamp(self.clock.now(), timezone.utc))


if __name__ == "__main__":
    TapMixpanel.cli()
