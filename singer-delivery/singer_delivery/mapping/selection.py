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
        lacks: returns what a table of these columns lacks to be one, in words for people: nothing
            where it is one, None where it is something else.
        make: makes the mapping of records with this schema.
    """

    name: str
    lacks: Callable[[Collection[str]], tuple[str, ...] | None]
    make: Callable[[Mapping[str, Any]], RecordMapping]


def mapping_for(
    stream: str,
    schema: Mapping[str, Any],
    named: Mapping[str, Mapping[str, Any]],
    exports: Sequence[Export],
    from_columns: Callable[[Mapping[str, Any]], RecordMapping],
) -> RecordMapping:
    """Return the mapping of a stream: as the setting `streams` names it, else by its columns.

    Args:
        stream: its name.
        schema: of its records.
        named: the setting `streams`.
        exports: that are known.
        from_columns: makes the mapping of a stream that the setting describes.

    Raises:
        SettingsError: it is none of the exports, or lacks what one needs, and `streams` does not
            name its columns, or one that it does not have.
    """
    if stream in named:
        return from_columns(named[stream])
    columns = schema.get("properties", {}).keys()
    for export in exports:
        lacking = export.lacks(columns)
        if lacking is not None:
            _check(stream, export.name, lacking)
            return export.make(schema)
    known = " or ".join(export.name for export in exports)
    msg = (
        f"Stream '{stream}' is no {known}, and `streams` does not say what it is. Name "
        f'its columns: {{"{stream}": {{"event": "Order Placed", "distinct_id": "customer_id", '
        f'"timestamp": "created_at"}}}}, or {{"person": "user_id"}} for people, or {{"group": '
        '"company", "key": "id"} for groups; or deselect the stream in the tap.'
    )
    raise SettingsError(msg)


def _check(stream: str, export: str, lacking: Sequence[str]) -> None:
    """Refuse an export that lacks a column.

    Raises:
        SettingsError: it does.
    """
    if lacking:
        msg = (
            f"Stream '{stream}' is an {export}, as its columns say, but has no "
            f"{', and no '.join(lacking)}. Select what is missing in the tap; or name the columns "
            "of the stream under `streams`; or deselect it."
        )
        raise SettingsError(msg)
