"""Which mapping serves a stream: an export known by its columns, or columns that the user names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from singer_delivery.errors import SettingsError
from singer_delivery.model import RecordMapping


class Export(NamedTuple):
    """A vendor's export.

    Attributes:
        name: of it, for people, such as "Acme export".
        columns: that together only such an export has.
        make: makes the mapping of its records.
    """

    name: str
    columns: frozenset[str]
    make: Callable[[], RecordMapping]


def mapping_for(
    stream: str,
    schema: Mapping[str, Any],
    named: Mapping[str, Mapping[str, str]],
    exports: Sequence[Export],
    from_columns: Callable[[Mapping[str, str]], RecordMapping],
) -> RecordMapping:
    """Return the mapping of a stream: as the setting `streams` names it, else by its columns.

    Args:
        stream: its name.
        schema: of its records.
        named: the setting `streams`.
        exports: that are known.
        from_columns: makes the mapping of a stream that the setting describes.

    Raises:
        SettingsError: it is none of the exports, and `streams` does not name its columns.
    """
    if stream in named:
        return from_columns(named[stream])
    columns = schema.get("properties", {}).keys()
    for export in exports:
        if columns >= export.columns:
            return export.make()
    msg = f"Stream '{stream}' {_what_it_is_not(columns, exports)} {_how(stream)}"
    raise SettingsError(msg)


def _what_it_is_not(columns: Collection[str], exports: Sequence[Export]) -> str:
    """Say which export a stream nearly is, and what is missing; else that it is none."""
    for export in exports:
        missing = sorted(export.columns.difference(columns))
        if len(missing) * 2 <= len(export.columns):
            names = ", ".join(f"`{name}`" for name in missing)
            return (
                f"is no {export.name}: it lacks {names}. If it should be one, select these in the "
                "tap."
            )
    known = " or ".join(export.name for export in exports)
    return f"is no {known}, and `streams` does not say what it is."


def _how(stream: str) -> str:
    return (
        f'Name its columns: {{"{stream}": {{"event": "Order Placed", "distinct_id": "customer_id", '
        f'"timestamp": "created_at"}}}}, or {{"person": "user_id"}} for people, or {{"group": '
        '"company", "key": "id"} for groups; or deselect the stream in the tap.'
    )
