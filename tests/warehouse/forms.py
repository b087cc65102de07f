"""Rows of the export as tables of warehouses give them back, each with the SCHEMA it comes with.

What a table does to a row is written down here from its documents, apart from the code that reads
it: Fivetran docs, Amplitude connector schema; Airbyte docs, Destinations V2; Snowflake docs,
identifiers; Singer SDK, flattening and `SQLSink.conform_name`; dlt docs, naming convention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from analytics_records.amplitude import columns

Row = dict[str, Any]

TIMES = tuple(column.name for column in columns.COLUMNS if column.name.endswith("_time"))
COLUMNS: dict[str, Any] = {
    name: {"type": ["string" if name in TIMES else each for each in types] + ["null"]}
    for name, types, _ in columns.COLUMNS
}
"""The schema of each column of the export, with times as text."""

OBJECTS = (
    "event_properties", "user_properties", "groups", "group_properties", "global_user_properties",
    "plan", "data",
)  # fmt: skip
LISTS = ("amplitude_attribution_ids",)
ANY: dict[str, Any] = {}
TEXT = {"type": ["string", "null"]}
DATE_TIME = {"type": ["string", "null"], "format": "date-time"}


def a_row(number: int, prefix: str = "", **fields: Any) -> Row:
    """Return a row with all 55 columns, of a person and a device of its own."""
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "uuid": f"{abs(hash_of(prefix)):08x}-0001-4111-8111-{number:012x}",
        "$insert_id": f"{prefix}i{number}",
        "$schema": 13,
        "amplitude_id": 900_000_000_000 + number,
        "app": 187_520,
        "client_event_time": f"2026-03-01 10:00:{number % 60:02}.123000",
        "client_upload_time": "2026-03-01 10:01:00.000000",
        "data": {"path": "/2/httpapi", "group_first_event": {}},
        "device_id": f"{prefix}d{number}",
        "event_id": number,
        "event_properties": {"total": 12.5, "items": ["a", "b"], "of": {"x": {"y": 1}}},
        "event_time": f"2026-03-01 10:00:{number % 60:02}.456000",
        "event_type": "Order Completed",
        "group_properties": {"org": {f"{prefix}o{number}": {"seats": 5, "name": "Zoë \U0001f986"}}},
        "groups": {"org": [f"{prefix}o{number}"]},
        "is_attribution_event": False,
        "location_lat": 52.37,
        "location_lng": -4.5,
        "os_name": "iOS",
        "platform": "iOS",
        "processed_time": "2026-03-01 10:02:00.000000",
        "server_received_time": "2026-03-01 10:01:00.500000",
        "server_upload_time": "2026-03-01 10:01:01.000000",
        "session_id": 1_772_359_200_000,
        "user_creation_time": "2025-12-01 00:00:00.000000",
        "user_id": f"{prefix}u{number}",
        "user_properties": {"plan": "pro", "age": 41, "tags": ["x"], "home": {"city": "Ghent"}},
    }  # fmt: skip
    return row | fields


def hash_of(prefix: str) -> int:
    """Return a number for a prefix, the same in each process."""
    return int.from_bytes(prefix.encode()[:4].ljust(4, b"\0"), "big")


MORE_OBJECTS: Row = {
    "global_user_properties": {"vip": True},
    "plan": {"branch": "main", "source": "web", "version": "1.0"},
    "amplitude_attribution_ids": ["hashed-1", "hashed-2"],
}


def json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def packed(row: Row, times: int = 1, only: str | None = None) -> Row:
    """Return the row with JSON text for objects and lists, or for one of them."""
    changed = dict(row)
    for name in (only,) if only else (*OBJECTS, *LISTS):
        for _ in range(times if changed[name] is not None else 0):
            changed[name] = json_text(changed[name])
    return changed


def as_texts(row: Row) -> Row:
    """Return what a table of texts has: a CSV, or a lake whose columns are all text."""
    return {name: _csv(value) for name, value in packed(row).items()}


def _csv(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def from_sqlite(row: Row) -> Row:
    """Return what SQLite has: no booleans, no objects."""
    return {k: int(v) if isinstance(v, bool) else v for k, v in packed(row).items()}


def with_zone(row: Row, zone: str = "+00:00") -> Row:
    """Return the row with its times as RFC 3339 has them."""
    times = {name: row[name] for name in TIMES if row[name] is not None}
    return row | {name: time.replace(" ", "T") + zone for name, time in times.items()}


def from_snowflake(row: Row) -> Row:
    """Return what Snowflake has: upper case, VARIANT as spaced JSON text, the loader's columns."""
    pretty = {name: row[name] and _pretty(row[name]) for name in (*OBJECTS, *LISTS)}
    upper = {name.upper().lstrip("$"): v for name, v in with_zone(row | pretty).items()}
    return upper | {"_SDC_BATCHED_AT": "2026-03-02T00:00:00Z", "_SDC_SEQUENCE": 7}


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


_IN_FIVETRAN = {"$insert_id": "_insert_id", "adid": "ad_id", "event_id": "id", "$schema": "schema"}
_NOT_IN_FIVETRAN = {
    "$insert_key", "amplitude_attribution_ids", "data_type", "global_user_properties",
    "partner_id", "plan", "source_id",
}  # fmt: skip


def from_fivetran(row: Row) -> Row:
    """Return what Fivetran's table `event` has: names and texts of its own."""
    texts = {name: _csv(row[name]) for name in ("app", "location_lat", "location_lng")}
    changed = with_zone(packed(row), "Z") | texts
    kept = {_IN_FIVETRAN.get(n, n): v for n, v in changed.items() if n not in _NOT_IN_FIVETRAN}
    return kept | {"_fivetran_synced": "2026-03-02T00:00:00Z", "_fivetran_deleted": False}


def from_airbyte(row: Row) -> Row:
    """Return what Airbyte's table has: `_` for `$`, and its own columns."""
    named = {name.replace("$", "_"): value for name, value in with_zone(row, "Z").items()}
    of_its_own = {
        "_airbyte_raw_id": "aaaaaaaa-0000-4000-8000-000000000000",
        "_airbyte_extracted_at": "2026-03-02T00:00:00Z",
        "_airbyte_meta": {"changes": [], "sync_id": 4},
        "_airbyte_generation_id": 1,
    }
    return named | of_its_own


def from_singer_sdk(row: Row) -> Row:
    """Return what a loader of the Singer SDK has that conforms names: no `$`, its own columns."""
    named = {name.lstrip("$"): value for name, value in with_zone(row).items()}
    return named | {"_sdc_batched_at": "2026-03-02T00:00:00Z", "_sdc_table_version": None}


def from_dlt(row: Row) -> Row:
    """Return what a table of dlt has: `_` for `$`, keys as columns, and its own columns."""
    named = {name.replace("$", "_"): value for name, value in flattened(row, 9).items()}
    return named | {"_dlt_id": "x1", "_dlt_load_id": "1772359200.1"}


def flattened(row: Row, depth: int, separator: str = "__") -> Row:
    """Return the row with a column for each key, and JSON text below this depth."""
    flat: Row = {}
    for name, value in row.items():
        if name in OBJECTS and value is not None:
            _flatten(flat, name, value, depth, separator)
        else:
            flat[name] = json_text(value) if isinstance(value, list) else value
    return flat


def _flatten(flat: Row, name: str, value: Any, depth: int, separator: str) -> None:
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            _flatten(flat, f"{name}{separator}{key}", inner, depth - 1, separator)
    else:
        flat[name] = json_text(value) if isinstance(value, (dict, list)) else value


NO_MORE: Row = {}


class Form(NamedTuple):
    """How a table gives rows back.

    Attributes:
        of: makes it of a row of the export.
        column: the schema of a column, by the name it has in the export.
        fields: what rows of it hold besides, which it can tell.
    """

    of: Callable[[Row], Row]
    column: Callable[[str], dict[str, Any]]
    fields: Row = NO_MORE

    def schema(self, rows: list[Row]) -> dict[str, Any]:
        """Return the SCHEMA of rows in this form."""
        names = dict.fromkeys(name for row in rows for name in row)
        return {"properties": {name: self.column(name.lower()) for name in names}}


def _is_time(name: str) -> dict[str, Any]:
    return DATE_TIME if name in TIMES else ANY


FORMS = {
    "json text": Form(packed, lambda name: COLUMNS[name], MORE_OBJECTS),
    "json text of json text": Form(lambda row: packed(row, 2), lambda _: ANY, MORE_OBJECTS),
    "text columns": Form(packed, lambda _: TEXT, MORE_OBJECTS),
    "csv": Form(as_texts, lambda _: TEXT, MORE_OBJECTS),
    "sqlite": Form(from_sqlite, lambda _: ANY, MORE_OBJECTS),
    "date-time": Form(with_zone, lambda n: DATE_TIME if n in TIMES else COLUMNS[n], MORE_OBJECTS),
    "declared as date-time": Form(
        dict, lambda n: DATE_TIME if n in TIMES else COLUMNS[n], MORE_OBJECTS
    ),
    "snowflake": Form(from_snowflake, _is_time, MORE_OBJECTS),
    "fivetran": Form(from_fivetran, _is_time),
    "airbyte": Form(from_airbyte, _is_time, MORE_OBJECTS),
    "singer sdk": Form(from_singer_sdk, _is_time, MORE_OBJECTS),
    "dlt": Form(from_dlt, _is_time, MORE_OBJECTS),
    "flattened to 1": Form(lambda row: flattened(row, 1), lambda _: ANY, MORE_OBJECTS),
    "flattened to 2": Form(lambda row: flattened(row, 2), lambda _: ANY, MORE_OBJECTS),
    "flattened by dots": Form(lambda row: flattened(row, 9, "."), lambda _: ANY, MORE_OBJECTS),
}
"""Each way in which rows come back, by its name."""
