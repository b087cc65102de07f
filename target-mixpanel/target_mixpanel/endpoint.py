"""Mixpanel's addresses: limits with their evidence, encoding, the meaning of their replies.

With `replies`, the only module here that knows HTTP. Sources: Mixpanel docs, "Import Events",
"User Profiles", "Group Profiles", "Replace Lookup Table" and their error pages, as of August 2026.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from singer_delivery.endpoint import (
    Envelope,
    Judgement,
    Limits,
    Reply,
    Request,
    Verdict,
    answer_of,
)
from singer_delivery.mapping.encoding import encoded_json
from singer_delivery.model import Event, Unmappable

from target_mixpanel.account import Account
from target_mixpanel.mixpanel import GROUPS, IMPORT
from target_mixpanel.replies import passing_or_fatal, refused, rows_at_fault

logger = logging.getLogger(__name__)

LOOKUP_TABLES = "/lookup-tables"

MAX_EVENTS = 2_000
MAX_BYTES = 10 * 1024 * 1024 - 64 * 1024
"""Of one `/import`: 2,000 events and 10 MB of JSON before compression; a little room is left."""

MAX_EVENT_BYTES = 1_000_000
"""Of one event or update, which must stay below: "under 1 MB", in the stricter reading."""

MAX_UPDATES = 1_000
MAX_UPDATE_BYTES = 2 * 1024 * 1024 - 128 * 1024
"""Of one `/engage` or `/groups`. Up to 2,000 updates are documented and no number of bytes; the
only limit on a body that Mixpanel's pages show in a reply is 2,097,152 bytes. There is room for the
project's token, which each update gets when it is sent."""

EVENTS_PER_SECOND = 30_000
"""Of a project (Mixpanel docs, "Rate limits": 2 GB of JSON or about 30,000 events a second)."""

OPENING = 1
"""Bytes of a JSON list beyond its elements and a comma for each: `[a,b]` is one longer."""

BYTES_SAID = re.compile(rb"max limit of (\d{1,15}) bytes")

DELIVERED = Judgement(Verdict.DELIVERED)

ASK_KEY = "Is the group key in the project's settings (Settings > Project > Group Keys)?"


class ImportEndpoint:
    """`/import` with strict=1: every event gets a verdict of its own.

    Args:
        account: of the project.
        limits: of one request; its bytes are those of all of the body before compression. They
            become smaller when Mixpanel says that it takes less.
    """

    name = IMPORT
    envelope = Envelope(b"[", b"]", is_gzipped=True)
    is_packed = True

    def __init__(self, account: Account, limits: Limits) -> None:
        self.limits = replace(limits, max_bytes=limits.max_bytes - OPENING)
        self._account = account

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it is larger than Mixpanel takes, or holds what JSON cannot say.
        """
        encoded = encoded_json(event.body)
        _check_size(len(encoded), "event_too_large")
        return encoded

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the event as it is."""
        return encoded

    def request(self, body: bytes) -> Request:
        """Return the request that carries a compressed list of events."""
        headers = {
            "Authorization": self._account.authorization,
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        url = self._account.address(IMPORT, strict="1")
        return Request(url, body, headers)

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what Mixpanel's reply means for each of the events."""
        answer = answer_of(reply)
        if reply.status == 200:
            return self._imported(answer, count)
        if reply.status == 400 and (answer.get("code") == 400 or "failed_records" in answer):
            return refused(answer, self._account, count, "num_records_imported")
        if reply.status == 413:
            self._heed(reply)
            return Judgement(Verdict.REJECTED, "event_too_large", "Mixpanel: too large (413)")
        return passing_or_fatal(reply, self._account, self._account.what_to_check)

    def _imported(self, answer: Mapping[str, Any], count: int) -> Judgement:
        if answer.get("num_records_imported") == count:
            return DELIVERED
        detail = f"{self._account.host} answered 200 without saying that all {count} were imported."
        return Judgement(Verdict.RETRIABLE, "not all imported", detail)

    def _heed(self, reply: Reply) -> None:
        """Send less at once from now on, if Mixpanel says how much it takes."""
        said = BYTES_SAID.search(reply.body)
        if said is not None and 0 < int(said[1]) <= self.limits.max_bytes:
            self.limits = replace(self.limits, max_bytes=int(said[1]) - OPENING)


class ProfileEndpoint:
    """`/engage` or `/groups`: bodies are not compressed, and 200 says nothing by itself.

    Both are documented not to take gzip, and to answer 200 also when they took nothing. The token
    is put into an update when it is sent: it stands neither in the ledger nor in a dry run's file.
    """

    limits = Limits(MAX_UPDATES, MAX_UPDATE_BYTES)
    envelope = Envelope(b"[", b"]", is_gzipped=False)
    is_packed = False

    def __init__(self, name: str, account: Account) -> None:
        self.name = name
        self._account = account
        self._token = b'{"$token":' + orjson.dumps(account.token) + b","
        self._has_warned = False

    def encode(self, event: Event) -> bytes:
        """Return the update's JSON, as yet without the project's token.

        Raises:
            Unmappable: it is larger than Mixpanel takes, or holds what JSON cannot say.
        """
        encoded = encoded_json(event.body)
        _check_size(len(self.as_sent(encoded)), "update_too_large")
        return encoded

    def as_sent(self, encoded: bytes) -> bytes:
        """Return the update with the project's token."""
        return self._token + encoded[1:]

    def request(self, body: bytes) -> Request:
        """Return the request that carries a list of updates."""
        url = f"{self._account.base_url}{self.name}?ip=0&strict=1&verbose=1"
        return Request(url, body, {"Content-Type": "application/json"})

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what Mixpanel's reply means for each of the updates."""
        answer = answer_of(reply)
        if reply.status in (200, 400) and "status" in answer and "error" in answer:
            return self._read(answer, count)
        if reply.status == 200:
            return self._taken(answer, count)
        if reply.status == 413:
            return Judgement(Verdict.REJECTED, "update_too_large", "Mixpanel: too large (413)")
        check = "`project_token`, and that `region` is where the project lives"
        return passing_or_fatal(reply, self._account, check)

    def _read(self, answer: Mapping[str, Any], count: int) -> Judgement:
        if answer["status"] in (1, "OK") and not answer.get("failed_records"):
            return self._taken(answer, count)
        if self.name != GROUPS:
            return refused(answer, self._account, count, "num_good_events")
        if not self._has_warned:
            self._has_warned = True
            logger.warning("Mixpanel refused updates of groups (see the dead letters). %s", ASK_KEY)
        return refused(answer, self._account, count, "num_good_events", f" {ASK_KEY}")

    def _taken(self, answer: Mapping[str, Any], count: int) -> Judgement:
        is_said = answer.get("status") in (1, "OK")
        if is_said and answer.get("num_good_events", count) == count:
            return DELIVERED
        detail = f"{self._account.host} answered 200 without saying that all {count} were taken."
        return Judgement(Verdict.RETRIABLE, "not all taken", detail)


class LookupTableEndpoint:
    """`PUT /lookup-tables/{id}`: one table, entirely replaced, or the run stops.

    Args:
        account: of the project; it must be a service account.
        table_id: of the table.
        path: where its rows are when the request is made, as compressed CSV.
    """

    limits = Limits(max_events=1, max_bytes=MAX_UPDATE_BYTES)
    envelope = Envelope(b"", b"", is_gzipped=False)
    is_packed = False

    def __init__(self, account: Account, table_id: str, path: Path) -> None:
        self.name = f"{LOOKUP_TABLES}/{table_id}"
        self._account = account
        self._table_id = table_id
        self._path = path

    def encode(self, event: Event) -> bytes:
        """Return what is said of the table; its rows stay on disk."""
        return encoded_json(event.body)

    def as_sent(self, encoded: bytes) -> bytes:
        """Return what is said of the table, which is not sent: see `request`."""
        return encoded

    def request(self, body: bytes) -> Request:  # noqa: ARG002 - the rows are on disk
        """Return the request that replaces the table."""
        headers = {
            "Authorization": self._account.authorization,
            "Content-Type": "text/csv",
            "Content-Encoding": "gzip",
        }
        url = self._account.address(self.name)
        return Request(url, self._path.read_bytes(), headers, method="PUT")

    def judge(self, reply: Reply, count: int) -> Judgement:  # noqa: ARG002 - one table
        """Return whether the table was replaced."""
        answer = answer_of(reply)
        if reply.status == 200:
            return self._replaced(answer)
        if reply.status in (400, 404, 413) and answer.get("code") == reply.status:
            detail = f"{self._why(reply.status, answer)} Nothing of it was replaced."
            return Judgement(Verdict.FATAL, "lookup table refused", detail)
        return passing_or_fatal(reply, self._account, self._account.what_to_check)

    def _replaced(self, answer: Mapping[str, Any]) -> Judgement:
        if answer.get("status") == "OK":
            return DELIVERED
        detail = f"{self._account.host} answered 200, but not as Mixpanel does."
        return Judgement(Verdict.RETRIABLE, "no Mixpanel reply", detail)

    def _why(self, status: int, answer: Mapping[str, Any]) -> str:
        if status == 404:
            return (
                f"Mixpanel has no lookup table {self._table_id} (404). Create it in Mixpanel first "
                "(Data Management > Lookup Tables), or mend its id under `streams`."
            )
        if status == 413:
            return f"Lookup table {self._table_id} is too large for Mixpanel (413)."
        return (
            f"Mixpanel refused the lookup table {self._table_id} (400): "
            f"{rows_at_fault(answer, self._account)}. "
            "Rows are counted as they came, the header being row 0. Mend them and run again."
        )


def _check_size(size: int, reason: str) -> None:
    if size >= MAX_EVENT_BYTES:
        raise Unmappable(reason, f"it is {size:,} bytes of JSON; Mixpanel takes under 1 MB")
