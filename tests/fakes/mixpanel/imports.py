"""What Mixpanel's `/import` makes of one request. Pure.

The limits and texts are restated here on purpose, apart from the code they test. Sources: Mixpanel
docs, "Import Events", "Ingestion API" (OpenAPI description: StrictReceived, StrictInvalid), "400
Bad Request"; for identity events the reply to live probes of August 2026 in the notes of the
mixpanel-import repository.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.mixpanel.events import Accepted, Invalid, Rules, accepted, is_verb, merged_ids
from tests.fakes.mixpanel.http import Refusal, content_type, json_reply, refused, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.http.exchanges import Reply

EVENTS_LIMIT = 2_000
BODY_LIMIT = 10 * 1024 * 1024
"""Bytes, decompressed. "10MB"; binary, as the documented 413 counts 2 MB as 2097152."""

FAILED = "some data points in the request failed validation"
NO_VERBS = "identity events are not allowed when project is using simplified identity management"


@dataclass(frozen=True)
class Judged:
    """The events of one request, each in one of the lists.

    Attributes:
        merges: Name and ids of identity events.
        failed: Records as in the reply, with the id under `insert_id`.
        notes: What happened to events on the way in.
    """

    events: list[Accepted] = field(default_factory=list)
    merges: list[tuple[str, tuple[str, str]]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)

    @property
    def imported(self) -> int:
        """How many events Mixpanel says it has imported."""
        return len(self.events) + len(self.merges)

    def reply(self, insert_id_key: str) -> Reply:
        """Build the answer under strict=1.

        Args:
            insert_id_key: Name of the id in a failed record.
        """
        if not self.failed:
            return received(self.imported)
        records = [
            {insert_id_key if key == "insert_id" else key: value for key, value in record.items()}
            for record in self.failed
        ]
        return refused(400, FAILED, num_records_imported=self.imported, failed_records=records)


def received(imported: int) -> Reply:
    """Build the answer to events that were all imported."""
    return json_reply(200, {"code": 200, "num_records_imported": imported, "status": "OK"})


def read_events(body: bytes, headers: Mapping[str, str], limit: int) -> list[Any]:
    """Return the events of a request as sent, unchecked.

    Args:
        body: As received.
        headers: Names in lower case.
        limit: Bytes of the body, decompressed.

    Raises:
        Refusal: 400 or 413; nothing is imported. Assumed are the texts of the 400s, that one line
            of broken JSON refuses all, and the whole answer to too many events.
    """
    plain = unpacked(body, headers, limit)
    kind = content_type(headers)
    if kind not in ("application/json", "application/x-ndjson"):
        raise Refusal(_unreadable("content type must be application/json or application/x-ndjson"))
    try:
        events = orjson.loads(plain) if kind == "application/json" else _lines(plain)
    except orjson.JSONDecodeError as error:
        raise Refusal(_unreadable("request body is no valid JSON")) from error
    if not isinstance(events, list) or not events:
        raise Refusal(_unreadable("request body must be a list of events"))
    if len(events) > EVENTS_LIMIT:
        raise Refusal(refused(413, f"request exceeds max limit of {EVENTS_LIMIT} events"))
    return events


def judged(events: list[Any], rules: Rules) -> Judged:
    """Judge each event for itself: the good ones are imported whatever the others are.

    Raises:
        Refusal: 400 for all of them: the project has Simplified ID Merge, and one of the events
            would merge ids.
    """
    if rules.identity_merge == "simplified" and any(map(is_verb, events)):
        raise Refusal(refused(400, FAILED, num_records_imported=0, failed_records=[NO_VERBS]))
    verdicts = Judged()
    for index, sent in enumerate(events):
        _judge(index, sent, rules, verdicts)
    return verdicts


def _judge(index: int, sent: Any, rules: Rules, verdicts: Judged) -> None:
    try:
        if is_verb(sent):
            verdicts.merges.append((sent["event"], merged_ids(sent)))
        else:
            verdicts.events.append(accepted(sent, rules, verdicts.notes))
    except Invalid as invalid:
        verdicts.failed.append(_failed_record(index, sent, invalid))


def _failed_record(index: int, sent: Any, invalid: Invalid) -> dict[str, Any]:
    properties = sent.get("properties") if isinstance(sent, dict) else None
    insert_id = properties.get("$insert_id") if isinstance(properties, dict) else None
    return {
        "index": index,
        "insert_id": insert_id if isinstance(insert_id, str) else "",
        "field": invalid.field,
        "message": invalid.message,
    }


def _lines(plain: bytes) -> list[Any]:
    return [orjson.loads(line) for line in plain.split(b"\n") if line.strip()]


def _unreadable(error: str) -> Reply:
    return refused(400, error, num_records_imported=0)
