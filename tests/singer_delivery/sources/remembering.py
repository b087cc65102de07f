"""A small memory for mappings under test, and records to map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

from analytics_records.amplitude import properties
from singer_delivery.mapping.cleaning import readable
from singer_delivery.mapping.compiled import Fill, Fit, Made
from singer_delivery.mapping.table import Row, Whole, build

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from singer_delivery.model import Event, Fact, Mapped, RecordMapping

UUID = "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a"
AT_10 = 1_709_287_200_000_000
"""When `a_record` happened: 2024-03-01 10:00:00 UTC, in microseconds."""

T10, T11, T12 = (f"2024-03-01 {hour}:00:00.000000" for hour in (10, 11, 12))


class Remembering:
    """Known facts. What is sent is learnt with `learn`; `cut_off` learns only the claims."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}

    def recall(self, kind: str, name: str) -> Fact | None:
        return self.facts.get((kind, name))

    def learn(self, mapped: Mapped) -> None:
        self.cut_off(mapped)
        self._add(mapped.renewed)
        for event in mapped.events:
            self._add(event.facts)

    def cut_off(self, mapped: Mapped) -> None:
        for event in mapped.events:
            self._add(event.claims)

    def _add(self, facts: tuple[Fact, ...]) -> None:
        self.facts.update({(fact.kind, fact.name): fact for fact in facts})


def row_by_row(make: Callable[[], RecordMapping]) -> RecordMapping:
    """Make a mapping whose tables are not compiled and that remembers nothing of them.

    What compiled tables make is held against what it makes.
    """
    with (
        mock.patch.object(properties, "compiled", filling),
        mock.patch.object(properties, "remembered", making),
    ):
        return make()


def filling(rows: Sequence[Row], columns: Collection[str] = ()) -> Fill:
    asked = {column for row in rows if not isinstance(row.source, Whole) for column in row.columns}

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
        return Made(into, fit is None or fit(into.values()))

    return made


class WithMemory:
    """A mapping and its memory, as a run has them: each record may know of those before.

    Whatever it reads, it holds against what is made of it row by row.
    """

    def __init__(self, make: Callable[[], RecordMapping]) -> None:
        self.known = Remembering()
        self.mapping = make()
        self.plain = row_by_row(make)

    def reads_row(self, row: Mapping[str, Any]) -> Mapped:
        row = readable(row, "Elsewhere")
        mapped = self.mapping(row, self.known)
        assert repr(mapped) == repr(self.plain(row, self.known))
        self.known.learn(mapped)
        return mapped

    def reads(self, **fields: Any) -> Mapped:
        return self.reads_row(a_record(**fields))


def a_record(**fields: Any) -> dict[str, Any]:
    """Return a small record; a field that is None is left out."""
    record = {
        "uuid": UUID,
        "app": 100,
        "event_type": "Played",
        "user_id": "u1",
        "event_time": T10,
        "server_upload_time": "2024-03-01 10:00:05.000000",
    }
    record.update(fields)
    return {key: value for key, value in record.items() if value is not None}


def kinds(mapped: Mapped) -> list[str]:
    return [event.kind for event in mapped.events]


def the(kind: str, mapped: Mapped) -> Event:
    """Return the one event of this kind."""
    (event,) = [event for event in mapped.events if event.kind == kind]
    return event


def bodies(mapped: Mapped) -> list[dict]:
    return [made.body for made in mapped.events]


def note_names(mapped: Mapped) -> list[str]:
    return [note.name for note in mapped.notes]
