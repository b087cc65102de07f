"""Settings of each destination that will do, and those that will not, each with its sentence."""

from __future__ import annotations

from typing import Any

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, Destination

Settings = dict[str, Any]

KEY = {"api_key": "phc_0123456789"}
TOKEN = {"project_token": "token-0123456789"}
ACCOUNT = {
    "project_id": "2195193",
    "service_account_username": "importer.mp-service-account",
    "service_account_secret": "secret-0123456789",
}
PROJECT = {"api_key": "0123456789abcdef0123456789abcdef"}
NO_UPDATES = {"profiles": False, "groups": False}
TABLE = {"lookup_table": "1a2b"}
TRACKS = {
    "event": {"column": "event_text"},
    "distinct_id": "user_id",
    "anonymous_id": "anonymous_id",
    "timestamp": "timestamp",
    "timestamp_format": "%d/%m/%Y",
    "properties": ["a", "b"],
    "groups": {"company": "company_id", "team": {"key": "team_id", "properties": "team"}},
    "person": {"properties": "traits"},
    "insert_id": {"row_number": True},
}
NEVER_QUOTED = ("phx_personal", "token-0123456789", "secret-0123456789", "1234567")

RIGHT: dict[Destination, list[Settings]] = {
    POSTHOG: [
        KEY,
        {**KEY, "check": False},
        {**KEY, "host": "https://eu.i.posthog.com"},
        *({**KEY, "capture": capture} for capture in ("auto", "v1", "v0")),
        {**KEY, "group_types": list("abcde")},
        {**KEY, "project_id": 12345, "personal_api_key": "phx_personal"},
        {**KEY, "project_id": "12345", "query_host": "https://eu.posthog.com"},
        {**KEY, "group_keys": {"company_id": "company"}, "revenue": {"revenue": "amount"}},
        {**KEY, "exclude_properties": ["secret*"], "bare_distinct_ids": "device"},
        {**KEY, "streams": {"people": {"person": "id"}}},
        {**KEY, "streams": {"tracks": TRACKS}},
        {"dry_run": True},
        {
            **KEY,
            "progress_seconds": 0,
            "status_path": "s.json",
            "control_path": "control",
            "reports_path": "reports",
        },
    ],
    MIXPANEL: [
        TOKEN,
        {**TOKEN, "check": False},
        {**TOKEN, **ACCOUNT},
        {**ACCOUNT, **NO_UPDATES},
        {**TOKEN, **ACCOUNT, "project_id": 2195193},
        {**TOKEN, "project_id": "2195193"},
        {"dry_run": True},
        {"dry_run": True, "streams": {"songs": TABLE}},
        {**TOKEN, "streams": {"tracks": TRACKS}},
        {**TOKEN, **ACCOUNT, "streams": {"songs": TABLE, "hits": {"lookup_table": "3c4d"}}},
        {**TOKEN, "base_url": ""},
        {**TOKEN, **ACCOUNT, "project_timezone": "US/Pacific", "query_base_url": ""},
    ],
    AMPLITUDE: [
        PROJECT,
        {**PROJECT, "check": False},
        {**PROJECT, "region": "eu", "base_url": ""},
        {**PROJECT, "revenue": {"price": "unit price", "quantity": "n", "currency": "cur"}},
        {**PROJECT, "group_keys": dict.fromkeys("abcdef", "company")},
        {**PROJECT, "user_created_event": "", "transaction_event": "Purchase"},
        {**PROJECT, "super_properties": ["plan"], "exclude_properties": ["secret*"]},
        {**PROJECT, "streams": {"tracks": TRACKS}},
        {**PROJECT, "streams": {"teams": {"group": "team", "key": "id"}}},
        {"dry_run": True},
    ],
}

WRONG: dict[Destination, list[tuple[Settings, str]]] = {
    POSTHOG: [
        ({**KEY, "check": "always"}, "`check` (TARGET_POSTHOG_CHECK) must be true or false"),
        ({"api_key": ""}, "Set `api_key` (TARGET_POSTHOG_API_KEY)"),
        ({"api_key": "phx_personal"}, "personal key"),
        ({"api_key": 1234567}, "`api_key` (TARGET_POSTHOG_API_KEY) must be text."),
        (
            {**KEY, "host": "us.i.posthog.com"},
            "host (TARGET_POSTHOG_HOST) must be an address such as",
        ),
        (
            {**KEY, "link_identities": "merge"},
            "(TARGET_POSTHOG_LINK_IDENTITIES) must be one of alias, identify, none, not 'merge'.",
        ),
        ({**KEY, "capture": "v2"}, "must be one of auto, v1, v0, not 'v2'."),
        (
            {**KEY, "max_in_flite": 3},
            "There is no setting `max_in_flite`. Did you mean `max_in_flight`?",
        ),
        ({**KEY, "revenue": {"price": "amount"}}, "(TARGET_POSTHOG_REVENUE) names `price`"),
        ({**KEY, "bare_distinct_ids": "guess"}, "must be one of auto, user, device, not 'guess'."),
        (
            {**KEY, "group_types": list("abcdef")},
            "`group_types` (TARGET_POSTHOG_GROUP_TYPES) names 6 types",
        ),
        (
            {**KEY, "streams": {"orders": {"event": "Ordered"}}},
            "`orders` lacks `distinct_id`, `timestamp`",
        ),
        ({**KEY, "streams": {"orders": {"person": "id", "key": "x"}}}, "has the unknown `key`"),
        ({**KEY, "streams": {"tracks": {**TRACKS, "anonymus_id": "a"}}}, "mean `anonymous_id`?"),
        ({**KEY, "streams": {"tracks": {**TRACKS, "timestamp_format": "%q"}}}, "no format for"),
        ({**KEY, "streams": {"tracks": {**TRACKS, "properties": 7}}}, "must be text or a list"),
    ],
    MIXPANEL: [
        ({}, "`project_token` (TARGET_MIXPANEL_PROJECT_TOKEN), the token"),
        ({"project_token": "  "}, "`project_token` (TARGET_MIXPANEL_PROJECT_TOKEN), the token"),
        (NO_UPDATES, "`project_token` (TARGET_MIXPANEL_PROJECT_TOKEN), the token"),
        (ACCOUNT, "profiles and groups need it even with a service account"),
        ({**ACCOUNT, "profiles": False}, "profiles and groups need it even with a service account"),
        ({**TOKEN, "service_account_username": "importer"}, "set all three, or none"),
        ({**TOKEN, "service_account_secret": "secret-0123456789"}, "set all three, or none"),
        ({**TOKEN, **ACCOUNT, "project_id": " "}, "set all three, or none"),
        (
            {**TOKEN, "base_url": "api.mixpanel.com"},
            "(TARGET_MIXPANEL_BASE_URL) must be an address",
        ),
        ({**TOKEN, "base_url": "http://[::1"}, "(TARGET_MIXPANEL_BASE_URL) must be an address"),
        (
            {**TOKEN, "region": "de"},
            "`region` (TARGET_MIXPANEL_REGION) must be one of us, eu, in, not 'de'.",
        ),
        ({**TOKEN, "identity_merge": "old"}, "must be one of simplified, original, not 'old'."),
        (
            {**TOKEN, "retention_years": 0},
            "`retention_years` (TARGET_MIXPANEL_RETENTION_YEARS) must be",
        ),
        ({**TOKEN, "max_batch_events": 2_001}, "must be at most 2000, not 2001."),
        ({**TOKEN, "max_batch_bytes": 10 * 1024 * 1024}, "must be at most "),
        ({**TOKEN, "max_in_flight": 0}, "must be at least 1, not 0."),
        ({**TOKEN, "progress_seconds": -1}, "must be at least 0, not -1."),
        ({**TOKEN, "max_events_per_second": -1}, "must be at least 0, not -1."),
        (
            {**TOKEN, "proyect_id": "1"},
            "There is no setting `proyect_id`. Did you mean `project_id`?",
        ),
        (
            {"project_token": 1234567},
            "`project_token` (TARGET_MIXPANEL_PROJECT_TOKEN) must be text.",
        ),
        (
            {**TOKEN, "service_account_secret": 1234567},
            "(TARGET_MIXPANEL_SERVICE_ACCOUNT_SECRET) must be text.",
        ),
        ({**TOKEN, "group_keys": {"company": "distinct_id"}}, "which is no group key in Mixpanel"),
        ({**TOKEN, "rename_events": {"a": "$identify"}}, "which is no event for Mixpanel"),
        ({**TOKEN, "link_event": "$merge"}, "which is no event for Mixpanel but an order"),
        ({**TOKEN, "bare_distinct_ids": "both"}, "must be one of auto, user, device, not 'both'."),
        ({**TOKEN, "streams": {"orders": {"evnt": "x"}}}, "not described in one of the three ways"),
        ({**TOKEN, "streams": {"orders": {"event": "x"}}}, "lacks `distinct_id`, `timestamp`"),
        (
            {**TOKEN, "streams": {"tracks": {**TRACKS, "groups": {"$device_id": "a"}}}},
            "no group key in Mixpanel",
        ),
        ({**TOKEN, "streams": {"songs": {"lookup_table": "a/b"}}}, "{lookup_table: <id>} alone"),
        ({**TOKEN, "streams": {"songs": TABLE}}, "Stream 'songs' replaces a lookup table"),
        ({**TOKEN, "streams": {"songs": TABLE, "hits": TABLE}}, "name the same lookup table 1a2b"),
    ],
    AMPLITUDE: [
        ({}, "Set `api_key` (TARGET_AMPLITUDE_API_KEY)"),
        ({"api_key": "  "}, "Set `api_key` (TARGET_AMPLITUDE_API_KEY)"),
        ({"api_key": "two words"}, "`api_key` (TARGET_AMPLITUDE_API_KEY) is no key"),
        ({"api_key": 1234567}, "`api_key` (TARGET_AMPLITUDE_API_KEY) must be text."),
        ({**PROJECT, "region": "in"}, "(TARGET_AMPLITUDE_REGION) must be one of us, eu, not 'in'."),
        (
            {**PROJECT, "base_url": "api2.amplitude.com"},
            "(TARGET_AMPLITUDE_BASE_URL) must be an address",
        ),
        ({**PROJECT, "user_properties": "add"}, "must be one of set, set_once, none, not 'add'."),
        ({**PROJECT, "bare_distinct_ids": "both"}, "must be one of auto, user, device, not 'both'"),
        ({**PROJECT, "events_without_id": "keep"}, "must be one of dead_letter, skip, own_device"),
        ({**PROJECT, "reused_insert_ids": "drop"}, "must be one of keep, skip, not 'drop'."),
        ({**PROJECT, "min_id_length": 0}, "must be at least 1, not 0."),
        ({**PROJECT, "max_events_per_second_per_id": 1_001}, "must be at most 1000, not 1001."),
        ({**PROJECT, "max_batch_events": 2_001}, "must be at most 2000, not 2001."),
        ({**PROJECT, "max_batch_bytes": 20_000_001}, "must be at most 20000000, not 20000001."),
        ({**PROJECT, "max_wait_minutes": -1}, "must be at least 0, not -1."),
        (
            {**PROJECT, "group_keys": {key: f"type {key}" for key in "abcdef"}},
            "names 6 group types, but an Amplitude project has 5",
        ),
        ({**PROJECT, "group_keys": {"a": "$company"}}, "is no group type in Amplitude"),
        ({**PROJECT, "revenue": {"amount": "a"}}, "`revenue` (TARGET_AMPLITUDE_REVENUE) names"),
        ({**PROJECT, "revenue": {"revenue": "a", "price": "b"}}, "names both `revenue` and"),
        ({**PROJECT, "revenue": {"currency": "c"}}, "names neither `revenue` nor `price`"),
        ({**PROJECT, "rename_events": {"a": "$identify"}}, "is no event type for Amplitude"),
        ({**PROJECT, "rename_events": {"a": "x" * 1025}}, "a name of 1025 characters"),
        (
            {**PROJECT, "user_created_event": "[Amplitude] Revenue"},
            "`user_created_event` (TARGET_AMPLITUDE_USER_CREATED_EVENT) is",
        ),
        ({**PROJECT, "transaction_event": "session_start"}, "is no event type for Amplitude"),
        ({**PROJECT, "streams": {"orders": {"event": "x"}}}, "lacks `distinct_id`, `timestamp`"),
        (
            {**PROJECT, "streams": {"teams": {"group": "$x", "key": "id"}}},
            "no group type in Amplitude",
        ),
        (
            {**PROJECT, "apikey": "x"},
            "There is no setting `apikey`. Did you mean `api_key`?",
        ),
    ],
}

AT_THE_START: list[tuple[Settings, str]] = [
    ({"ledger_url": "ledger.sqlite3"}, "ledger_url must be a SQLite or PostgreSQL address"),
]
"""What a run finds when it opens, whatever the destination."""

DEFAULTS: dict[Destination, Settings] = {
    POSTHOG: {},
    MIXPANEL: {
        "max_events_per_second": 30_000,
        "max_in_flight": 12,
        "retention_years": 2,
        "bare_distinct_ids": "auto",
        "link_event": "Identity Linked",
        "max_batch_events": 2_000,
    },
    AMPLITUDE: {
        "max_events_per_second": 0,
        "max_events_per_second_per_id": 300,
        "max_in_flight": 16,
        "max_batch_events": 1_000,
        "max_batch_bytes": 10_000_000,
        "max_retries": 60,
        "max_wait_minutes": 60,
        "min_id_length": 1,
    },
}
"""What the service asks of importers (sources: the descriptions of these settings)."""

OF_ALL = frozenset(
    {"streams", "max_in_flight", "max_batch_events", "max_batch_bytes", "max_retries",
     "ledger_url", "dead_letter_path", "report_path", "dry_run", "output_path",
     "progress_seconds", "status_path", "control_path", "reports_path",
     "include_events", "exclude_events", "rename_events", "exclude_people_path", "sample_users"}
)  # fmt: skip
DOCUMENTED: dict[Destination, set[str]] = {
    POSTHOG: {"api_key", "host", "capture", "link_identities", "group_types"},
    MIXPANEL: {
        "project_token", "project_id", "service_account_username", "service_account_secret",
        "region", "base_url", "identity_merge", "user_properties_on_events", "profiles", "groups",
        "group_keys", "geolocate_ip", "retention_years", "skip_expired", "max_events_per_second",
        "bare_distinct_ids", "link_event",
    },
    AMPLITUDE: {
        "api_key", "region", "base_url", "user_properties", "user_properties_on_events",
        "skip_user_properties_sync", "user_created_event", "transaction_event",
        "bare_distinct_ids", "events_without_id", "min_id_length", "super_properties",
        "exclude_properties", "group_keys", "revenue", "groups", "send_ip",
        "send_advertising_ids", "reused_insert_ids", "backfill_days", "max_events_per_second",
        "max_events_per_second_per_id", "max_wait_minutes", "remember_deliveries",
    },
}  # fmt: skip
SECRET: dict[Destination, set[str]] = {
    POSTHOG: {"api_key", "ledger_url", "personal_api_key"},
    MIXPANEL: {"project_token", "service_account_secret", "ledger_url"},
    AMPLITUDE: {"api_key", "ledger_url"},
}
