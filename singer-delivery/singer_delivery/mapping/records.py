"""What holds for every record, whatever its source: which names it keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from singer_delivery.model import Unmappable

_BOOKKEEPING = ("_sdc_", "_airbyte_", "_fivetran_", "_smart_source_", "_dlt_")
"""How columns begin that taps and loaders add.

Singer's (SDK docs, "SDC columns"), Airbyte's ("Typing and deduping"), Fivetran's ("System columns
and tables"), tap-spreadsheets-anywhere's (its `file_utils.py`), dlt's ("Destination tables").
"""


def is_bookkeeping(column: str) -> bool:
    """Tell whether a column was added on the way, by a tap, a loader or our dead letters.

    Such a column is no property, and no part of what stands for a record. Snowflake writes it in
    upper case.
    """
    if column[:1] != "_":  # nearly all
        return False
    name = column.lower()
    return name == "_dead_letter" or name.startswith(_BOOKKEEPING)


def check_keys(stream: str, record: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse a record without a column of its key, where the Singer SDK would end the run.

    Args:
        stream: of the record.
        record: of the stream.
        keys: the stream's key properties.

    Raises:
        Unmappable: the record lacks one (`missing_key`).
    """
    for key in keys:
        if key not in record:
            reason = "missing_key"
            detail = f"it has no column `{key}`, which is of the key of `{stream}`"
            raise Unmappable(reason, detail)


def put_aside(properties: dict[str, Any], key: str, value: Any, prefix: str) -> None:
    """Keep a value whose key is taken or guarded, under the prefix and the key without `$`."""
    aside = prefix + key.lstrip("$")
    while aside in properties:
        aside = prefix + aside
    properties[aside] = value


def harmless_name(
    name: str, meaningful: Collection[str], prefixes: tuple[str, ...], prefix: str
) -> str:
    """Return an event name that triggers nothing: itself, or without `$` behind the prefix.

    Args:
        name: of the event.
        meaningful: names that a destination gives a meaning; they begin with `$`.
        prefixes: beginnings of such names.
        prefix: what such a name gets instead of its `$`.
    """
    if name[:1] != "$":
        return name
    if name in meaningful or name.startswith(prefixes):
        return prefix + name.lstrip("$")
    return name
