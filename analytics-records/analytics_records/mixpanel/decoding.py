"""Reads of an exported row what decisions need, and leaves the rest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec

from analytics_records.mixpanel.record import OWN_TIME, RECEIPT, id_text
from analytics_records.mixpanel.row import BEFORE_IDENTITY, BEFORE_RESHUFFLE, milliseconds

_NULL = msgspec.Raw(b"null")
_Text = str | None
_Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | str | None
_Milliseconds = Annotated[int, msgspec.Meta(ge=10**11, lt=2**52)] | None
_IDS = {
    "user": "$user_id",
    "device": "$device_id",
    "distinct": "distinct_id",
    "before": BEFORE_IDENTITY,
    "reshuffled": BEFORE_RESHUFFLE,
}
_TIMES = {"received": RECEIPT, "processed": "mp_processing_time_ms"}
_OTHERS = {"time": OWN_TIME, "imported": "$import"}
"""Properties that decisions need, behind the names that they have here."""


Decode = Callable[[bytes], Any]


class Decoders(NamedTuple):
    """What reads lines.

    Attributes:
        row: reads a row.
        message: reads a RECORD message.
        own: the class of the properties that decisions need.
        of_groups: returns what group keys hold, as JSON, in their order.
    """

    row: Decode
    message: Decode
    own: type[Any]
    of_groups: Callable[[Any], Iterable[Any]]


def decoders(keys: Sequence[str]) -> Decoders:
    """Return what reads lines, also the values of these group keys."""
    fields: list[Any] = [(field, _Id, None) for field in _IDS]
    fields += [(field, _Milliseconds, None) for field in _TIMES]
    fields += [(field, Any, None) for field in _OTHERS]
    names = {**_IDS, **_TIMES, **_OTHERS}
    of_keys = {f"group{number}": key for number, key in enumerate(keys)}
    fields += [(field, msgspec.Raw, _NULL) for field in of_keys]
    own = msgspec.defstruct("Own", fields, rename={**names, **of_keys}, gc=False)
    columns: list[Any] = [(name, _Text, None) for name in ("uuid", "event", "identity_merge")]
    row = msgspec.defstruct("Row", [("properties", own), *columns, ("time", _Text, None)], gc=False)
    message = msgspec.defstruct("Message", [("record", row)], gc=False)
    decode = msgspec.json.Decoder
    return Decoders(decode(row).decode, decode(message).decode, own, _reader([*of_keys]))


def _reader(fields: Sequence[str]) -> Callable[[Any], Iterable[Any]]:
    if len(fields) > 1:
        return attrgetter(*fields)
    return lambda own: [getattr(own, field) for field in fields]


def read_completely(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row that decisions need, whatever their types are.

    Raises:
        Unmappable: an id is a float to which other numbers are rounded (`inexact_id`).
    """
    get = properties.get
    return {
        **{field: id_text(get(key)) for field, key in _IDS.items()},
        **{field: milliseconds(get(key)) for field, key in _TIMES.items()},
        **{field: get(key) for field, key in _OTHERS.items()},
    }
