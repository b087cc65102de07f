"""A tap as the Singer SDK makes it when nothing is changed, for the same export.

Default here: the writer of messages, the recursive conformance of every value to the schema, the
counting, the handling of state. Ours: the schema, which is that of tap-amplitude, and
`get_records`, written as a first draft is: gzip and json of the standard library.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from analytics_records.amplitude.columns import events_schema
from singer_sdk import Stream, Tap
from singer_sdk import typing as th


class Events(Stream):
    """The rows of the export."""

    name = "events"
    schema = events_schema()
    primary_keys = ("uuid",)

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002 - the SDK's signature
        """Yield each row of each file."""
        for path in sorted(Path(self.config["archive_path"]).iterdir()):
            with gzip.open(path) as lines:
                yield from map(json.loads, lines)


class DefaultTap(Tap):
    """Reads a folder of exported files."""

    name = "default-tap"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("archive_path", th.StringType, required=True)
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [Events(self)]


if __name__ == "__main__":
    DefaultTap.cli()
