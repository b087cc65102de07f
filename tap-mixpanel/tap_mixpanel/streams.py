"""The stream `events`: the rows of the raw export, as Mixpanel wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics_records.mixpanel import columns
from singer_delivery.sdk.raw_stream import RawStream
from singer_delivery.sdk.source_project import with_source_project

from tap_mixpanel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from singer_delivery.sdk.tap import CheckedTap

VENDOR = "mixpanel"


class MixpanelStream(RawStream):
    """A stream of a Mixpanel project; `name` is one of `analytics_records.mixpanel.columns`."""

    def __init__(self, tap: CheckedTap) -> None:
        project_id = Settings.of_config(tap.config).account.project_id
        schema = with_source_project(columns.schema(self.name), VENDOR, project_id)
        super().__init__(tap, schema)


class EventsStream(MixpanelStream):
    """The rows of the raw export, by the day of the project."""

    name = "events"
    primary_keys = ("uuid",)
    replication_key = "day"

    def blocks(self) -> Generator[list[bytes], None, None]:
        """Yield rows, and move the bookmark between days."""
        yield from ()
