"""A stand-in for Mixpanel's api.mixpanel.com over HTTP: imports, refuses and hides what it does.

What a request gets is decided in `imports`, `events`, `profiles` and `lookup`, who is who in
`identity`; the sources are named there. What there is to look at afterwards is in `project`.

Not played: limits of rate (script `RATE_LIMITED`), hot shards, retention, properties Mixpanel adds,
and its second deduplication, by calendar day, which it does not promise to do.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.http.server import Exchange, Reply
from tests.fakes.mixpanel import questions
from tests.fakes.mixpanel.events import Rules
from tests.fakes.mixpanel.http import (
    FORBIDDEN,
    RATE_LIMITED,
    UNAUTHORIZED,
    Credentials,
    Refusal,
    json_reply,
    too_large,
)
from tests.fakes.mixpanel.identity import Conflict, Merge, Person, RefusedMerge
from tests.fakes.mixpanel.imports import BODY_LIMIT, Judged, judged, read_events, received
from tests.fakes.mixpanel.lookup import (
    CALLS_LIMIT,
    TABLE_LIMIT,
    LookupTable,
    not_found,
    read_table,
)
from tests.fakes.mixpanel.profiles import (
    GROUP_OPERATIONS,
    OPERATIONS,
    JudgedUpdates,
    Kind,
    apply,
    brief_reply,
    judged_updates,
    read_updates,
)
from tests.fakes.mixpanel.project import Arrival, Batch, Project
from tests.fakes.mixpanel.query import PATHS, QueryApi

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = [
    "FORBIDDEN",
    "RATE_LIMITED",
    "UNAUTHORIZED",
    "Batch",
    "Conflict",
    "FakeMixpanel",
    "LookupTable",
    "Merge",
    "Person",
    "RefusedMerge",
    "too_large",
]

DAY = timedelta(hours=24)
TABLES = "/lookup-tables"
METHODS = {"/import": "POST", "/engage": "POST", "/groups": "POST", TABLES: "GET"}

NOT_STRICT = "strict=1 was not asked for"
INVALID = "invalid, and strict=1 was not asked for"
UNKNOWN_TOKEN = "unknown token"


class FakeMixpanel(Project):
    """One project of Mixpanel: `/import`, `/engage`, `/groups`, `/lookup-tables`.

    Args:
        project_id: Goes with the service account.
        token: Of the project. Updates with another token are answered 200 and go nowhere.
        username: Of a service account that may import.
        secret: Of the service account.
        identity_merge: The identity system of the project.
        group_keys: Declared in the project's settings.
        lookup_tables: Id -> name of the tables made in the UI, empty as yet.
        insert_id_key: Name of the id in failed records; the documents have both.
        max_body_bytes: Above it `/import` answers 413; older documents say 2097152.
        max_table_bytes: The same for lookup tables.
        now: The server's clock.
        keep_bodies: See `FakeServer`.

    Attributes:
        sees_project: Whether the service account has a role in the project.
        on_empty: Status of an import of no events, which is not documented.
    """

    def __init__(  # noqa: PLR0913 - a project has that many settings
        self,
        *,
        project_id: str = "2195193",
        token: str = "mixpanel-token",
        username: str = "importer.1a2b3c.mp-service-account",
        secret: str = "mixpanel-secret",
        identity_merge: Literal["simplified", "original"] = "simplified",
        group_keys: Collection[str] = (),
        lookup_tables: Mapping[str, str] | None = None,
        insert_id_key: Literal["insert_id", "$insert_id"] = "insert_id",
        max_body_bytes: int = BODY_LIMIT,
        max_table_bytes: int = TABLE_LIMIT,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        keep_bodies: bool = False,
    ) -> None:
        super().__init__(
            identity_merge=identity_merge,
            lookup_tables=lookup_tables or {},
            keep_bodies=keep_bodies,
        )
        self.credentials = Credentials(project_id, token, username, secret)
        self.insert_id_key = insert_id_key
        self.max_body_bytes = max_body_bytes
        self.max_table_bytes = max_table_bytes
        self.now = now
        self.sees_project = True
        self.on_empty = 200
        self._kinds = {
            "/engage": Kind(("$distinct_id",), OPERATIONS),
            "/groups": Kind(("$group_key", "$group_id"), GROUP_OPERATIONS, group_keys),
        }
        self._table_calls: list[datetime] = []
        self.queries = QueryApi(self)

    def answer(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer one request as the service does."""
        if exchange.path in PATHS:
            return self.queries.answer(exchange, body)
        try:
            return self._route(exchange, body)
        except Refusal as refusal:
            if exchange.path in ("/import", *self._kinds):
                self._enter(exchange, refusal.reply, body)
            return refusal.reply

    def _route(self, exchange: Exchange, body: bytes) -> Reply:
        table_id = exchange.path.removeprefix(f"{TABLES}/")
        if table_id != exchange.path:
            return self._replace_table(exchange, table_id, body)
        if exchange.path not in METHODS:
            raise Refusal(Reply(404))
        if exchange.method != METHODS[exchange.path]:
            raise Refusal(Reply(405))
        if exchange.path == TABLES:
            return self._list_tables(exchange)
        handle = self._import if exchange.path == "/import" else self._update
        return handle(exchange, body)

    def answer_question(self, exchange: Exchange, body: bytes) -> Reply:
        """Answer who asks before an import; nothing is stored, nor counted as a request."""
        asked = (exchange.method, exchange.path)
        if asked == ("POST", "/import"):
            return questions.imported_nothing(exchange, body, self.credentials, self.on_empty)
        if asked == ("GET", questions.ME):
            seen = [self.credentials.project_id] if self.sees_project else []
            return questions.me(exchange, self.credentials, seen, "Europe/Berlin")
        return self.answer(exchange, body) if asked == ("GET", TABLES) else Reply(404)

    # Events ---------------------------------------------------------------------------------

    def _import(self, exchange: Exchange, body: bytes) -> Reply:
        self.credentials.check_import(exchange.headers, exchange.query)
        sent = read_events(body, exchange.headers, self.max_body_bytes)
        rules = Rules(self.identity_merge, int(self.now().timestamp() * 1_000))
        verdicts = judged(sent, rules)
        exchange.notes |= verdicts.notes
        reply = verdicts.reply(self.insert_id_key)
        with self._changed:
            if exchange.query.get("strict") != "1":
                self._forgive(exchange, len(verdicts.failed))
                reply = received(verdicts.imported)
            self._store(exchange, verdicts)
            self._enter(exchange, reply, body, len(sent), verdicts.imported)
        return reply

    def _store(self, exchange: Exchange, verdicts: Judged) -> None:
        for event in verdicts.events:
            if event.hidden:
                self.swallowed[event.hidden] += 1
            else:
                self._packed.append(Arrival(event, exchange.number))
        self.merges += [Merge(event, ids, exchange.number) for event, ids in verdicts.merges]

    def _forgive(self, exchange: Exchange, failed: int) -> None:
        """Play strict=0, the default by the prose of the documents: what is bad just vanishes."""
        exchange.notes.add(NOT_STRICT)
        if failed:
            self.swallowed[INVALID] += failed

    # Profiles -------------------------------------------------------------------------------

    def _update(self, exchange: Exchange, body: bytes) -> Reply:
        try:
            sent = read_updates(body, exchange.headers)
        except ValueError as error:
            raise Refusal(brief_reply(exchange.query, str(error))) from error
        verdicts = judged_updates(sent, self._kinds[exchange.path], exchange.query)
        exchange.notes |= verdicts.notes
        reply = verdicts.reply(exchange.query)
        with self._changed:
            if exchange.query.get("strict") != "1":
                self._forgive(exchange, len(verdicts.failed))
            self._apply(exchange, verdicts)
            self._enter(exchange, reply, body, len(sent), len(verdicts.updates))
        return reply

    def _apply(self, exchange: Exchange, verdicts: JudgedUpdates) -> None:
        of_users = exchange.path == "/engage"
        profiles = self._profiles if of_users else self._group_profiles
        journal = self.updates if of_users else self.group_updates
        for update in verdicts.updates:
            if update.token != self.credentials.token:
                self.swallowed[UNKNOWN_TOKEN] += 1
                continue
            apply(profiles, update)
            journal.append({**update.sent, "request": exchange.number})

    # Lookup tables --------------------------------------------------------------------------

    def _replace_table(self, exchange: Exchange, table_id: str, body: bytes) -> Reply:
        if exchange.method != "PUT":
            raise Refusal(Reply(405))
        self.credentials.check_service_account(exchange.headers, exchange.query)
        self._count_call()
        if table_id not in self.lookup_tables:
            raise not_found(table_id)
        name = self.lookup_tables[table_id].name
        table = read_table(name, body, exchange.headers, self.max_table_bytes)
        with self._changed:
            self.lookup_tables[table_id] = table
        return json_reply(200, {"code": 200, "status": "OK"})

    def _count_call(self) -> None:
        now = self.now()
        with self._changed:
            self._table_calls = [call for call in self._table_calls if now - call < DAY]
            if len(self._table_calls) >= CALLS_LIMIT:
                raise Refusal(RATE_LIMITED)
            self._table_calls.append(now)

    def _list_tables(self, exchange: Exchange) -> Reply:
        self.credentials.check_service_account(exchange.headers, exchange.query)
        results: list[dict[str, Any]] = [
            {"id": table_id, "name": table.name} for table_id, table in self.lookup_tables.items()
        ]
        return json_reply(200, {"code": 200, "status": "OK", "results": results})

    def _enter(
        self, exchange: Exchange, reply: Reply, body: bytes, records: int = 0, accepted: int = 0
    ) -> None:
        batch = Batch(exchange.number, exchange.path, records, accepted, len(body), reply.status)
        with self._changed:
            self.batches.append(batch)
