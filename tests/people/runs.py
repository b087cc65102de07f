"""Runs an export into a service: as two real processes, or by the target's command in this one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.destinations import MIXPANEL, POSTHOG, Destination
from tests.destinations.amplitude import AMPLITUDE
from tests.end_to_end.commands import Command
from tests.end_to_end.pipe import Pipe, batches_in, make_pipe
from tests.people.export import Export
from tests.people.held import Held, at_amplitude, at_mixpanel, at_posthog
from tests.people.judge import Counts, judge
from tests.people.truth import Truth
from tests.singer_delivery.toys import PlayedClock

GROUPS = ("company",)


@dataclass(frozen=True)
class Project:
    """A project to import into.

    Attributes:
        name: of the service, and of its identity system where it has several.
        destination: the target and its fake.
        options: of the fake.
        settings: of the target beside those that reach the fake.
        held: reads the fake.
    """

    name: str
    destination: Destination
    held: Callable[[Any, Truth], Held]
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def open(self) -> Any:
        """Return the fake service."""
        return self.destination.open(group_keys=GROUPS, **self.options)


ORIGINAL = {"identity_merge": "original"}
PROJECTS = (
    Project("posthog", POSTHOG, at_posthog),
    Project("mixpanel simplified", MIXPANEL, at_mixpanel),
    Project("mixpanel original", MIXPANEL, at_mixpanel, ORIGINAL, ORIGINAL),
    Project("amplitude", AMPLITUDE, at_amplitude),
)


# As a shell does ------------------------------------------------------------------------------


def piped(
    export: Export, folder: Path, project: Project, fake: Any, *, parts: int, batch: bool,
    processes: int,
) -> Pipe:  # fmt: skip
    """Run `tap-amplitude | target-…` over the export's files, once, to a good end."""
    settings = {**project.settings, "processes": processes}
    pipe = make_pipe(folder, None, project.destination, fake, **settings)
    pipe.tap["archive_path"] = str(export.write(folder / "export", parts))
    if batch:
        pipe.tap["batch_config"] = batches_in(folder)
    ended = pipe.run()
    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    return pipe


def dead_letters(path: Path) -> dict[str, str]:
    """Return the reason of each dead letter by the uuid of its record."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    records = [message["record"] for message in map(json.loads, lines) if "record" in message]
    return {record["uuid"]: record["_dead_letter"]["reason"] for record in records}


def judged(export: Export, project: Project, fake: Any) -> Counts:
    """Compare what a fake holds with the truth of an export."""
    return judge(project.held(fake, export.truth), export.truth)


# In this process ------------------------------------------------------------------------------

COLUMNS = (
    "$insert_id", "amplitude_id", "app", "city", "client_event_time", "client_upload_time",
    "country", "data", "device_family", "device_id", "event_id", "event_properties", "event_time",
    "event_type", "group_properties", "groups", "language", "library", "os_name", "os_version",
    "platform", "processed_time", "server_received_time", "server_upload_time", "session_id",
    "user_id", "user_properties", "uuid",
)  # fmt: skip
SCHEMA = {
    "type": "SCHEMA",
    "stream": "events",
    "schema": {"properties": {name: {} for name in COLUMNS}},
    "key_properties": ["uuid"],
}


def messages(rows: Iterable[bytes]) -> bytes:
    """Return rows as the messages that a target reads, in this order."""
    head = orjson.dumps(SCHEMA)
    records = (b'{"type":"RECORD","stream":"events","record":' + row + b"}" for row in rows)
    return b"\n".join((head, *records, b""))


@dataclass
class Fed:
    """The target's own command in this process, whose runs share one ledger."""

    project: Project
    folder: Path
    patch: pytest.MonkeyPatch
    clock: PlayedClock = field(default_factory=PlayedClock)

    def run(self, fake: Any, runs: Sequence[Sequence[bytes]], **settings: Any) -> None:
        """Give the target these rows, in one run after the other, each to a good end."""
        of = self.project.destination
        for rows in runs:
            config = {**of.settings(fake), **self.project.settings, "processes": 0, **settings}
            command = Command(of.plugin, self.folder, config, self.patch, self.clock)
            ended = command.run(messages(rows))
            assert ended.code == 0, ended.log
