"""A tap as the Singer SDK makes it when nothing is changed, for the same export.

Default here: the writer of messages, the recursive conformance of every value to the schema, the
counting, the handling of state. Ours: the schema, which is that of our tap, and `get_records`,
written as a first draft is: gzip and json of the standard library.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from analytics_records.amplitude.columns import events_schema
from analytics_records.mixpanel import columns as mixpanel
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Amplitude": events_schema(),
    "Mixpanel": mixpanel.schema("events"),
}


class Events(Stream):
    """The rows of the export."""

    name = "events"
    primary_keys = ()

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002 - the SDK's signature
        """Yield each row of each file."""
        for path in sorted(Path(self.config["archive_path"]).iterdir()):
            with gzip.open(path) as lines:
                yield from map(json.loads, lines)


class DefaultTap(Tap):
    """Reads a folder of exported files."""

    name = "default-tap"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("archive_path", th.StringType, required=True),
        th.Property("source", th.StringType, required=True, allowed_values=list(SCHEMAS)),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [Events(self, schema=SCHEMAS[self.config["source"]])]


if __name__ == "__main__":
    DefaultTap.cli()
