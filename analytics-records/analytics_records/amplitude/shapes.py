"""Rows of the export as tables of warehouses have them: other names, texts for numbers. Pure.

A stream's SCHEMA tells how its records differ from the rows of the export; `Shape.of` returns them
as the export has them, so that nothing else need know. What is known of such tables:

- loaders of the Singer SDK leave `$` out of names (`SQLSink.conform_name`), dlt and Airbyte write
  `_` for it (dlt docs, Naming convention), and Snowflake returns names in upper case;
- Fivetran writes `id` for `event_id`, `ad_id` for `adid`, `_insert_id` and `schema`, and texts for
  `app`, `location_lat` and `location_lng` (Fivetran docs, Amplitude connector schema);
- a table of a CSV has nothing but texts, and empty ones where there is nothing; SQLite has 0 and 1
  for booleans;
- times come back as `date-time`, with a `T` and a zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson
from singer_delivery.mapping.records import is_bookkeeping
from singer_delivery.mapping.values import is_exported, moment

from analytics_records.amplitude.columns import COLUMNS, TEXT
from analytics_records.amplitude.json_text import (
    KINDS,
    Record,
    flattened_from,
    nested,
    with_objects,
)
from analytics_records.amplitude.record import TIME_COLUMNS
from analytics_records.json_text import unpacked

Schema = Mapping[str, Any]

NEEDED = (("event_type",), TIME_COLUMNS, ("user_id", "device_id", "amplitude_id"))
"""What makes a row an event; of each, one column is enough."""

TELLING = frozenset({
    "amplitude_id", "amplitude_event_type", "amplitude_attribution_ids", "$insert_id",
    "event_properties", "user_properties", "group_properties", "global_user_properties",
    "client_event_time", "client_upload_time", "server_received_time", "server_upload_time",
    "processed_time", "user_creation_time", "is_attribution_event", "start_version",
    "device_carrier", "dma",
})  # fmt: skip
"""Columns that few other tables have; two of them tell an export, whatever is deselected."""

_PLAINER = {column.name.lstrip("$"): column.name for column in COLUMNS}
_FIVETRAN = {"ad_id": "adid", "id": "event_id"}
_TIMES = frozenset({*TIME_COLUMNS, "client_upload_time", "processed_time", "user_creation_time"})
_NO_NAMES: Mapping[str, str] = {}
_TYPES = {
    column.name: {*column.types, "null"}
    for column in COLUMNS
    if column.types != TEXT and column.name not in _TIMES
}


def lacks(columns: Collection[str]) -> tuple[str, ...] | None:
    """Return what a table of these columns lacks to be an export; None where it is none at all."""
    found = {*columns, *_names(columns).values(), *filter(None, map(flattened_from, columns))}
    if len(found & TELLING) < 2:
        return None
    return tuple(" or ".join(f"`{n}`" for n in of) for of in NEEDED if found.isdisjoint(of))


class Shape(NamedTuple):
    """How the records of a stream differ from the rows of the export.

    JSON text in the place of objects is looked for in each.

    Attributes:
        is_named_plainly: whether columns have the export's names and types.
        has_times: whether times are declared as `date-time`, and may be written as RFC 3339.
        names: of the export, for columns that have another.
    """

    is_named_plainly: bool = True
    has_times: bool = False
    names: Mapping[str, str] = _NO_NAMES

    @classmethod
    def of_schema(cls, schema: Schema) -> Shape:
        """Return the shape of the records of a stream with this schema."""
        columns: Schema = schema.get("properties", {})
        names = _names(columns)
        is_other = any(name in _TYPES and not _has_type(name, of) for name, of in columns.items())
        is_flat = any(flattened_from(name) for name in columns)
        has_times = any(columns[name].get("format") for name in _TIMES & columns.keys())
        return cls(not (names or is_other or is_flat), has_times, names)

    def of(self, record: Record) -> Record:
        """Return a record as the export has it: itself, if it is so already.

        Raises:
            Unmappable: JSON text in it nests too deep.
        """
        if self.is_named_plainly:
            record = with_objects(record)
            return _with_times(record) if self.has_times else record
        shaped: dict[str, Any] = {}
        is_flat, names = False, self.names
        for key, value in record.items():
            column = _column(key, names.get(key, key))
            if column is None:
                continue
            name, convert, is_flattened = column
            is_flat = is_flat or is_flattened
            if value is None or value == "":
                shaped[name] = None
            else:
                shaped[name] = value if convert is None else convert(value)
        return nested(shaped) if is_flat else shaped


def _with_times(record: Record) -> Record:
    """Return the record itself if its times are as the export writes them, else a copy with such.

    The time of the upload tells, which every row has: all are written alike.
    """
    uploaded = record.get("server_upload_time") or record.get("event_time")
    if is_exported(uploaded) and uploaded[10] == " ":
        return record
    times = {name: _time(record[name]) for name in _TIMES & record.keys()}
    return {**record, **times}


def _names(columns: Collection[str]) -> dict[str, str]:
    """Return the export's name of each column that has another, unless that is there too."""
    names: dict[str, str] = {}
    for known in (_PLAINER, _FIVETRAN):
        for column in columns:
            name = known.get(column.lower().lstrip("$_"), column)
            if name != column and name not in columns and name not in names.values():
                names[column] = name
    return names


def _has_type(name: str, schema: Schema) -> bool:
    """Tell whether a column can only hold what it holds in the export."""
    declared = schema.get("type")
    types = {declared} if isinstance(declared, str) else {*(declared or ())}
    taken = _TYPES[name] | ({"integer"} if "number" in _TYPES[name] else set())
    return bool(types) and types <= taken


_WHOLE = re.compile(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*", re.ASCII)
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_EXACT = 2**53


def _whole(value: Any) -> Any:
    """Return a whole number that came as text or as a float; any other value as it is."""
    if type(value) is float and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    match = _WHOLE.fullmatch(value) if type(value) is str else None
    return value if match is None else int(match[1])


def _number(value: Any) -> Any:
    """Return a number that came as text; any other value as it is."""
    match = _NUMBER.fullmatch(value) if type(value) is str else None
    return value if match is None else orjson.loads(match[1])


def _boolean(value: Any) -> Any:
    """Return a boolean that came as text, 0 or 1; any other value as it is."""
    return _BOOLEANS.get(str(value).strip().lower(), value)


def _time(value: Any) -> Any:
    """Return a time as exports write it, `2024-03-01 10:11:12.123456`; anything else as it is."""
    if is_exported(value) and value[10] == " ":  # mostly
        return value
    found = moment(value)
    return value if found is None else found.text[:26].replace("T", " ")


def _conversion(name: str, types: Collection[str]) -> Callable[[Any], Any] | None:
    if name in KINDS:
        return partial(unpacked, kind=KINDS[name])
    if name in _TIMES:
        return _time
    by_type = {"integer": _whole, "number": _number, "boolean": _boolean}
    return next((by_type[each] for each in types if each in by_type), None)


_CONVERSIONS = {column.name: _conversion(column.name, column.types) for column in COLUMNS}


@lru_cache(1024)  # those of a record are mostly the same
def _column(key: str, name: str) -> tuple[str, Callable[[Any], Any] | None, bool] | None:
    """Return the name of a column, its conversion, and whether flattening made it.

    None stands for a column that is left out.
    """
    if is_bookkeeping(key):
        return None
    return name, _CONVERSIONS.get(name), flattened_from(name) is not None
