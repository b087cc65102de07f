"""Mixpanel's addresses: limits with their evidence, encoding, the meaning of their replies.

The only module here that knows HTTP. Sources: Mixpanel docs, "Import Events", "User Profiles",
"Group Profiles", "Replace Lookup Table" and their error pages, as of August 2026.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from singer_delivery.compression import gzip_body
from singer_delivery.encoding import encoded_json
from singer_delivery.endpoint import Judgement, Limits, Reply, Request, Verdict, passing
from singer_delivery.errors import SettingsError
from singer_delivery.events import Event, Unmappable

IMPORT, ENGAGE, GROUPS, LOOKUP_TABLES = "/import", "/engage", "/groups", "/lookup-tables"

HOSTS = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}
"""Where a project's data lives (Mixpanel docs, Ingestion API, servers)."""

MAX_EVENTS = 2_000
MAX_BYTES = 10 * 1024 * 1024 - 64 * 1024
"""Of one `/import`: 2,000 events and 10 MB of JSON before compression; a little room is left."""

MAX_EVENT_BYTES = 1_000_000
"""Of one event or update ("under 1 MB", in the stricter reading)."""

MAX_UPDATES = 1_000
MAX_UPDATE_BYTES = 2 * 1024 * 1024 - 16 * 1024
"""Of one `/engage` or `/groups`. Up to 2,000 updates are documented and no number of bytes; the only
limit on a body that Mixpanel's pages show in a reply is 2,097,152 bytes."""

EVENTS_PER_SECOND = 30_000
"""Of a project (Mixpanel docs, Rate limits: 2 GB of JSON or about 30,000 events a second)."""

TOO_LARGE = re.compile(rb"max limit of (\d+) bytes")

DELIVERED = Judgement(Verdict.DELIVERED)


@dataclass(frozen=True)
class Account:
    """In whose name events are imported: a service account of a project, or the project's token."""

    base_url: str
    token: str
    project_id: str = ""
    username: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return f"Account({self.base_url!r})"  # secrets never reach a log

    @property
    def host(self) -> str:
        """The host alone, for messages."""
        return urlsplit(self.base_url).netloc

    @property
    def authorization(self) -> str:
        """The header of HTTP Basic authentication (Mixpanel docs, Import Events)."""
        pair = f"{self.username}:{self.secret}" if self.username else f"{self.token}:"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def address(self, path: str, **query: str) -> str:
        """Return the URL of a path, with the project where a service account must name it."""
        if self.username:
            query["project_id"] = self.project_id
        return f"{self.base_url}{path}" + (f"?{urlencode(query)}" if query else "")


def base_address(region: str, base_url: str | None) -> str:
    """Return the address that takes events, without a trailing slash.

    Raises:
        SettingsError: `base_url` is no http(s) address.
    """
    address = (base_url or HOSTS[region]).strip().rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "base_url must be an address such as https://api.mixpanel.com"
        raise SettingsError(msg)
    return address


class ImportEndpoint:
    """`/import` with strict=1: every event gets a verdict of its own."""

    name = IMPORT

    def __init__(self, account: Account, limits: Limits) -> None:
        self.limits = limits
        self._account = account

    def encode(self, event: Event) -> bytes:
        """Return the event's JSON.

        Raises:
            Unmappable: it is larger than Mixpanel takes, or holds what JSON cannot say.
        """
        return _sized(encoded_json(event.body))

    def request(self, encoded: Sequence[bytes]) -> Request:
        """Return the request that carries these events, compressed."""
        headers = {
            "Authorization": self._account.authorization,
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        url = self._account.address(IMPORT, strict="1")
        return Request(url, gzip_body(b"[" + b",".join(encoded) + b"]"), headers)

    def judge(self, reply: Reply, count: int) -> Judgement:
        """Return what Mixpanel's reply means for each of the events."""
        answer = _answer(reply)
        if reply.status == 200:
            return self._imported(answer, count)
        if reply.status == 400:
            return _refused(answer)
        if reply.status == 413:
            self._heed(reply)
            return Judgement(Verdict.REJECTED, "event_too_large", "Mixpanel: too large (413)")
        passes = passing(reply, f"Mixpanel at {self._account.host}")
        return passes or _fatal(reply.status, self._account)

    def _imported(self, answer: Mapping[str, Any], count: int) -> Judgement:
        if answer.get("num_records_imported") == count:
            return DELIVERED
        detail = f"{self._account.host} answered 200 without saying that all {count} were imported."
        return Judgement(Verdict.RETRIABLE, "not all imported", detail)

    def _heed(self, reply: Reply) -> None:
        """Send less at once from now on, if Mixpanel says how much it takes."""
        said = TOO_LARGE.search(reply.body)
        if said is not None and 0 < int(said[1]) < self.limits.max_bytes:
            self.limits = replace(self.limits, max_bytes=int(said[1]))


class ProfileEndpoint:
    """`/engage` or `/groups`: bodies are not compressed, and 200 says nothing by itself.

    Both are documented not to take gzip, and to answer 200 also when they took nothing.
    """

    limits = Limits(MAX_UPDATES, MAX_UPDATE_BYTES)

    def __init__(self, name: str, account: Account) -> None:
        self.name = name
        self._account = account

    def encode(self, event: Event) -> bytes:
        """Return the update's JSON, with the project's token in it.

        Raises:
            Unmappable: it is larger than Mixpanel takes, or holds what JSON cannot say.
        """
        return _sized(encoded_json({"$token": self._account.token, **event.body}))

    def request(self, encoded: Sequence[bytes]) -> Request:
        """Return the request that carries these updates."""
        url = f"{self._account.base_url}{self.name}?ip=0&strict=1&verbose=1"
        headers = {"Content-Type": "application/json"}
        return Request(url, b"[" + b",".join(encoded) + b"]", headers)

    def judge(self, reply: Reply, count: int) -> Judgement:  # noqa: ARG002 - Mixpanel names no number
        """Return what Mixpanel's reply means for each of the updates."""
        answer = _answer(reply)
        if reply.status in (200, 400) and "status" in answer:
            if answer["status"] in (1, "OK") and not answer.get("failed_records"):
                return DELIVERED
            return self._in_words(_refused(answer))
        if reply.status == 413:
            return Judgement(Verdict.REJECTED, "update_too_large", "Mixpanel: too large (413)")
        if reply.status == 200:
            detail = f"{self._account.host} answered 200, but not as Mixpanel does."
            return Judgement(Verdict.RETRIABLE, "no Mixpanel reply", detail)
        passes = passing(reply, f"Mixpanel at {self._account.host}")
        return passes or _fatal(reply.status, self._account)

    def _in_words(self, judgement: Judgement) -> Judgement:
        if self.name != GROUPS or judgement.verdict is not Verdict.REJECTED:
            return judgement
        words = "; is the group key in the project's settings (Settings > Project > Group Keys)?"
        return replace(judgement, detail=judgement.detail + words)


def _sized(encoded: bytes) -> bytes:
    if len(encoded) >= MAX_EVENT_BYTES:
        reason, detail = "event_too_large", f"it is {len(encoded):,} bytes, Mixpanel takes under 1 MB"
        raise Unmappable(reason, detail)
    return encoded


def _answer(reply: Reply) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refused(answer: Mapping[str, Any]) -> Judgement:
    """Return who of a request was refused; all others were imported.

    `failed_records` that are bare texts speak of the whole request, and nothing of it was imported:
    it is sent again in halves until the culprit stands alone.
    """
    failed = answer.get("failed_records")
    if isinstance(failed, list) and failed and all(_names_its_index(each) for each in failed):
        refused = {each["index"]: _rejected(each) for each in failed}
        return Judgement(Verdict.DELIVERED, exceptions=refused)
    words = failed[0] if isinstance(failed, list) and failed else answer.get("error")
    return Judgement(Verdict.REJECTED, "refused", f"Mixpanel refused it: {_public(words)}")


def _names_its_index(failed: Any) -> bool:
    return isinstance(failed, dict) and isinstance(failed.get("index"), int)


def _rejected(failed: Mapping[str, Any]) -> Judgement:
    detail = f"{_public(failed.get('field'))}: {_public(failed.get('message'))}"
    return Judgement(Verdict.REJECTED, "refused", f"Mixpanel refused it: {detail}")


def _public(words: Any) -> str:
    """Cut the service's own words short; they name fields and rules, not values."""
    return str(words or "no reason given")[:200]


def _fatal(status: int, account: Account) -> Judgement:
    if status in (401, 403):
        detail = (
            f"Mixpanel refused the credentials ({status}) at {account.host}. Check that the service "
            "account is Owner or Admin of the project, that `project_id` is the project's, and "
            "`region` where it lives (or, without a service account, `project_token`). Nothing is "
            "lost: start the same run again."
        )
    else:
        detail = (
            f"{account.host} answered {status}, which Mixpanel does not: check `region` and "
            "`base_url`. Nothing is lost: start the same run again."
        )
    return Judgement(Verdict.FATAL, f"http {status}", detail)


class LookupTableEndpoint:
    """`PUT /lookup-tables/{id}`: a table is replaced as a whole, or the run stops."""

    name = LOOKUP_TABLES
    limits = Limits(max_events=1, max_bytes=MAX_UPDATE_BYTES)

    def __init__(self, account: Account) -> None:
        self._account = account

    def encode(self, event: Event) -> bytes:
        """Return which table it is, and which file holds its CSV."""
        return encoded_json(event.body)

    def request(self, encoded: Sequence[bytes]) -> Request:
        """Return the request that replaces the table."""
        (table,) = map(orjson.loads, encoded)
        headers = {
            "Authorization": self._account.authorization,
            "Content-Type": "text/csv",
            "Content-Encoding": "gzip",
        }
        url = self._account.address(f"{LOOKUP_TABLES}/{quote(table['lookup_table'], safe='')}")
        return Request(url, Path(table["csv"]).read_bytes(), headers, method="PUT")

    def judge(self, reply: Reply, count: int) -> Judgement:  # noqa: ARG002 - one table
        """Return whether the table was replaced."""
        if reply.status == 200:
            return DELIVERED
        if reply.status in (400, 404, 413):
            detail = (
                f"Mixpanel refused a lookup table ({reply.status}: {_rows_at_fault(reply)}). "
                "Nothing of it was replaced. Create the table in Mixpanel first (Data Management > "
                "Lookup Tables), mend the rows and run again."
            )
            return Judgement(Verdict.FATAL, "lookup table refused", detail)
        passes = passing(reply, f"Mixpanel at {self._account.host}")
        return passes or _fatal(reply.status, self._account)


def _rows_at_fault(reply: Reply) -> str:
    answer = _answer(reply)
    failed = [each for each in answer.get("failed_records") or () if _names_its_index(each)]
    rows = "; ".join(f"row {each['index']}: {_public(each.get('message'))}" for each in failed[:3])
    return rows or _public(answer.get("error"))
