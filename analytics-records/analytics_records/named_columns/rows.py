"""What the records of one stream say: ids, time, properties, and the id of the record itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from singer_delivery.mapping import lines
from singer_delivery.mapping.choice import LeavesOut, without
from singer_delivery.mapping.ids import IdRules
from singer_delivery.mapping.records import check_keys, is_bookkeeping
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import (
    Moment,
    as_uuid,
    clean_id,
    digest,
    key_text,
    rfc3339,
    stable_uuid,
)
from singer_delivery.model import Unmappable

from analytics_records.named_columns.description import Description, Properties

COPY = "\0copy"
"""Where the mapping keeps the number of an equal record; no clean record has such a column."""

Record = Mapping[str, Any]


class Rows:
    """Reads the records of one stream.

    Args:
        description: of the stream.
        key_properties: the stream's key, which makes the uuid where no column is one.
        ids: what the destination makes of ids.
        service: what reads records, for people.
        leaves_out: tells which properties the user leaves out; None for none.
    """

    def __init__(
        self,
        description: Description,
        key_properties: Sequence[str],
        ids: IdRules,
        service: str,
        leaves_out: LeavesOut | None = None,
    ) -> None:
        self.description, self._keys = description, tuple(key_properties)
        self.ids, self._service, self._leaves_out = ids, service, leaves_out
        self._named = _not_properties(description)

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.description.stream

    @property
    def has_ids(self) -> bool:
        """Whether the records have an id of their own: a key, or a column that is named."""
        return bool(self._keys) or self.description.row_id is not None

    def read(self, line: bytes, *, is_message: bool) -> Record:
        """Return the record of a line: decisions may need any column.

        Raises:
            Unmappable: the line is no record, an unreadable one, or lacks its key.
        """
        record = lines.read(line, is_message=is_message, service=self._service)
        check_keys(self.stream, record, self._keys)
        return record

    def id(self, record: Record) -> str:
        """Return the id that the stream is about, as the destination takes it.

        Raises:
            Unmappable: there is none (`no_identity`).
        """
        found = self.id_in(record.get(self.description.id))
        if found is None:
            raise self.no_identity()
        return found

    def id_in(self, value: Any) -> str | None:
        """Return an id as the destination takes it; None when it stands for nobody there."""
        found = clean_id(value)
        return None if found is None or self.ids.is_illegal(found) else self.ids.fitted(found)

    def no_identity(self) -> Unmappable:
        """Return the error of a record of nobody."""
        it, reason = self.description, "no_identity"
        if it.device is None:
            return Unmappable(reason, f"column `{it.id}` of `{it.stream}` holds no id")
        columns = f"neither column `{it.id}` nor `{it.device}` of `{it.stream}`"
        return Unmappable(reason, f"{columns} holds an id")

    def time(self, record: Record) -> Moment | None:
        """Return the time of a record, None for a stream without a timestamp column.

        Raises:
            Unmappable: the column holds none (`no_time`).
        """
        it = self.description
        if it.time is None:
            return None
        value = record.get(it.time)
        at = it.read_time(value)
        if at is not None:
            return Moment(at, rfc3339(at))
        reason, detail = "no_time", f"column `{it.time}` of `{it.stream}` "
        if value is None or value == "":
            raise Unmappable(reason, detail + "is empty")
        raise Unmappable(reason, detail + _why(it, value))

    def properties(self, record: Record) -> dict[str, Any]:
        """Return the properties of a record: one object, several columns, or all not named.

        Raises:
            Unmappable: an object that is written as JSON text nests too deep.
        """
        found = self.of_columns(record, self.description.properties)
        return found if self._leaves_out is None else without(found, self._leaves_out)

    def of_columns(self, record: Record, columns: Properties) -> dict[str, Any]:
        """Return what these columns hold that has a value; None stands for all not named.

        An object may be written as JSON text. What is no object stays under its column's name.
        """
        if columns is None:
            return {
                key: value
                for key, value in record.items()
                if value is not None and key not in self._named and not is_bookkeeping(key)
            }
        if isinstance(columns, str):
            found = self._object(columns, record.get(columns))
        else:
            found = {column: record.get(column) for column in columns}
        return {key: value for key, value in found.items() if value is not None}

    def uuid(self, record: Record) -> str:
        """Return the id of an event: of its own column, else of the key, else of the record.

        Equal records without an id have one uuid, unless the record carries its number.
        """
        own = self._own_id(record)
        if own is not None:
            return own
        copy = record.get(COPY)
        return stable_uuid("row", self.stream, self.content(record), *([str(copy)] if copy else []))

    def content(self, record: Record) -> str:
        """Return what stands for a record, whatever was added to it on the way."""
        own = {k: v for k, v in record.items() if k != COPY and not is_bookkeeping(k)}
        return digest(own)

    def lacks_id(self, record: Record) -> bool:
        """Tell whether a record has no id of its own."""
        return self._own_id(record) is None

    def _own_id(self, record: Record) -> str | None:
        it = self.description
        value = None if it.row_id is None else record.get(it.row_id)
        found = as_uuid(value)
        if found is not None:
            return found
        if it.makes_uuid and not is_absent(value):
            return stable_uuid("insert_id", it.stream, key_text(value))
        keys = [record.get(key) for key in self._keys]
        if keys and not any(is_absent(key) for key in keys):
            return stable_uuid("row", it.stream, *(key_text(key) for key in keys))
        return None

    def _object(self, column: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            return {column: value}
        if value.strip() in ("", "null"):
            return {}
        try:
            return lines.read(value.encode(), is_message=False, service=self._service)
        except Unmappable as error:
            if error.reason != lines.BAD_LINE:
                raise
        return {column: value}


def _not_properties(it: Description) -> frozenset[str]:
    """Return the columns that are no properties though all others are.

    The columns with keys of groups stay: a type may not be linked.
    """
    of_groups = (of.properties for of in it.groups)
    named = {it.id, it.device, it.time, it.name_column, it.row_id, COPY}
    for columns in (it.person, *of_groups):
        named |= {columns} if isinstance(columns, str) else set(columns or ())
    return frozenset(name for name in named if name)


def _why(it: Description, value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        return "is neither text nor a number"
    if it.has_format:
        return "is not written as its `timestamp_format` says"
    return "is no date and time with one meaning: name its form as `timestamp_format`"
