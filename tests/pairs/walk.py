"""Walks records through a mapping as a run does: observe, decide, map, with a memory of facts."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import mock

import msgspec
import orjson
from singer_delivery.mapping import properties
from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.compiled import Fill, Fit, Made
from singer_delivery.mapping.lines import read
from singer_delivery.mapping.table import OfReading, Row, build
from singer_delivery.model import (
    Decision,
    Delivery,
    Effects,
    Event,
    Fact,
    Mapped,
    Note,
    RecordMapping,
    Unmappable,
)

UUID = "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a"
AT_10 = 1_709_287_200_000_000
"""When `a_record` happened: 2024-03-01 10:00:00 UTC, in microseconds."""

RECEIVED_10 = AT_10 + 5_000_000
"""When Amplitude took it."""

PLACE_10 = f"{RECEIVED_10:016x}{AT_10:016x}{0:016x}"
"""Its order key, as the claim has it that says whose the device is."""

T10, T11, T12 = (f"2024-03-01 {hour}:00:00.000000" for hour in (10, 11, 12))

MEMORY = frozenset({
    "user", "source_id", "property_names", "device",
    "cluster", "cluster_ids", "cluster_user", "sent_as", "source_mode", "profile",
})  # fmt: skip
"""Kinds of facts by which a mapping remembers whom and what it met: every record may make them."""


class Remembering:
    """Facts in memory."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}
        self.deliveries: set[Delivery] = set()

    def was_delivered(self, of: Delivery) -> bool:
        return of in self.deliveries

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.facts.get((kind, name))

    def learn(self, effects: Effects) -> None:
        """Remember what holds once everything was delivered."""
        for facts in (effects.claims, effects.renewed, effects.facts, effects.kept):
            self.add(facts)

    def of(self, *kinds: str) -> dict[tuple[str, str], Fact]:
        """Return the facts of these kinds; without any, all but those of `MEMORY`."""
        wanted = {*kinds} or {kind for kind, _ in self.facts} - MEMORY
        return {key: fact for key, fact in self.facts.items() if fact.kind in wanted}

    def add(self, facts: Iterable[Fact]) -> None:
        self.facts.update({(fact.kind, fact.name): fact for fact in facts})


@dataclass(frozen=True)
class Walked:
    """What became of a record."""

    decision: Decision
    effects: Effects
    events: tuple[Event, ...] = ()
    in_map: tuple[Note, ...] = ()

    @property
    def skipped(self) -> str | None:
        return self.decision.skipped

    @property
    def merges(self) -> str | None:
        return self.decision.merges

    @property
    def notes(self) -> tuple[Note, ...]:
        """All that is counted: when it was decided, and when it was mapped."""
        return (*self.effects.notes, *self.in_map)

    def order_of(self, event: Event) -> str:
        """Return whose order an event keeps."""
        return self.decision.person if event.order is None else event.order


class Alike(NamedTuple):
    """Three mappings that must make the same: one that also decides, as a run has it, a pickle of
    it, as another process has it, and one whose tables are not compiled.
    """

    mapping: RecordMapping
    elsewhere: RecordMapping
    plain: RecordMapping

    @classmethod
    def made(cls, make: Callable[[], RecordMapping]) -> Alike:
        mapping = make()
        return cls(mapping, pickle.loads(pickle.dumps(mapping)), row_by_row(make))


class Walk:
    """A mapping and its memory, as a run has them: each record may know of those before.

    Whatever it maps, it maps with all mappings that must make the same, and holds them equal.

    Attributes:
        remembers: kinds of facts that a record may make of which nothing is sent.
    """

    remembers = MEMORY

    def __init__(self, make: Callable[[], RecordMapping] | Alike) -> None:
        self.known = Remembering()
        self.mapping, self.elsewhere, self.plain = (
            make if isinstance(make, Alike) else Alike.made(make)
        )

    def reads(self, **fields: Any) -> Walked:
        """Walk `a_record` with these fields, and learn what it says."""
        return self.reads_row(a_record(**fields))

    def reads_row(self, row: Mapping[str, Any]) -> Walked:
        """Walk a record, and learn what it says."""
        walked = self.walks(row)
        self.known.learn(walked.effects)
        walked.effects.claims = [each for each in walked.effects.claims if each.kind not in MEMORY]
        return walked

    def cut_off(self, **fields: Any) -> Walked:
        """Walk `a_record` in a run that ends before anything of it is sent."""
        walked = self.walks(a_record(**fields))
        self.known.add(walked.effects.claims)
        return walked

    def walks(self, row: Mapping[str, Any]) -> Walked:
        """Walk a record and learn nothing."""
        return self.walks_line(orjson.dumps(readable(row, "Elsewhere")))

    def walks_line(self, line: bytes, *, is_message: bool = False) -> Walked:
        """Walk the record of a line and learn nothing. A message comes to the same."""
        if not is_message:
            message = b'{"type":"RECORD","stream":"events","record":%b}' % line
            assert repr(self._decides(line)) == repr(self._decides(message, is_message=True))
        decided = self._decides(line, is_message=is_message)
        if isinstance(decided, Unmappable):
            raise decided
        decision, effects = decided
        if not decision.sends:
            said = [*effects.claims, *effects.facts, *effects.kept]
            assert {fact.kind for fact in said} <= self.remembers, "nothing tells of it"
            return Walked(decision, effects)
        mapped = self._maps(read(line, is_message=is_message, service="Elsewhere"), decision)
        assert mapped.events, "`sends` is for records of which something is sent"
        deferred = [fact for event in mapped.events for fact in event.facts]
        assert deferred == effects.kept
        assert all(event.deferred for event in mapped.events if event.facts)
        return Walked(decision, effects, tuple(mapped.events), tuple(mapped.notes))

    def _decides(
        self, line: bytes, *, is_message: bool = False
    ) -> tuple[Decision, Effects] | Unmappable:
        effects = Effects()
        try:
            observation = self.mapping.observe(line, is_message=is_message)
            return self.mapping.decide(observation, self.known, effects), effects
        except Unmappable as error:
            return error

    def _maps(self, record: Mapping[str, Any], decision: Decision) -> Mapped:
        travelled = msgspec.msgpack.decode(
            msgspec.msgpack.encode(decision), type=self.mapping.decision_type
        )
        assert (travelled, type(travelled)) == (decision, type(decision))
        before = repr(record)
        mapped = self.mapping.map(record, decision)
        assert repr(mapped) == repr(self.elsewhere.map(record, travelled))
        assert repr(mapped) == repr(self.plain.map(record, decision))
        assert repr(record) == before, "a record is not changed"
        return mapped


def row_by_row(make: Callable[[], RecordMapping]) -> RecordMapping:
    """Make a mapping whose tables are not compiled and that remembers nothing of them."""
    with (
        mock.patch.object(properties, "compiled", filling),
        mock.patch.object(properties, "remembered", making),
    ):
        return make()


def filling(rows: Sequence[Row], columns: Collection[str] = ()) -> Fill:
    of_columns = (row for row in rows if not isinstance(row.source, OfReading))
    asked = {column for row in of_columns for column in row.columns}

    def fill(record: Mapping[str, Any], into: dict[str, Any], subject: Any) -> None:
        if not record.keys() >= {*asked, *columns}:
            raise KeyError
        build(rows, record, into, subject)

    return fill


def making(
    rows: Sequence[Row], base: Mapping[str, Any], fit: Fit | None
) -> Callable[[Mapping[str, Any]], Made]:
    def made(record: Mapping[str, Any]) -> Made:
        filling(rows)(record, into := {**base}, None)
        return Made(into, fit is None or fit.values(into.values()))

    return made


def a_record(**fields: Any) -> dict[str, Any]:
    """Return a small record of Amplitude's; a field that is None is left out.

    Amplitude takes it five seconds after it happened on that day.
    """
    record = {
        "uuid": UUID,
        "app": 100,
        "event_type": "Played",
        "user_id": "u1",
        "event_time": T10,
        "server_upload_time": "2024-03-01 10:00:05.000000",
    }
    record.update(fields)
    happened = record["event_time"]
    if isinstance(happened, str) and happened.startswith("2024-03-01 1"):
        record["server_upload_time"] = f"{happened[:17]}05.000000"
        record.update(fields)
    return {key: value for key, value in record.items() if value is not None}


def kinds(walked: Walked) -> list[str]:
    return [event.kind for event in walked.events]


def the(kind: str, walked: Walked) -> Event:
    """Return the one event of this kind."""
    (event,) = [event for event in walked.events if event.kind == kind]
    return event


def bodies(walked: Walked) -> list[dict]:
    return [event.body for event in walked.events]


def note_names(walked: Walked) -> list[str]:
    return [note.name for note in walked.notes]
