"""The streams `profiles` and `group_profiles`: the last state of people and of groups.

Both are read whole at each run, since no time of a profile surely says that it changed:
`$last_seen` has no zone, and does not move where an update says so (Mixpanel docs, Query API:
Engage; User Profiles). A whole profile is also what tells a target that a property is gone.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from analytics_records.mixpanel import columns
from singer_delivery.io.line_files import open_blocks
from singer_delivery.tap.bad_lines import BadLines
from singer_delivery.tap.spool import run_folder

from tap_mixpanel.archive import ExportedFiles
from tap_mixpanel.engage import group, person
from tap_mixpanel.readings import AsRecord, ProfileReader, Spooled, written
from tap_mixpanel.streams import MixpanelStream, Part

WHOLE_EVERY = 10
"""With `incremental_profiles` every tenth reading is whole: the others miss removed profiles."""

OVERLAP = timedelta(days=2)
"""How far before the last reading profiles are read again: `$last_seen` may be in any zone."""


class Query(NamedTuple):
    """A query of profiles: its name in the log, its fields, and what makes records of them."""

    name: str
    asked: Mapping[str, str]
    as_record: AsRecord


class WholeStream(MixpanelStream):
    """A stream that is read whole, and leaves when all of it is on disk."""

    @abstractmethod
    def queries(self) -> list[Query]:
        """Return what to ask for."""

    def read(self, spooled: Spooled) -> None:
        """Note in STATE that the profiles of a query have left."""

    def archived(self, exported: ExportedFiles, bad_lines: BadLines) -> Iterator[list[bytes]]:
        """Yield the records that an archive has."""
        del bad_lines
        self.logger.info("The %d files of an archive hold none of these.", len(exported.files))
        return iter(())

    def parts(self) -> Generator[Part, None, None]:
        """Yield the records of all profiles, query by query, as one part."""
        with closing(self._profiles()) as profiles:
            yield Part(self.name, profiles)

    def _profiles(self) -> Generator[list[bytes], None, None]:
        exported = self.run.exported
        with closing(BadLines(self.settings.spool_dir, self.logger)) as bad_lines:
            self.note_the_time()
            if exported is None:
                yield from self._asked(bad_lines)
            else:
                yield from filter(None, self.archived(exported, bad_lines))
            bad_lines.to_disk()

    def _asked(self, bad_lines: BadLines) -> Generator[list[bytes], None, None]:
        settings = self.settings
        queries = self.queries()
        if not queries:
            return
        with (
            run_folder(settings.spool_dir) as folder,
            closing(self.run.query_client()) as client,
        ):
            reader = ProfileReader(
                client,
                self.clock,
                settings.max_retries,
                settings.page_size,
                self.progress.waiting,
            )
            for query in queries:
                spooled = reader.spooled(*query, folder / "profiles")
                self.note_the_time()
                for broken in spooled.broken:
                    bad_lines.add(query.name, *broken)
                bad_lines.to_disk()
                yield from open_blocks(spooled.path)
                self.read(spooled)
                self.logger.info(
                    "%s: %s profiles, %d of them broken.",
                    query.name,
                    f"{spooled.count:,}",
                    len(spooled.broken),
                )


class GroupProfilesStream(WholeStream):
    """The profiles of groups, one query for each entry of `data_group_ids`."""

    name = "group_profiles"
    primary_keys = columns.KEYS["group_profiles"]

    def queries(self) -> list[Query]:
        """Return a query for each group key."""
        if not self.settings.data_group_ids:
            self.logger.info(
                "No profiles of groups are read: data_group_ids, which names them, is not set."
            )
        return [
            Query(
                f"profiles of {key}",
                {"data_group_id": number},
                partial(group, group_key=json.dumps(key).encode()),
            )
            for key, number in sorted(self.settings.data_group_ids.items())
        ]


class ProfilesStream(WholeStream):
    """The profiles of people."""

    name = "profiles"
    primary_keys = columns.KEYS["profiles"]

    def queries(self) -> list[Query]:
        """Return one query: for all profiles, or with `incremental_profiles` for some."""
        asked = {}
        since = self._since() if self.settings.incremental_profiles else None
        if since is not None:
            asked["where"] = f'properties["$last_seen"]>="{since}"'
            self.logger.info("Only profiles seen since %s are read.", since)
        return [Query(self.name, asked, person)]

    def archived(self, exported: ExportedFiles, bad_lines: BadLines) -> Iterator[list[bytes]]:
        """Yield the profiles that an archive has."""
        return exported.profiles(self.clock.now(), bad_lines)

    def read(self, spooled: Spooled) -> None:
        """Note when profiles were read, and for how many runs not all of them were."""
        is_part = self.settings.incremental_profiles and self._since() is not None
        self.stream_state.update(
            {
                "read_at": written(spooled.read_at),
                "parts_read": self._parts_read + 1 if is_part else 0,
            }
        )

    @property
    def _parts_read(self) -> int:
        """How many readings since the last whole one were not."""
        found = self.stream_state.get("parts_read")
        return found if isinstance(found, int) else 0

    def _since(self) -> str | None:
        """Return from when on profiles are asked for; None for all."""
        if self._parts_read >= WHOLE_EVERY - 1:
            return None
        return _days_before(self.stream_state.get("read_at"))


def _days_before(read_at: Any) -> str | None:
    """Return a time as `$last_seen` has it, `OVERLAP` before a reading; None without one."""
    try:
        moment = datetime.fromisoformat(str(read_at).replace("Z", "+00:00"))
        return f"{moment - OVERLAP:%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError):
        return None
