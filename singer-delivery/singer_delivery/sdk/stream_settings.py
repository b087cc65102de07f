"""The setting `streams`: how a stream of any origin is loaded, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from singer_sdk import typing as th

_TEXT_OR_OBJECT = th.CustomType({"type": ["string", "object", "null"]})
_TEXT_OR_LIST = th.CustomType({"type": ["string", "array", "null"], "items": {"type": "string"}})
_GROUP = th.CustomType({
    "type": ["string", "object"],
    "properties": {
        "key": {"type": "string", "description": "The column with the group's key."},
        "properties": {
            "type": ["string", "array"],
            "items": {"type": "string"},
            "description": "The column, or columns, with what is known of the group.",
        },
    },
})  # fmt: skip

_FORMS = [
    th.Property(
        "event",
        _TEXT_OR_OBJECT,
        title="Event",
        description=(
            "Each record is an event of this name; or of the name in a column: {column: <column>}."
        ),
    ),
    th.Property(
        "person",
        _TEXT_OR_OBJECT,
        title="Person",
        description=(
            "Each record describes the person whose id is in this column. Beside `event`: "
            "{properties: <column or columns>} hold what is known of the event's person."
        ),
    ),
    th.Property(
        "group",
        th.StringType,
        title="Group",
        description="Each record describes a group of this type; its key is in the column `key`.",
    ),
    th.Property(
        "key",
        th.StringType,
        title="Key",
        description="The column with the key of the group that a record describes.",
    ),
]
_IDS = [
    th.Property(
        "distinct_id",
        th.StringType,
        title="Distinct id",
        description="The column with the id of who did it.",
    ),
    th.Property(
        "anonymous_id",
        th.StringType,
        title="Anonymous id",
        description=(
            "The column with a second id, of a device or a visitor. It is linked to the first "
            "user it comes with, and says who did it where there is no other id."
        ),
    ),
    th.Property(
        "insert_id",
        _TEXT_OR_OBJECT,
        title="Insert id",
        description=(
            "The column with the record's own id, of which a uuid is made where it is none. "
            "{row_number: true} tells equal records apart that have no id."
        ),
    ),
    th.Property(
        "uuid",
        th.StringType,
        title="UUID",
        description="The column with a uuid; where it holds none, the stream's key makes one.",
    ),
]
_CONTENT = [
    th.Property(
        "timestamp",
        th.StringType,
        title="Timestamp",
        description=(
            "The column with the time: ISO 8601, or seconds, milliseconds, microseconds or "
            "nanoseconds since 1970."
        ),
    ),
    th.Property(
        "timestamp_format",
        th.StringType,
        title="Format of the time",
        description="How the time is written, as Python's strptime has it, such as %d/%m/%Y.",
    ),
    th.Property(
        "properties",
        _TEXT_OR_LIST,
        title="Properties",
        description=(
            "The column with an object of properties, also as JSON text, or a list of columns. By "
            "default all columns that are not named."
        ),
    ),
    th.Property(
        "groups",
        th.ObjectType(additional_properties=_GROUP, nullable=True),
        title="Groups",
        description=(
            "To each group type the column with the group's key, or {key: <column>, properties: "
            "<column or columns>}."
        ),
    ),
]


def streams_setting(
    export: str, also: str = "", more: Sequence[th.Property[Any]] = ()
) -> th.Property[Any]:
    """Return the setting that names the columns of streams.

    What is wrong with a description beyond the type of a word is said where it is read.

    Args:
        export: what needs no names, such as "Vendor export".
        also: what else such streams may hold.
        more: words for that.
    """
    stream = th.ObjectType(*_FORMS, *_IDS, *_CONTENT, *more)
    return th.Property(
        "streams",
        th.ObjectType(additional_properties=stream),
        title="Streams",
        description=(
            f"What streams that are no {export} hold, by their names and columns: an event, a "
            f"person or a group a record{also}. docs/streams.md has every word, and recipes."
        ),
    )
