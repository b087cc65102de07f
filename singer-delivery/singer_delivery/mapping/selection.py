"""Which mapping serves a stream: an export known by its columns, or columns that the user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    known = " or ".join(export.name for export in exports)
    msg = (
        f"Stream '{stream}' is no {known}, and `streams` does not say what it is. Name "
        f'its columns: {{"{stream}": {{"event": "Order Placed", "distinct_id": "customer_id", '
        f'"timestamp": "created_at"}}}}, or {{"person": "user_id"}} for people, or {{"group": '
        '"company", "key": "id"} for groups; or deselect the stream in the tap.'
    )
    raise SettingsError(msg)
