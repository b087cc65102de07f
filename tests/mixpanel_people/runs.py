"""Runs an export into a service: as two real processes, or by the target's command in this one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.columns import KEYS, schema
from analytics_records.mixpanel.row import OrderKey, lacks_id, order_key, row_uuid
from singer_delivery.mapping.json_lines import exact, read_json

from tests.destinations import MIXPANEL, POSTHOG, Destination
from tests.destinations.amplitude import AMPLITUDE
from tests.end_to_end.commands import Command
from tests.fakes.mixpanel_export import FakeMixpanelExport, Profile, Row
from tests.fakes.mixpanel_export.quota import UNLIMITED
from tests.fakes.mixpanel_export.rows import EPOCH, MILLISECOND
from tests.mixpanel_people.export import DATA_GROUPS, Export
from tests.mixpanel_people.held import Held, at_amplitude, at_mixpanel, at_posthog
from tests.mixpanel_people.identities import VERBS
from tests.mixpanel_people.judge import Counts, judge
from tests.mixpanel_people.truth import NOBODY, Truth
from tests.singer_delivery.toys import PlayedClock

GROUPS = {"group_keys": {"company": "company"}}
REVENUE = {"revenue": {"revenue": "amount"}}
READ_AT = "2025-03-20T00:00:00.000Z"


@dataclass(frozen=True)
class Project:
    """A project to import into.

    Attributes:
        name: of the service, and of its identity system where it has several.
        destination: the target and its fake.
        held: reads the fake.
        options: of the fake.
        settings: of the target beside those that reach the fake.
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
        return self.destination.open(group_keys=("company",), **self.options)


ORIGINAL = {"identity_merge": "original"}
TO_POSTHOG = Project("posthog", POSTHOG, at_posthog, settings=GROUPS | REVENUE)
OF_NOBODY = {"max_dead_letters": "100%"}
"""Amplitude takes no event of nobody: a scene may have no other."""
TO_AMPLITUDE = Project("amplitude", AMPLITUDE, at_amplitude, settings=GROUPS | REVENUE | OF_NOBODY)
TO_SIMPLIFIED = Project("mixpanel simplified", MIXPANEL, at_mixpanel)
TO_ORIGINAL = Project("mixpanel original", MIXPANEL, at_mixpanel, ORIGINAL, ORIGINAL)
PROJECTS = (TO_AMPLITUDE, TO_POSTHOG, TO_SIMPLIFIED, TO_ORIGINAL)


def judged(export: Export, project: Project, fake: Any) -> Counts:
    """Compare what a fake holds with the truth of an export."""
    return judge(project.held(fake, export.truth), export.truth)


def dead_letters(path: Path) -> dict[int, str]:
    """Return the reason of each dead letter by the serial number of its record."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    records = [message["record"] for message in map(json.loads, lines) if "record" in message]
    return {record["properties"]["serial"]: record["_dead_letter"]["reason"] for record in records}


def due_dead(export: Export, held: Held) -> dict[int, str]:
    """Return what must be a dead letter at a service."""
    dead = dict(export.truth.dead)
    if not held.takes_nobody:
        of_nobody = (due for due in export.truth.events.values() if due.who == NOBODY)
        dead |= {due.serial: "no_identity" for due in of_nobody}
    return dead


# As a tap hands it on ---------------------------------------------------------------------------


def messages(export: Export, reading: int = 1) -> list[list[bytes]]:
    """Return an export as the messages that a target reads: a list for each stream, in order."""
    rows = _in_order(export, reading)
    groups = [
        _record("group_profiles", {"group_key": key, "group_id": each.distinct_id}, each)
        for key, group in DATA_GROUPS.items()
        for each in export.group_profiles.get(group, ())
    ]
    people = [
        _record("profiles", {"distinct_id": str(each.distinct_id)}, each)
        for each in export.profiles
    ]
    events = [b'{"type":"RECORD","stream":"events","record":' + record for _, record in rows]
    verbs = [
        b'{"type":"RECORD","stream":"identities","record":' + record
        for row, record in rows
        if row.event in VERBS
    ]
    streams = {"identities": verbs, "group_profiles": groups, "profiles": people, "events": events}
    return [[_schema(stream), *records] for stream, records in streams.items()]


def _schema(stream: str) -> bytes:
    return orjson.dumps(
        {
            "type": "SCHEMA",
            "stream": stream,
            "schema": schema(stream),
            "key_properties": KEYS[stream],
        }
    )


def _record(stream: str, keys: dict[str, Any], profile: Profile) -> bytes:
    record = {**keys, "read_at": READ_AT, "properties": dict(profile.properties)}
    return orjson.dumps({"type": "RECORD", "stream": stream, "record": record})


def _in_order(export: Export, reading: int) -> list[tuple[Row, bytes]]:
    """Return rows, each once, in the order of a tap, with what it adds beside them."""
    newest: dict[str, tuple[OrderKey, Row, bytes]] = {}
    copies: Counter[str] = Counter()
    for row in export.rows:
        if row.appears > reading:
            continue
        line = row.line(reading, in_ms=True)
        parsed = read_json(exact(line))
        uuid = row_uuid(parsed)
        if lacks_id(parsed):
            copies[uuid] += 1
            uuid = row_uuid(parsed, copies[uuid] - 1)
        key = order_key(parsed, uuid, row.at)
        if uuid not in newest or newest[uuid][0].processed < key.processed:
            newest[uuid] = (key, row, line)
    ordered = sorted(newest.items(), key=lambda item: item[1][0])
    return [(row, _beside(uuid, row, export) + line[1:] + b"}") for uuid, (_, row, line) in ordered]


def _beside(uuid: str, row: Row, export: Export) -> bytes:
    due = export.truth.events.get(row.properties["serial"])
    session = None if due is None or due.session is None else _utc(due.session[1])
    added = {
        "uuid": uuid,
        "time": _utc(row.at),
        "day": row.day.isoformat(),
        "session_start": session,
        "identity_merge": export.system,
    }
    return orjson.dumps(added)[:-1] + b","


def _utc(at: int) -> str:
    return (EPOCH + at * MILLISECOND).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass
class Fed:
    """The target's own command in this process, whose runs share one ledger."""

    project: Project
    folder: Path
    patch: pytest.MonkeyPatch
    clock: PlayedClock = field(default_factory=PlayedClock)

    def run(self, fake: Any, runs: Iterable[Sequence[Sequence[bytes]]], **settings: Any) -> None:
        """Give the target these streams, in one run after the other, each to a good end."""
        of = self.project.destination
        for streams in runs:
            config = {**of.settings(fake), **self.project.settings, "processes": 0, **settings}
            command = Command(of.plugin, self.folder, config, self.patch, self.clock)
            ended = command.run(b"\n".join(line for lines in streams for line in lines) + b"\n")
            assert ended.code == 0, ended.log


# The tap's source -------------------------------------------------------------------------------


def served(export: Export, **options: Any) -> FakeMixpanelExport:
    """Return the service that gives an export out."""
    return FakeMixpanelExport(
        export.rows,
        profiles=export.profiles,
        group_profiles=export.group_profiles,
        project_timezone=export.timezone,
        **{"project_id": 1_113, "limits": UNLIMITED, **options},
    )


# As a shell does --------------------------------------------------------------------------------

BIN = Path(sys.executable).parent
TIMEOUT = 120.0


def piped(folder: Path, tap: dict[str, Any], project: Project, fake: Any, processes: int) -> str:
    """Run `tap-mixpanel | target-…` once, to a good end; return what both logged."""
    target = {
        **project.destination.settings(fake),
        **project.settings,
        "processes": processes,
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
    }
    configs = {"tap": {"spool_dir": str(folder / "spool"), **tap}, "target": target}
    for name, config in configs.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        reading = subprocess.Popen(
            [str(BIN / "tap-mixpanel"), "--config", str(folder / "tap.json")],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        writing = subprocess.Popen(
            [str(BIN / project.destination.target), "--config", str(folder / "target.json")],
            stdin=reading.stdout,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        assert reading.stdout is not None
        reading.stdout.close()  # so that the tap learns when the target has ended
        codes = (writing.wait(TIMEOUT), reading.wait(TIMEOUT))
    said = (folder / "log").read_text()
    assert codes == (0, 0), said
    return said
