"""The columns of an exported row.

Amplitude documents 40 of them (Amplitude docs, Export API, response schema); exports since 2023
carry all those below in every row, null where there is nothing, and older rows carry fewer. Nothing
is required, and unknown columns pass. Each column has one type beside null, so that no loader makes
text of it for being a union; only `amplitude_attribution_ids` is documented both as a text and as a
list. Times are declared as `date-time`, as the Singer SDK's own taps declare theirs. Amplitude
writes `2024-01-31 12:00:00.000000`, UTC without saying so; the SDK's targets read that. A loader
that holds such a text against RFC 3339 refuses it: see the tap's setting `timestamps`.
Texts are cut at 1,024 characters, even within an emoji (Amplitude docs, HTTP V2 API), and an upload
is at most 20 MB of JSON (Amplitude docs, Batch Event Upload API).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column: its name, its JSON types beside null, and what it holds."""

    name: str
    types: tuple[str, ...]
    description: str


TEXT = ("string",)
INTEGER = ("integer",)
NUMBER = ("number",)
BOOLEAN = ("boolean",)
OBJECT = ("object",)
TIME = ("date-time",)

# fmt: off
COLUMNS = (
    Column("uuid",                      TEXT,     "Identifies the row, for good."),
    Column("$insert_id",                TEXT,     "The sender's own id of the event."),
    Column("$insert_key",               TEXT,     "Internal to Amplitude."),
    Column("$schema",                   INTEGER,  "Version of Amplitude's storage."),
    Column("adid",                      TEXT,     "Google advertising id."),
    Column("amplitude_attribution_ids", ("string", "array"), "Hashed advertising ids."),
    Column("amplitude_event_type",      TEXT,     "Name of an event Amplitude itself made."),
    Column("amplitude_id",              INTEGER,  "Amplitude's id of the user."),
    Column("app",                       INTEGER,  "Project id."),
    Column("city",                      TEXT,     "City."),
    Column("client_event_time",         TIME,     "When it happened, by the device's clock."),
    Column("client_upload_time",        TIME,     "When it was sent, by the device's clock."),
    Column("country",                   TEXT,     "Country, by name."),
    Column("data",                      OBJECT,   "Internal fields."),
    Column("data_type",                 TEXT,     "Kind of row."),
    Column("device_brand",              TEXT,     "Brand of the device."),
    Column("device_carrier",            TEXT,     "Carrier of the device."),
    Column("device_family",             TEXT,     "Family of the device."),
    Column("device_id",                 TEXT,     "Id of the device or browser."),
    Column("device_manufacturer",       TEXT,     "Manufacturer of the device."),
    Column("device_model",              TEXT,     "Model of the device."),
    Column("device_type",               TEXT,     "Device as people call it."),
    Column("dma",                       TEXT,     "Designated marketing area."),
    Column("event_id",                  INTEGER,  "Counter of the user's events; not unique."),
    Column("event_properties",          OBJECT,   "Properties of the event."),
    Column("event_time",                TIME,     "When it happened, clock errors corrected."),
    Column("event_type",                TEXT,     "Name of the event, as sent."),
    Column("global_user_properties",    OBJECT,   "User properties across projects."),
    Column("group_properties",          OBJECT,   "Group type, group, its properties."),
    Column("groups",                    OBJECT,   "Group type, groups."),
    Column("idfa",                      TEXT,     "Apple advertising id."),
    Column("ip_address",                TEXT,     "IP address."),
    Column("is_attribution_event",      BOOLEAN,  "Whether it attributes an install."),
    Column("language",                  TEXT,     "Language, by name."),
    Column("library",                   TEXT,     "Library that sent it."),
    Column("location_lat",              NUMBER,   "Latitude."),
    Column("location_lng",              NUMBER,   "Longitude."),
    Column("os_name",                   TEXT,     "Operating system; on the web, the browser."),
    Column("os_version",                TEXT,     "Version of os_name."),
    Column("partner_id",                TEXT,     "Id of the partner that sent it."),
    Column("paying",                    BOOLEAN,  "Whether the user ever paid."),
    Column("plan",                      OBJECT,   "Tracking plan: branch, source, version."),
    Column("platform",                  TEXT,     "Platform."),
    Column("processed_time",            TIME,     "When Amplitude processed it."),
    Column("region",                    TEXT,     "State or region."),
    Column("sample_rate",               NUMBER,   "Sampling; usually null."),
    Column("server_received_time",      TIME,     "When Amplitude received it."),
    Column("server_upload_time",        TIME,     "When Amplitude stored it; the export's clock."),
    Column("session_id",                INTEGER,  "Start of the session, ms since 1970; or -1."),
    Column("source_id",                 TEXT,     "Id of the source that sent it."),
    Column("start_version",             TEXT,     "Version the user first had."),
    Column("user_creation_time",        TIME,     "When the user was first seen."),
    Column("user_id",                   TEXT,     "The customer's id of the user."),
    Column("user_properties",           OBJECT,   "Properties of the user at that time."),
    Column("version_name",              TEXT,     "Version of the app."),
)
# fmt: on


TIME_COLUMNS = tuple(column.name for column in COLUMNS if column.types == TIME)


def events_schema(*, times_are_text: bool = False) -> dict[str, Any]:
    """Return the schema of an exported row, with times as `date-time` or as plain text."""
    columns = {column.name: _json_schema(column, times_are_text) for column in COLUMNS}
    return {"type": "object", "properties": columns, "additionalProperties": True}


def _json_schema(column: Column, times_are_text: bool) -> dict[str, Any]:  # noqa: FBT001
    types = ("string",) if column.types == TIME else column.types
    schema: dict[str, Any] = {"type": [*types, "null"], "description": column.description}
    if column.types == TIME and not times_are_text:
        schema["format"] = "date-time"
    if "object" in types:
        # No `properties`: where there are none in it, the SDK's flattening drops the column.
        schema["additionalProperties"] = True
    if "array" in types:
        schema["items"] = {"type": ["string", "null"]}
    return schema
