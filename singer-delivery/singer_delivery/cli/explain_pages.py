"""What `explain` prints: for people, and as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec

from singer_delivery.cli.dead_letter_reasons import explained as reason_of
from singer_delivery.cli.explaining import EventSaid, Explained, value_of
from singer_delivery.mapping.excluded import EXCLUDED
from singer_delivery.mapping.guide import Field, Guide
from singer_delivery.mapping.sampled import NOT_SAMPLED
from singer_delivery.model import Decision, Fact, Note
from singer_delivery.pipeline.decide import DELIVERED_BEFORE
from singer_delivery.progress.words import plain_lines, ruled, shortened

LONGEST = 48
"""Characters of a value in a table."""

FACTS = {
    "owner": "the device {name} belongs to {value}",
    "user": "the user {name} is {value} at the source",
    "source_id": "the source's id {name} is the user {value}",
    "link": "the link of {name} to {value} is sent",
    "person": "the newest properties of {name} are these",
    "profile": "what is known of {name} is this",
    "group": "the newest properties of the group {name} are these",
    "sent_with": "the last event of the device {name} went with the user {value}",
    "created": "the creation of {name} is told",
    "group_type": "{name} is a group type, number {value}",
}
"""What facts of a kind say."""

DECIDED = {
    "person": "keeps the order of",
    "user": "user",
    "device": "device",
    "own_device": "device that is the user's own",
    "distinct_id": "goes under the id",
    "sent_as": "sent as",
    "call": "no event, but a call about a",
    "merges": "waits for the earlier events of",
    "in_doubt": "names nobody, on a device that has an owner",
    "time_column": "its time stands in",
    "skipped": "left out by the rule",
}
"""Fields of decisions that say something to people, in words."""

IN_GENERAL = {
    DELIVERED_BEFORE: "the ledger lists its event as delivered",
    EXCLUDED: "the file of `exclude_people_path` names an id of it",
    NOT_SAMPLED: "the person is not in the sample of `sample_users`",
}


def page(it: Explained) -> str:
    """Return what became of a row, for people."""
    parts = [_head(it)]
    if it.refused is not None:
        about = reason_of(it.refused[0])
        parts.append(f"Dead letter ({it.refused[0]}): {it.refused[1]}.\n{about.advice}")
    parts += [_table_of(number, said, it) for number, said in enumerate(it.events, 1)]
    if it.not_sent:
        rows = [(name, short(_value(it, name)), why) for name, why in sorted(it.not_sent.items())]
        parts.append("Not sent\n" + ruled(("column", "value", "why"), rows))
    if it.decision is not None:
        parts.append("\n".join(["Decided", *(f"  {line}" for line in _decided(it, it.decision))]))
    if it.notes:
        parts.append("\n".join(["Counted", *(f"  {line}" for line in _notes(it.notes, it.guide))]))
    if it.guide.sources:
        parts.append(f"The table is {it.guide.table}. {it.guide.sources}")
    return plain_lines("\n\n".join(parts)) + "\n"


def as_json(it: Explained) -> dict[str, Any]:
    """Return the same as plain values."""
    decision = {} if it.decision is None else msgspec.to_builtins(_fields(it.decision))
    effects = it.effects
    return {
        "stream": it.stream,
        "target": it.target,
        "table": it.guide.table,
        "sources": it.guide.sources,
        "dead_letter": None
        if it.refused is None
        else {"reason": it.refused[0], "detail": it.refused[1]},
        "decision": decision,
        "claims": [fact._asdict() for fact in effects.claims],
        "facts": [fact._asdict() for fact in (*effects.facts, *effects.kept)],
        "renewed": [fact._asdict() for fact in effects.renewed],
        "events": [_event_json(said, it) for said in it.events],
        "not_sent": dict(it.not_sent),
        "notes": [
            {"name": note.name, "example": note.example, "meaning": _meaning(note.name, it.guide)}
            for note in it.notes
        ],
    }


def short(value: Any) -> str:
    """Return a value in a few characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text.replace("\n", "\\n").replace("\t", "\\t"), LONGEST)


def _head(it: Explained) -> str:
    if it.refused is not None:
        becomes = "nothing"
    elif not it.events:
        becomes = "nothing is sent"
    else:
        becomes = ", ".join(f"{said.event.kind} `{said.event.name}`" for said in it.events)
    return f"A row of `{it.stream}` to {it.target}: {becomes}"


def _table_of(number: int, said: EventSaid, it: Explained) -> str:
    event = said.event
    waits = ", when the run ends" if event.deferred else ""
    head = f"{number}. {event.kind} `{event.name}` to {event.endpoint}{waits}"
    rows = [(each.path, short(each.value), _from(each, it), _how(each)) for each in said.fields]
    return head + "\n" + ruled(("field", "value", "from", "how"), rows)


def _from(of: Field, it: Explained) -> str:
    if of.origin is None or not of.origin.columns:
        return "—"
    columns = of.origin.columns
    if len(columns) == 1:
        return f"{columns[0]} = {short(_value(it, columns[0]))}"
    there = [name for name in columns if _value(it, name) is not None]
    return ", ".join(there or columns)


def _how(of: Field) -> str:
    if of.origin is None:
        return "nothing explains it"
    return f"{of.origin.how} (where {of.origin.when})" if of.origin.when else of.origin.how


def _value(it: Explained, column: str) -> Any:
    return None if it.subject is None else value_of(it.subject, column)


def _fields(decision: Decision) -> dict[str, Any]:
    names = decision.__struct_fields__
    return {name: getattr(decision, name) for name in names}


def _decided(it: Explained, decision: Decision) -> Iterator[str]:
    found = _fields(decision)
    for name, words in DECIDED.items():
        value = found.get(name)
        if value:
            meaning = _meaning(str(value), it.guide) if name == "skipped" else ""
            said = words if value is True else f"{words}: {value}"
            yield f"{said} ({meaning})" if meaning else said
    links = (found.get("link"), *(found.get("links") or ()))
    for link in links:
        if link:
            device, user, at = link
            yield f"link: the device {device} is the user {user}'s since {_time(at)}"
    for word, facts in (
        ("claim", it.effects.claims),
        ("fact", [*it.effects.facts, *it.effects.kept]),
        ("said again", it.effects.renewed),
    ):
        yield from (f"{word}: {_fact(fact)}" for fact in facts)


def _fact(fact: Fact) -> str:
    words = FACTS.get(fact.kind, f"{fact.kind} {{name}}: {{value}}")
    said = words.format(name=fact.name.replace("\x1f", " "), value=fact.value.replace("\x1f", " "))
    return f"{said}, since {_time(fact.at)}" if fact.at else said


def _time(at: int) -> str:
    try:
        found = datetime.fromtimestamp(at // 1_000_000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return str(at)
    return found.isoformat(sep=" ", timespec="seconds")


def _notes(notes: list[Note], guide: Guide) -> Iterator[str]:
    for note in notes:
        meaning = _meaning(note.name, guide)
        example = "" if note.example is None else f" ({note.example})"
        yield f"{note.name}{example}" + (f": {meaning}" if meaning else "")


def _meaning(name: str, guide: Guide) -> str:
    words: Mapping[str, str] = {**IN_GENERAL, **guide.outcomes}
    if name in words:
        return words[name]
    head = name.partition(":")[0]
    return next((text for key, text in words.items() if key.startswith(f"{head}: <")), "")


def _event_json(said: EventSaid, it: Explained) -> dict[str, Any]:
    event = said.event
    return {
        "kind": event.kind,
        "name": event.name,
        "endpoint": event.endpoint,
        "waits": event.deferred,
        "body": said.body,
        "fields": [_field_json(each, it) for each in said.fields],
    }


def _field_json(of: Field, it: Explained) -> dict[str, Any]:
    if of.origin is None:
        return {"path": of.path, "value": of.value, "explained": False}
    row = of.origin.row
    return {
        "path": of.path,
        "value": of.value,
        "explained": True,
        "columns": [{"name": name, "value": _value(it, name)} for name in of.origin.columns],
        "how": of.origin.how,
        "when": of.origin.when,
        "row": None if row is None else {"to": row.to, "columns": list(row.columns)},
    }
