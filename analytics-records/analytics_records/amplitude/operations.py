"""What properties of a person or a group say: plain ones, and the operations of Identify calls.

Source: Amplitude docs, Identify API; the words of its web SDK where it found no attribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_delivery.mapping.changes import Changes, EmptyWord
from singer_delivery.model import Note

OPERATIONS = frozenset({
    "$set", "$setOnce", "$unset", "$add", "$append", "$prepend", "$preInsert", "$postInsert",
    "$remove", "$clearAll",
})  # fmt: skip
"""What an Amplitude Identify call can do to properties (Amplitude docs, Identify API)."""

_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_name", "utm_term", "utm_id")
_CLICK_IDS = (
    "gclid", "gad_source", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "twclid",
    "li_fat_id", "mc_cid", "igshid", "ttclid", "rdt_cid", "irclid", "_kx", "epik", "qclid",
    "sccid", "ko_click_id",
)  # fmt: skip
ATTRIBUTION = frozenset({*_UTM, *_CLICK_IDS, "referrer", "referring_domain"})
INITIAL_ATTRIBUTION = frozenset(f"initial_{name}" for name in ATTRIBUTION)
"""Where a person came from, now and at first."""


EMPTY = EmptyWord("EMPTY", ATTRIBUTION | INITIAL_ATTRIBUTION)
"""What Amplitude's web SDK writes where it found no attribution."""


def changes(properties: Mapping[str, Any], notes: list[Note]) -> Changes:
    """Read properties, plain ones and the operations of an Identify call.

    A plain property that is null is taken away; one that is missing is not. Where a person came
    from at first is never taken away.

    `$add`, `$append` and the like have no counterpart that could be sent twice without harm. They
    are counted; what they led to stands in the properties of the next event.
    """
    if OPERATIONS.isdisjoint(properties):
        return _plain(properties)
    result = Changes()
    for key, value in properties.items():
        if key not in OPERATIONS:
            result.set.update(EMPTY.something({key: value}))
        elif key == "$set" and isinstance(value, dict):
            plain = _plain(value)
            result.set.update(plain.set)
            result.unset += plain.unset
        elif key == "$setOnce" and isinstance(value, dict):
            result.set_once.update(EMPTY.something(value))
        elif key == "$unset" and isinstance(value, (dict, list)):
            result.unset.extend(k for k in value if isinstance(k, str))
        elif key == "$clearAll":
            result.clear = True
        else:
            notes.append(Note("operations_without_counterpart", key))
    return result


def _plain(properties: Mapping[str, Any]) -> Changes:
    change = Changes(EMPTY.something(properties))
    if len(change.set) < len(properties):
        change.unset = [
            key
            for key, value in properties.items()
            if value is None and key not in INITIAL_ATTRIBUTION
        ]
    return change
