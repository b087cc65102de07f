"""Walks rows as a run does (observe, decide, map), and keeps what was said at each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from singer_delivery.errors import SettingsError
from singer_delivery.mapping.guide import Field, Guide, Subject
from singer_delivery.mapping.json_lines import exact
from singer_delivery.mapping.lines import read, read_line
from singer_delivery.mapping.origins import fields_of, left_out
from singer_delivery.mapping.pair import Pair, Reading
from singer_delivery.model import (
    Decision,
    Delivery,
    Effects,
    Event,
    Fact,
    Facts,
    Mapped,
    Note,
    RecordMapping,
    Unmappable,
)
from singer_delivery.pipeline.decide import DELIVERED_BEFORE
from singer_delivery.sdk.people import of_chosen_people


class EventSaid(NamedTuple):
    """An event, as it is sent, and where each of its fields comes from."""

    event: Event
    body: Mapping[str, Any]
    fields: Sequence[Field]


@dataclass
class Explained:
    """What became of one row.

    Attributes:
        stream: of the row.
        target: its name.
        guide: of the mapping.
        subject: the row as tables read it; None where it is refused.
        decision: None where it is refused.
        effects: of the decision.
        refused: reason and detail, where nothing can be made of the row.
        events: in the order in which they are sent.
        notes: what is counted.
        not_sent: columns that no event has, with the reason.
    """

    stream: str
    target: str
    guide: Guide
    subject: Subject | None = None
    decision: Decision | None = None
    effects: Effects = field(default_factory=Effects)
    refused: tuple[str, str] | None = None
    events: list[EventSaid] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    not_sent: Mapping[str, str] = field(default_factory=dict)


class Known:
    """Facts of the rows before, laid over those of a ledger.

    Args:
        ledger: its facts; None for an empty one.
    """

    def __init__(self, ledger: Facts | None = None) -> None:
        self._ledger = ledger
        self._said: dict[tuple[str, str], Fact] = {}

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known: see `Facts`."""
        found = self._said.get((kind, name))
        if found is not None or self._ledger is None:
            return found
        return self._ledger.recall(kind, name)

    def was_delivered(self, of: Delivery) -> bool:
        """Tell whether the ledger lists an event: see `Facts`."""
        return self._ledger is not None and self._ledger.was_delivered(of)

    def learn(self, effects: Effects) -> None:
        """Let what a row said hold for the next one."""
        for facts in (effects.claims, effects.renewed, effects.facts, effects.kept):
            self._said.update({(fact.kind, fact.name): fact for fact in facts})


@contextmanager
def facts_of(plugin: Any, *, with_ledger: bool) -> Iterator[Known]:
    """Give the facts that rows are decided with.

    Args:
        plugin: the target.
        with_ledger: whether those of its ledger are among them; nothing is written to it.

    Raises:
        SettingsError: the ledger's address is wrong.
        StorageError: the ledger cannot be read.
    """
    if not with_ledger:
        yield Known()
        return
    from singer_delivery.ledger.ledger import Ledger  # noqa: PLC0415 - SQLAlchemy takes long

    lists = plugin.config.get("remember_deliveries")
    ledger = Ledger(
        plugin.config["ledger_url"],
        plugin.scope,
        keep=False,
        now=(lambda: 0.0) if lists else None,
    )
    try:
        yield Known(ledger)
    finally:
        ledger.close()


class Explainer:
    """Explains rows of the streams of one target.

    Args:
        plugin: the target.
        facts: of the past.
        stream: of rows that come without a message.
    """

    def __init__(self, plugin: Any, facts: Known, stream: str) -> None:
        self._plugin, self._facts, self._stream = plugin, facts, stream
        self._schemas: dict[str, tuple[Mapping[str, Any], Sequence[str]]] = {}
        self._mappings: dict[str, tuple[RecordMapping, Guide]] = {}

    def line(self, line: bytes) -> Explained | None:
        """Return what a line becomes, None where it is no row.

        Raises:
            SettingsError: it is no JSON object, or nothing says what its stream is.
        """
        try:
            message, line = read_line(exact(line))
        except Unmappable as error:
            msg = "A line of the input is no JSON object: give rows as JSON lines."
            raise SettingsError(msg) from error
        kind = message.get("type") if isinstance(message.get("stream"), str) else None
        if kind == "SCHEMA":
            self._know_schema(message)
        if kind == "RECORD" and isinstance(message.get("record"), dict):
            return self._explain(message["stream"], message["record"], line, is_message=True)
        if kind is not None or message.keys() <= {"type", "value"}:
            return None
        return self._explain(self._stream, message, line, is_message=False)

    def _know_schema(self, message: Mapping[str, Any]) -> None:
        stream = message["stream"]
        self._schemas[stream] = message.get("schema") or {}, message.get("key_properties") or ()
        self._mappings.pop(stream, None)

    def _explain(
        self, stream: str, record: Mapping[str, Any], line: bytes, *, is_message: bool
    ) -> Explained:
        inner, guide = self._mapping(stream, record)
        mapping = of_chosen_people(inner, self._plugin.config, self._plugin.excluded_people)
        explained, effects = Explained(stream, self._plugin.name, guide), Effects()
        try:
            observation = mapping.observe(line, is_message=is_message)
            decision: Decision = mapping.decide(observation, self._facts, effects)
            clean = read(line, is_message=is_message, service=self._plugin.name)
            subject = _subject(inner, clean, decision)
        except Unmappable as error:
            explained.refused = (error.reason, error.detail)
            return explained
        if self._was_delivered(decision):
            decision = Decision(skipped=DELIVERED_BEFORE, sends=False)
            effects = Effects(claims=effects.claims, renewed=effects.renewed)
        explained.decision, explained.effects = decision, effects
        explained.notes, explained.subject = [*effects.notes], subject
        try:
            mapped = mapping.map(clean, decision) if decision.sends else Mapped(())
        except Unmappable as error:
            explained.refused = (error.reason, error.detail)
            return explained
        self._facts.learn(effects)
        explained.notes += mapped.notes
        explained.events = [self._said(guide, event, subject) for event in mapped.events]
        of_events = [each for said in explained.events for each in said.fields]
        if decision.sends:
            explained.not_sent = left_out(guide, of_events, subject)
        return explained

    def _said(self, guide: Guide, event: Event, subject: Subject) -> EventSaid:
        body = self._plugin.body_of(event)
        return EventSaid(event, body, fields_of(guide, event, body, subject))

    def _was_delivered(self, decision: Decision) -> bool:
        delivery = decision.delivery
        is_sent = decision.sends and decision.skipped is None
        return is_sent and delivery is not None and self._facts.was_delivered(delivery)

    def _mapping(self, stream: str, record: Mapping[str, Any]) -> tuple[RecordMapping, Guide]:
        if stream in self._mappings:
            return self._mappings[stream]
        plugin = self._plugin
        schema, keys = self._schemas.get(stream) or (_schema_of(record), ())
        mapping = plugin.mapping_for(stream, schema, keys)
        found = mapping, plugin.guide(mapping, stream, keys)
        if stream in self._schemas:  # other rows may have other columns
            self._mappings[stream] = found
        return found


def _schema_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema that has the columns of a row, and says nothing of them."""
    return {"properties": {name: {} for name in record}}


def _subject(mapping: RecordMapping, record: Mapping[str, Any], decision: Decision) -> Subject:
    """Return a row as the rows of tables read it."""
    if isinstance(mapping, Pair):
        source = mapping.source
        shaped = source.shaped(record)
        own = source.event_properties(shaped)
        return Subject(shaped, own, Reading(shaped, source.event_name(shaped), decision, own))
    properties: Any = record.get("properties")
    if isinstance(properties, str):
        properties = _object_in(properties)
    return Subject(record, properties if isinstance(properties, dict) else {}, record)


def _object_in(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def value_of(subject: Subject, column: str) -> Any:
    """Return what a column of a row holds: of the row, of its own properties, or of an object."""
    for of in (subject.record, subject.event_properties):
        if column in of:
            return of[column]
    head, _, rest = column.partition(".")
    inner = subject.record.get(head)
    if isinstance(inner, str):
        inner = _object_in(inner)
    if rest and isinstance(inner, dict):
        return inner.get(rest, inner.get(rest.partition(".")[0]))
    return None
