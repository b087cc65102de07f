"""What Mixpanel's `/lookup-tables` makes of a table. Pure.

Sources: Mixpanel docs, "Replace a Lookup Table" (validation, types, messages), "Ingestion API"
(OpenAPI description: LookupTableInvalid, StrictNotFound). The two documents show the failure in two
shapes; this is the second's. Assumed: rows are counted from the header, which is 0, and the
messages on the header and on broken quoting.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.mixpanel.http import Refusal, content_type, refused, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TABLE_LIMIT = 100 * 1024 * 1024
"""Bytes, decompressed. "100MB", read like the 2 MB of the documented 413."""

CALLS_LIMIT = 100
"""Replacements in any 24 hours."""

REPORTED = 10
FAILED = "Some data points in the request failed validation."
NO_KEY = "primary key is required and cannot be blank"
WRONG_WIDTH = "invalid row: wrong number of fields"
BROKEN = "invalid row: broken quoting"
BAD_HEADER = "invalid header: names must be unique and not blank"

_FIELD = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|\Z)')
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True)
class LookupTable:
    """A table of the project.

    Attributes:
        columns: As in the header; the first is the id.
        rows: Id -> column -> value with its type; undefined values are left out.
    """

    name: str
    columns: tuple[str, ...] = ()
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_table(name: str, body: bytes, headers: Mapping[str, str], limit: int) -> LookupTable:
    """Read a table; it is taken as a whole or not at all.

    Args:
        name: Of the table it replaces.
        body: As received.
        headers: Names in lower case.
        limit: Bytes of the body, decompressed.

    Raises:
        Refusal: 400 with the first ten bad rows, or 413.
    """
    if content_type(headers) != "text/csv":
        raise Refusal(refused(400, "content type must be text/csv"))  # assumed
    try:
        text = unpacked(body, headers, limit).decode()
    except UnicodeDecodeError as error:
        raise Refusal(refused(400, "the table is no valid utf8")) from error  # assumed
    rows, problems = _checked(text)
    if problems:
        records = [{"index": index, "message": said} for index, said in problems[:REPORTED]]
        raise Refusal(refused(400, FAILED, failed_records=records))
    columns, *values = rows
    return LookupTable(name, tuple(columns), {row[0]: _typed(columns, row) for row in values})


def not_found(table_id: str) -> Refusal:
    """Return the answer for a table the project does not have; tables are made in the UI."""
    return Refusal(refused(404, f"Lookup table with id '{table_id}' was not found."))


def csv_rows(text: str) -> Iterator[list[str]]:
    """Split a table as RFC 4180 has it, with a bare LF for a line end allowed.

    Raises:
        ValueError: A quote is where none may be.
    """
    row: list[str] = []
    position = 0
    while position < len(text):
        match = _FIELD.match(text, position)
        if match is None:
            raise ValueError(BROKEN)
        quoted, bare, end = match.groups()
        row.append(bare if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if end != ",":
            yield row
            row = []
    if row:  # the text ends with a comma
        yield [*row, ""]


def _checked(text: str) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """Return the rows and what is wrong with them."""
    rows: list[list[str]] = []
    broken: list[tuple[int, str]] = []
    try:
        for row in csv_rows(text):
            rows.append(row)  # noqa: PERF402 - the rows before a broken one are judged too
    except ValueError:
        broken = [(len(rows), BROKEN)]
    header = rows[0] if rows else []
    if not broken and (not all(header) or len(set(header)) != len(header) or not header):
        return rows, [(0, BAD_HEADER)]
    return rows, [*_problems(rows), *broken]


def _problems(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, str]]:
    first_with: dict[str, int] = {}
    for index, row in enumerate(rows[1:], start=1):
        if not row[0]:
            yield index, NO_KEY
        elif len(row) != len(rows[0]):
            yield index, WRONG_WIDTH
        elif first_with.setdefault(row[0], index) != index:
            indexes = f"{first_with[row[0]]} and {index}"
            yield index, f"invalid row: row indexes {indexes} have the same primary key"


def _typed(columns: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    return {column: typed(text) for column, text in zip(columns[1:], row[1:], strict=True) if text}


def typed(text: str) -> Any:
    """Return the value Mixpanel sees in a field that is not empty."""
    if match := _NUMBER.fullmatch(text):
        return float(text) if match[1] or match[2] else int(text)
    if match := _TIME.fullmatch(text):
        return _time(match)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _list(text)


def _time(match: re.Match[str]) -> datetime | str:
    """Read a time; UTC without a zone, as the documented example has it."""
    instant, fraction, zone = match.groups()
    try:
        micros = (fraction or "0")[:6].ljust(6, "0")
        offset = "+00:00" if zone in (None, "Z") else zone
        return datetime.fromisoformat(f"{instant}.{micros}{offset}")
    except ValueError:
        return match[0]


def _list(text: str) -> list[str] | str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if is_list else text
